using System.Net;
using AuthIndex.Hosting.Tls;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>Makes the HTTP client of an upstream.</summary>
internal static class UpstreamHttp
{
    /// <summary>How long a connection may take to open.</summary>
    public static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan LongestPause = TimeSpan.FromHours(1);

    /// <summary>A client that follows no redirect and sends no credential by itself.</summary>
    /// <exception cref="Hosting.OperatorException">The CA file cannot be read.</exception>
    public static HttpClient Create(UpstreamOptions options, Uri url)
    {
        var guard = new AddressGuard([.. options.RealmHosts, .. options.Proxy is { } p ? (string[])[p.Host] : []], url.Host);
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            AutomaticDecompression = DecompressionMethods.None,
            ConnectCallback = guard.ConnectAsync,
            ConnectTimeout = ConnectTimeout,
            MaxResponseHeadersLength = 64, // KiB
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            UseCookies = false,
            UseProxy = options.Proxy is not null,
        };
        if (options.Proxy is { } proxy) handler.Proxy = new WebProxy(proxy) { Credentials = ProxyCredential.Of(options) };
        if (options.CaFile is { } file) handler.SslOptions.Trust(file, "registry.upstreams[].caFile");
        var http = new HttpClient(handler) { Timeout = Timeout.InfiniteTimeSpan };
        http.DefaultRequestHeaders.UserAgent.ParseAdd("AuthIndex");
        return http;
    }

    /// <summary>Reads a body of bounded length.</summary>
    /// <exception cref="UpstreamException">It is longer.</exception>
    public static async Task<byte[]> ReadAsync(HttpResponseMessage answer, long limit, CancellationToken cancellationToken)
    {
        if (answer.Content.Headers.ContentLength > limit) throw TooLong(limit);
        await using var body = await answer.Content.ReadAsStreamAsync(cancellationToken);
        var buffer = new byte[(int)Math.Min(limit, answer.Content.Headers.ContentLength ?? 16 * 1024) + 1];
        for (var length = 0; ;)
        {
            var read = await body.ReadAsync(buffer.AsMemory(length), cancellationToken);
            if (read == 0) return buffer[..length];
            length += read;
            if (length > limit) throw TooLong(limit);
            if (length == buffer.Length) Array.Resize(ref buffer, (int)Math.Min(limit + 1, 2L * buffer.Length));
        }
    }

    /// <summary>How long an answer asks to be left alone, up to an hour; null when it does not ask.</summary>
    public static TimeSpan? RetryAfter(HttpResponseMessage answer, TimeProvider clock)
    {
        if (answer.Headers.RetryAfter is not { } header) return null;
        var wait = header.Delta ?? (header.Date is { } date ? date - clock.GetUtcNow() : TimeSpan.Zero);
        return wait <= TimeSpan.Zero ? TimeSpan.FromSeconds(1) : wait > LongestPause ? LongestPause : wait;
    }

    /// <summary>Why a request failed, for the log: the innermost message, since the outer ones say no more than that it did.</summary>
    public static string Reason(Exception e)
    {
        if (e is OperationCanceledException) return "no answer in time";
        while (e.InnerException is { } inner) e = inner;
        return e.Message;
    }

    /// <summary>The same for clients: without addresses and other internals.</summary>
    public static string ShortReason(Exception e) => e switch
    {
        OperationCanceledException => "did not answer in time",
        HttpRequestException { HttpRequestError: HttpRequestError.SecureConnectionError } => "has a certificate that is not trusted",
        _ => "cannot be reached, or broke the connection",
    };

    private static UpstreamException TooLong(long limit) => new(FailureKind.Unusable, $"its answer has more than {limit} bytes");
}
