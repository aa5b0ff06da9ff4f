using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace AuthIndex.TestKit;

/// <summary>What happens to a request on its way to an object store. Codes are those of S3, or what Azure has for them.</summary>
public enum StoreFault
{
    /// <summary>It is answered as the server answers it.</summary>
    None,

    /// <summary>It is answered with 500 InternalError, and does not reach the server.</summary>
    InternalError,

    /// <summary>It is answered with 503 SlowDown, and does not reach the server.</summary>
    SlowDown,

    /// <summary>It is not answered, and does not reach the server.</summary>
    Silence,

    /// <summary>Its connection is cut, and it does not reach the server.</summary>
    Cut,

    /// <summary>The server does what it is asked, and the connection is cut in place of its answer.</summary>
    LostAnswer,

    /// <summary>The server's answer breaks off in the middle of its body.</summary>
    HalfAnswer,

    /// <summary>Nothing follows the first half of the body of the server's answer, and the connection stays.</summary>
    HalfThenSilence,

    /// <summary>It is answered with a 404 page, as by a proxy that does not find the server, and does not reach it.</summary>
    NotFoundPage,

    /// <summary>It is answered with 404 NoSuchKey, and does not reach the server.</summary>
    NoSuchKey,

    /// <summary>It is answered with 200 and an error in the body, and does not reach the server.</summary>
    ErrorAfterOk,

    /// <summary>It is answered with 400 InvalidPart, and does not reach the server.</summary>
    InvalidPart,

    /// <summary>It is answered with 200 and an error for each key, and does not reach the server.</summary>
    NotDeleted,

    /// <summary>It reaches the server only after <see cref="StoreRelay.Release"/>.</summary>
    Held,
}

