using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Tls;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Registries;

/// <summary>
/// Asks one registry, over the distribution API, with tokens that this server issues to itself. What registries hold comes from whoever
/// may push: answers are bounded in size and time, content is compared with its digest, and no redirect is followed, so that neither a
/// token nor a request goes anywhere but to the configured URL.
/// </summary>
internal sealed partial class RegistryClient : IDisposable
{
    /// <summary>The longest answer read, in bytes: as much as the largest manifest.</summary>
    public const int MaxAnswerBytes = 4 * 1024 * 1024;

    /// <summary>How many requests are under way at once, to bound the memory for their answers; others wait.</summary>
    public const int MaxAtOnce = 8;

    /// <summary>How long a request may take, waiting included.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    private readonly RegistryService service;
    private readonly HttpClient http;
    private readonly SemaphoreSlim room = new(MaxAtOnce);
    private readonly ILogger<RegistryClient> log;

    /// <summary>Makes the client of a registry; nothing is asked yet.</summary>
    /// <exception cref="OperatorException">The CA file cannot be read.</exception>
    public RegistryClient(RegistryService service, ILogger<RegistryClient> log)
    {
        var handler = new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = ConnectTimeout,
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
            MaxConnectionsPerServer = MaxAtOnce,
        };
        if (service.CaFile is { } file) handler.SslOptions.Trust(file, $"tokenServer.services, {service.Name}: caFile");
        http = new HttpClient(handler) { Timeout = Timeout, MaxResponseContentBufferSize = MaxAnswerBytes };
        this.service = service;
        this.log = log;
    }

    /// <summary>Gets a manifest.</summary>
    /// <param name="image">The manifest.</param>
    /// <param name="token">A token that grants pull on its repository.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>Its bytes, which have the digest that the answer names.</returns>
    public async Task<RegistryAnswer> ManifestAsync(ImageReference image, string token, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, image.Repository, $"manifests/{image.Value}", token);
        foreach (var type in ManifestTypes.All) request?.Headers.Accept.ParseAdd(type);
        var answer = await SendAsync(request, cancellationToken);
        if (answer is not RegistryAnswer.Done done) return answer;
        if (!ManifestTypes.All.Contains(done.MediaType)) return Useless("it answered with something that is not a manifest");
        var named = image.Digest ?? (ContentDigest.TryParse(done.Digest, out var digest) ? digest : ContentDigest.Of(done.Body));
        return named.IsOf(done.Body) ? done with { Digest = named.Value } : Useless("the content does not have the digest that names it");
    }

    /// <summary>Gets a small blob, such as an image's configuration.</summary>
    public async Task<RegistryAnswer> BlobAsync(
        RepositoryName repository, ContentDigest digest, string token, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, repository, $"blobs/{digest}", token);
        var answer = await SendAsync(request, cancellationToken);
        return answer is RegistryAnswer.Done done && !digest.IsOf(done.Body)
            ? Useless("the content does not have the digest that names it")
            : answer;
    }

    /// <summary>Gets the first page of what refers to a manifest (OCI distribution-spec 1.1, "Listing referrers").</summary>
    public async Task<RegistryAnswer> ReferrersAsync(
        RepositoryName repository, ContentDigest digest, string token, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, repository, $"referrers/{digest}", token);
        var answer = await SendAsync(request, cancellationToken);
        return answer is RegistryAnswer.Done { MediaType: not ManifestTypes.OciIndex }
            ? Useless("it answered with something that is not an index")
            : answer;
    }

    /// <summary>Gets the newest moves of a tag, where the registry keeps them.</summary>
    public async Task<RegistryAnswer> HistoryAsync(
        RepositoryName repository, string tag, string token, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, repository, $"_authindex/history/{tag}", token);
        return await SendAsync(request, cancellationToken);
    }

    /// <summary>Gets what pulls of images download, where the registry tells.</summary>
    public async Task<RegistryAnswer> SizesAsync(
        RepositoryName repository, IReadOnlyList<string> digests, string token, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, repository, $"_authindex/sizes?digest={string.Join("&digest=", digests)}", token);
        return await SendAsync(request, cancellationToken);
    }

    /// <summary>Gets how the registry's upstreams are doing, where it tells.</summary>
    public async Task<RegistryAnswer> UpstreamsAsync(string token, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Get, "_authindex/upstreams", token);
        return await SendAsync(request, cancellationToken);
    }

    /// <summary>
    /// Deletes a tag, as long as it points at a digest; or a manifest that no tag points at, which an AuthIndex registry makes sure of, and
    /// others do not.
    /// </summary>
    /// <param name="image">What to delete.</param>
    /// <param name="pointsAt">What the tag must point at.</param>
    /// <param name="token">A token that grants delete on its repository.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<RegistryAnswer> DeleteAsync(
        ImageReference image, ContentDigest pointsAt, string token, CancellationToken cancellationToken)
    {
        var condition = image.Tag is null ? "?untagged=true" : "";
        using var request = Request(HttpMethod.Delete, image.Repository, $"manifests/{image.Value}{condition}", token);
        if (image.Tag is not null) request?.Headers.IfMatch.Add(new EntityTagHeaderValue($"\"{pointsAt}\""));
        return await SendAsync(request, cancellationToken);
    }

    /// <summary>Points a tag at a manifest that the repository holds, as long as it points where the caller saw it last.</summary>
    /// <param name="image">The tag.</param>
    /// <param name="manifest">The manifest's bytes and media type.</param>
    /// <param name="pointsAt">What the tag must point at; null when it must not exist.</param>
    /// <param name="token">A token that grants pull and push on its repository.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<RegistryAnswer> MoveAsync(
        ImageReference image, RegistryAnswer.Done manifest, ContentDigest? pointsAt, string token, CancellationToken cancellationToken)
    {
        using var request = Request(HttpMethod.Put, image.Repository, $"manifests/{image.Value}", token);
        if (request is null) return NoUrl;
        request.Content = new ByteArrayContent(manifest.Body) { Headers = { ContentType = new MediaTypeHeaderValue(manifest.MediaType) } };
        if (pointsAt is { } current) request.Headers.IfMatch.Add(new EntityTagHeaderValue($"\"{current}\""));
        else request.Headers.IfNoneMatch.Add(EntityTagHeaderValue.Any);
        return await SendAsync(request, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        http.Dispose();
        room.Dispose();
    }

    private RegistryAnswer.Unreachable NoUrl => new(
        $"The token server does not know the address of the registry {service.Name}. An administrator can set it: url of the "
        + "registry's entry in tokenServer.services.");

    private HttpRequestMessage? Request(HttpMethod method, RepositoryName repository, string tail, string token) =>
        Request(method, $"{repository}/{tail}", token);

    private HttpRequestMessage? Request(HttpMethod method, string path, string token) =>
        service.InternalUrl is not { } url ? null : new HttpRequestMessage(
            method, new Uri(url, $"{url.AbsolutePath.TrimEnd('/')}/v2/{path}"))
        {
            Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) },
        };

    private async Task<RegistryAnswer> SendAsync(HttpRequestMessage? request, CancellationToken cancellationToken)
    {
        if (request is null) return NoUrl;
        if (!await room.WaitAsync(Timeout, cancellationToken)) return Unreachable(request, "too many requests to it are under way");
        try
        {
            using var response = await http.SendAsync(request, cancellationToken);
            return await AnswerAsync(request, response, cancellationToken);
        }
        catch (Exception e) when (e is HttpRequestException or IOException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return Unreachable(request, e.InnerException is { } inner ? $"{e.Message} {inner.Message}" : e.Message);
        }
        finally
        {
            room.Release();
        }
    }

    private async Task<RegistryAnswer> AnswerAsync(
        HttpRequestMessage request, HttpResponseMessage response, CancellationToken cancellationToken)
    {
        var status = (int)response.StatusCode;
        if (response.StatusCode == HttpStatusCode.NotFound) return new RegistryAnswer.Missing();
        if (response.IsSuccessStatusCode)
        {
            return new RegistryAnswer.Done(
                await response.Content.ReadAsByteArrayAsync(cancellationToken),
                response.Content.Headers.ContentType?.MediaType?.ToLowerInvariant() ?? "",
                response.Headers.TryGetValues("Docker-Content-Digest", out var digests) ? digests.First() : null)
            {
                HasMore = response.Headers.Contains("Link"),
            };
        }

        LogRefused(log, service.Name, request.Method.Method, request.RequestUri!.AbsolutePath, status);
        return status >= 500
            ? new RegistryAnswer.Unreachable(Said($"it answered with the status {status}"))
            : new RegistryAnswer.Refused(response.StatusCode, Said(response.StatusCode switch
            {
                HttpStatusCode.PreconditionFailed => "the tag has moved meanwhile; look again",
                HttpStatusCode.Conflict => "a tag points at it, or something still needs it; look again",
                HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden => "it does not accept this server's token",
                HttpStatusCode.MethodNotAllowed => "it does not allow this",
                >= HttpStatusCode.Moved and < HttpStatusCode.BadRequest => "it redirects elsewhere, which is not followed",
                _ => string.Create(CultureInfo.InvariantCulture, $"it answered with the status {status}"),
            }));
    }

    private RegistryAnswer.Refused Useless(string reason) => new(HttpStatusCode.BadGateway, Said(reason));

    private RegistryAnswer.Unreachable Unreachable(HttpRequestMessage request, string reason)
    {
        LogUnreachable(log, service.Name, request.RequestUri!, LogText.Clean(reason));
        return new RegistryAnswer.Unreachable(Said("it cannot be reached now"));
    }

    private string Said(string what) => $"The registry {service.Name} did not answer as it should: {what}.";

    [LoggerMessage(
        EventId = LogEvents.RegistryUnreachable, EventName = nameof(LogEvents.RegistryUnreachable), Level = LogLevel.Warning,
        Message = "Cannot ask the registry {Service} for the portal: {Url}: {Reason}")]
    private static partial void LogUnreachable(ILogger log, string service, Uri url, string reason);

    [LoggerMessage(
        EventId = LogEvents.RegistryRefused, EventName = nameof(LogEvents.RegistryRefused), Level = LogLevel.Warning,
        Message = "The registry {Service} answered the portal's {Method} {Path} with status {Status}")]
    private static partial void LogRefused(ILogger log, string service, string method, string path, int status);
}
