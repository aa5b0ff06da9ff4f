using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Keys;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>
/// The keys of one issuer, by <c>kid</c>: asked of it (OpenID Connect Discovery section 4) at the start, every few minutes and, at a
/// bounded rate, when a token names one not seen yet. What the issuer withdraws is not trusted from then on. The last set is kept on
/// disk and holds while the issuer is away, for as long as <see cref="OidcIssuerOptions.KeysMaxAge"/>. A configured file is read
/// again when it changes.
/// </summary>
internal sealed class IssuerKeys : IDisposable
{
    /// <summary>The longest answer read, in bytes.</summary>
    public const int MaxAnswerBytes = 512 * 1024;

    private readonly OidcIssuerOptions options;
    private readonly HttpClient http;
    private readonly TimeProvider time;
    private readonly ReceivedKeys received;
    private readonly KeyFollower follower;
    private FileSnapshot? file;
    private long? lookedAt;

    /// <summary>Takes the file's keys: those of the configured one, or those last fetched.</summary>
    /// <param name="options">The issuer.</param>
    /// <param name="copy">Where fetched keys are kept.</param>
    /// <param name="http">Asks.</param>
    /// <param name="time">The clock.</param>
    /// <param name="log">Takes what goes wrong.</param>
    /// <exception cref="OperatorException">The configured file is not a JWK set.</exception>
    public IssuerKeys(OidcIssuerOptions options, string copy, HttpClient http, TimeProvider time, ILogger log)
    {
        this.options = options;
        this.http = http;
        this.time = time;
        received = options.KeysFile is null ? new ReceivedKeys(copy, options.KeysMaxAge, time) : new ReceivedKeys(null, null, time);
        follower = new KeyFollower($"oidc {options.Name}", received, ReadAsync, time, log);
        if (options.KeysFile is null) follower.Recall();
        else follower.TakeFirst($"tokenServer.oidc: keysFile of {options.Name}", options.KeysFile);
    }

    /// <summary>Changes whenever the trusted keys change.</summary>
    public long Generation => received.Generation;

    /// <summary>Why the last fetch of the keys failed; null when it succeeded.</summary>
    public string? Failure => follower.Failure;

    /// <summary>Whether any key is trusted.</summary>
    public bool Any => received.Current.Count > 0;

    /// <summary>What is wrong with the keys, for readiness; null when all is well.</summary>
    public string? Problem =>
        received.IsTooOld ? "its keys have not been confirmed for too long and are no longer trusted"
        : Failure is not null ? Any
        ? "its keys cannot be fetched (see the log); the last known keys are in use"
        : "its keys are not known yet (see the log)"
        : !Any ? "it has withdrawn all its keys"
        : received.CopyProblem is not null
        ? "its keys cannot be saved to disk (see the log); they must be fetched again after a restart"
        : null;

    /// <summary>The key of a name, or null; may ask the issuer when it is new.</summary>
    public ValueTask<SecurityKey?> FindAsync(string keyId, CancellationToken cancellationToken) =>
        follower.FindAsync(keyId, cancellationToken);

    /// <summary>Fetches the keys again if it is time to.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        if (options.KeysFile is not null)
        {
            if (Failure is null && file is { IsCurrent: true }) return;
        }
        else if (lookedAt is { } since && time.GetElapsedTime(since) < (Failure is null ? KeyFollower.RefreshEvery : KeyFollower.Pause))
        {
            return;
        }

        lookedAt = time.GetTimestamp();
        await RefreshAsync(cancellationToken);
    }

    /// <summary>Fetches the keys again; on failure the last good ones stay in use. True when they are fresh.</summary>
    public Task<bool> RefreshAsync(CancellationToken cancellationToken) => follower.RefreshAsync(cancellationToken);

    /// <inheritdoc/>
    public void Dispose()
    {
        follower.Dispose();
        http.Dispose();
    }

    private async Task<byte[]> ReadAsync(CancellationToken cancellationToken)
    {
        if (options.KeysFile is null) return await FetchAsync(cancellationToken);
        file = FileSnapshot.Of(options.KeysFile);
        return await File.ReadAllBytesAsync(options.KeysFile, cancellationToken);
    }

    private async Task<byte[]> FetchAsync(CancellationToken cancellationToken)
    {
        if (options.KeysUrl is { } configured) return await GetAsync(configured, isConfigured: true, cancellationToken);

        // OpenID Connect Discovery section 4.1: a trailing slash of the issuer is not doubled.
        var discovery = new Uri(options.Issuer.TrimEnd('/') + "/.well-known/openid-configuration");
        using var document = JsonDocument.Parse(
            await GetAsync(discovery, isConfigured: true, cancellationToken), new JsonDocumentOptions { AllowDuplicateProperties = false });
        // section 4.3
        if (Member(document, "issuer") != options.Issuer) throw new FormatException($"{discovery} is a different issuer's document");
        if (!Uri.TryCreate(Member(document, "jwks_uri"), UriKind.Absolute, out var url) || !KeysUrlAttribute.IsSafe(url))
        {
            throw new FormatException($"the jwks_uri in {discovery} is not a URL beginning with https://");
        }

        return await GetAsync(
            url, url.Host == discovery.Host && url.Port == discovery.Port && url.Scheme == discovery.Scheme, cancellationToken);
    }

    /// <summary>Fetches a document, with the bearer token only to configured URLs: a document must not send it elsewhere.</summary>
    private async Task<byte[]> GetAsync(Uri url, bool isConfigured, CancellationToken cancellationToken)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, url);
        if (isConfigured && options.BearerTokenFile is { } token)
        {
            request.Headers.Authorization = new AuthenticationHeaderValue(
                "Bearer", SecretFile.ReadText(token, $"the bearer token of {options.Name}", "write the token into it"));
        }

        using var response = await http.SendAsync(request, HttpCompletionOption.ResponseContentRead, cancellationToken);
        if (response.StatusCode != HttpStatusCode.OK) throw new HttpRequestException($"{url} answered {(int)response.StatusCode}");
        return await response.Content.ReadAsByteArrayAsync(cancellationToken);
    }

    private static string? Member(JsonDocument document, string name) =>
        document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out var member)
        ? ClaimPath.TextOf(member)
        : null;
}