/// <summary>The line to an object store, with the faults that a test wants.</summary>
public sealed class StoreRelay : IAsyncDisposable
{
    private readonly WebApplication app;
    private readonly Uri target;
    private readonly HttpClient client = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseProxy = false });
    private TaskCompletionSource released = NewGate();
    private readonly bool isAzure;
    private int requests;
    private int unfinished;

    private StoreRelay(WebApplication app, Uri target, bool isAzure) => (this.app, this.target, this.isAzure) = (app, target, isAzure);

    /// <summary>Where the registry finds the store.</summary>
    public Uri Address => new(app.Urls.First());

    /// <summary>What happens to each request: by its method, its path and query, and how many came before it.</summary>
    public Func<string, string, int, StoreFault> Fault { get; set; } = (_, _, _) => StoreFault.None;

    /// <summary>How many requests have come.</summary>
    public int Requests => Volatile.Read(ref requests);

    /// <summary>How many requests are neither answered to the end nor cut off, by either side.</summary>
    public int Unfinished => Volatile.Read(ref unfinished);

    /// <summary>Lets those go on that are held.</summary>
    public void Release() => Interlocked.Exchange(ref released, NewGate()).SetResult();

    /// <summary>Starts a line.</summary>
    /// <param name="target">The server.</param>
    /// <param name="isAzure">Whether it speaks Azure's protocol rather than S3's.</param>
    public static async Task<StoreRelay> StartAsync(Uri target, bool isAzure = false)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0").ConfigureKestrel(k => k.Limits.MaxRequestBodySize = null);
        var relay = new StoreRelay(builder.Build(), target, isAzure);
        relay.app.Run(async http =>
        {
            Interlocked.Increment(ref relay.unfinished);
            try
            {
                await relay.HandleAsync(http);
            }
            finally
            {
                Interlocked.Decrement(ref relay.unfinished);
            }
        });
        await relay.app.StartAsync();
        return relay;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await app.DisposeAsync();
        client.Dispose();
    }

    private async Task HandleAsync(HttpContext http)
    {
        var path = http.Features.GetRequiredFeature<IHttpRequestFeature>().RawTarget;
        var fault = Fault(http.Request.Method, path, Interlocked.Increment(ref requests) - 1);
        switch (fault)
        {
            case StoreFault.InternalError:
                await RefuseAsync(http, 500, "InternalError");
                return;
            case StoreFault.SlowDown:
                await RefuseAsync(http, 503, isAzure ? "ServerBusy" : "SlowDown");
                return;
            case StoreFault.NotFoundPage:
                await RefuseAsync(http, 404, null);
                return;
            case StoreFault.NoSuchKey:
                await RefuseAsync(http, 404, isAzure ? "BlobNotFound" : "NoSuchKey");
                return;
            case StoreFault.ErrorAfterOk:
                await RefuseAsync(http, 200, "InternalError");
                return;
            case StoreFault.InvalidPart:
                await RefuseAsync(http, 400, isAzure ? "InvalidBlockList" : "InvalidPart");
                return;
            case StoreFault.NotDeleted:
                await (isAzure ? RefuseAsync(http, 409, "BlobImmutableDueToPolicy") : DeleteNothingAsync(http));
                return;
            case StoreFault.Held:
                await Volatile.Read(ref released).Task.WaitAsync(http.RequestAborted);
                break;
            case StoreFault.Silence:
                await UntilGoneAsync(http);
                return;
            case StoreFault.Cut:
                http.Abort();
                return;
        }

        using var answer = await AskAsync(http, path);
        if (fault == StoreFault.LostAnswer) http.Abort();
        else await PassOnAsync(http, answer, fault);
    }

    private static async Task RefuseAsync(HttpContext http, int status, string? code)
    {
        await http.Request.Body.CopyToAsync(Stream.Null, http.RequestAborted);
        http.Response.StatusCode = status;
        if (code is not null) http.Response.Headers["x-ms-error-code"] = code; // S3 knows no such header
        if (HttpMethods.IsHead(http.Request.Method)) return;
        http.Response.ContentType = code is null ? "text/html" : "application/xml";
        await http.Response.WriteAsync(
            code is null
                ? "<html><body>404 Not Found</body></html>"
                : $"""<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>as the test wants</Message></Error>""",
            http.RequestAborted);
    }

    private static async Task DeleteNothingAsync(HttpContext http)
    {
        using var reader = new StreamReader(http.Request.Body);
        var keys = Regex.Matches(
            await reader.ReadToEndAsync(http.RequestAborted), "<Key>[^<]*</Key>", RegexOptions.None, TimeSpan.FromSeconds(1));
        var errors = keys.Select(k => $"<Error>{k.Value}<Code>AccessDenied</Code><Message>locked</Message></Error>");
        http.Response.ContentType = "application/xml";
        await http.Response.WriteAsync(
            $"""<?xml version="1.0" encoding="UTF-8"?><DeleteResult>{string.Concat(errors)}</DeleteResult>""", http.RequestAborted);
    }

    private static Task UntilGoneAsync(HttpContext http) =>
        Task.Delay(Timeout.Infinite, http.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default);

    private static TaskCompletionSource NewGate() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Asks the server the same, the host included, since that is signed.</summary>
    private async Task<HttpResponseMessage> AskAsync(HttpContext http, string path)
    {
        using var body = new MemoryStream();
        await http.Request.Body.CopyToAsync(body, http.RequestAborted);
        using var request = new HttpRequestMessage(
            new HttpMethod(http.Request.Method),
            new Uri(
                $"{target.GetLeftPart(UriPartial.Authority)}{path}",
                new UriCreationOptions { DangerousDisablePathAndQueryCanonicalization = true }));
        request.Content = new ByteArrayContent(body.ToArray());
        foreach (var (name, value) in http.Request.Headers)
        {
            if (!request.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)value))
            {
                request.Content.Headers.TryAddWithoutValidation(name, (IEnumerable<string?>)value);
            }
        }

        return await client.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, http.RequestAborted);
    }

    private static async Task PassOnAsync(HttpContext http, HttpResponseMessage answer, StoreFault fault)
    {
        http.Response.StatusCode = (int)answer.StatusCode;
        foreach (var (name, value) in answer.Headers.Concat(answer.Content.Headers))
        {
            if (!string.Equals(name, "Transfer-Encoding", StringComparison.OrdinalIgnoreCase)) http.Response.Headers[name] = value.ToArray();
        }

        if (fault is not (StoreFault.HalfAnswer or StoreFault.HalfThenSilence))
        {
            await answer.Content.CopyToAsync(http.Response.Body, http.RequestAborted);
            return;
        }

        var content = await answer.Content.ReadAsByteArrayAsync(http.RequestAborted);
        await http.Response.Body.WriteAsync(content.AsMemory(0, content.Length / 2), http.RequestAborted);
        await http.Response.Body.FlushAsync(http.RequestAborted);
        if (fault == StoreFault.HalfThenSilence) await UntilGoneAsync(http);
        else http.Abort();
    }
}
