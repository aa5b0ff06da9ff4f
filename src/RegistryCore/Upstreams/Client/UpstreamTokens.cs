using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthIndex.Hosting;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>
/// The tokens of an upstream, one for each of its repositories, kept until they expire and asked for once however many wait (Docker token
/// authentication). The credential goes to the realm and to the upstream itself, to nobody else.
/// </summary>
internal sealed class UpstreamTokens(
    Uri url, IReadOnlyList<string> realmHosts, UpstreamCredential credential, HttpClient http, TimeProvider clock)
{
    private const int MaxKept = 1_000;
    private const int MaxToken = 16 * 1024; // characters
    private const int MaxAnswer = 64 * 1024;
    private const int ShortestSeconds = 60; // a token is good for as long, whatever the answer says (Docker token specification)

    private static readonly TimeSpan Longest = TimeSpan.FromHours(1);
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(10);

    private readonly TtlMap<string, AuthenticationHeaderValue> kept = new(MaxKept, Longest, clock);
    private readonly Dictionary<string, Task<AuthenticationHeaderValue>> asked = new(StringComparer.Ordinal);
    private readonly Lock gate = new();

    /// <summary>What to send for a repository without asking; null when nothing is known.</summary>
    public AuthenticationHeaderValue? Known(string repository) => kept.Find(repository);

    /// <summary>Meets a challenge.</summary>
    /// <param name="repository">The repository, by its name there.</param>
    /// <param name="challenge">The challenge.</param>
    /// <param name="refused">What was sent and refused; null for nothing.</param>
    /// <param name="cancellationToken">Ends the wait, not the question.</param>
    /// <exception cref="UpstreamException">No token is to be had.</exception>
    public async Task<AuthenticationHeaderValue> GetAsync(
        string repository, UpstreamChallenge challenge, AuthenticationHeaderValue? refused, CancellationToken cancellationToken)
    {
        Task<AuthenticationHeaderValue> flight;
        lock (gate)
        {
            if (kept.Find(repository) is { } known && !known.Equals(refused)) return known; // somebody has just got it
            if (!asked.TryGetValue(repository, out flight!)) asked[repository] = flight = AskAsync(repository, challenge, refused);
        }

        return await flight.WaitAsync(cancellationToken);
    }

    private async Task<AuthenticationHeaderValue> AskAsync(
        string repository, UpstreamChallenge challenge, AuthenticationHeaderValue? refused)
    {
        await Task.Yield(); // so that it is among those asked before it ends
        try
        {
            using var limit = new CancellationTokenSource(UpstreamClient.Patience);
            var (token, lifetime) = challenge.Realm is { } realm
                ? await FetchAsync(repository, realm, challenge.Service, limit.Token)
                : (await PasswordAsync(refused, limit.Token), Longest);
            if (lifetime > TimeSpan.Zero) kept.Set(repository, token, lifetime);
            return token;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or OperationCanceledException)
        {
            throw new UpstreamException(
                new UpstreamFailure(FailureKind.Unavailable, $"its token server {UpstreamHttp.ShortReason(e)}") { IsOutage = true },
                $"its token server: {UpstreamHttp.Reason(e)}");
        }
        finally
        {
            lock (gate) asked.Remove(repository);
        }
    }

    private async Task<AuthenticationHeaderValue> PasswordAsync(
        AuthenticationHeaderValue? refused, CancellationToken cancellationToken)
    {
        if (refused is not null) credential.Forget();
        return await credential.GetAsync(cancellationToken)
            ?? throw new UpstreamException(FailureKind.Refused, "it asks for a password, and no credential is configured");
    }

    private async Task<(AuthenticationHeaderValue Token, TimeSpan Lifetime)> FetchAsync(
        string repository, Uri realm, string service, CancellationToken cancellationToken)
    {
        if (!RealmRule.Allows(url, realm, realmHosts))
        {
            throw new UpstreamException(
                FailureKind.Refused,
                $"it sends to {LogText.Clean(realm.Host)} for tokens, which is not of its domain: if that is right, add the host to "
                    + "realmHosts");
        }

        var query = $"service={Uri.EscapeDataString(service)}&scope={Uri.EscapeDataString($"repository:{repository}:pull")}";
        var target = new UriBuilder(realm) { Query = realm.Query.Length > 1 ? $"{realm.Query[1..]}&{query}" : query, Fragment = "" };
        using var request = new HttpRequestMessage(HttpMethod.Get, target.Uri);
        request.Headers.Authorization = await credential.GetAsync(cancellationToken);
        using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
        if (answer.StatusCode == HttpStatusCode.Unauthorized) credential.Forget();
        if (answer.StatusCode != HttpStatusCode.OK) throw new UpstreamException(Refusal(answer));
        TokenAnswer? read;
        try
        {
            read = JsonSerializer.Deserialize<TokenAnswer>(await UpstreamHttp.ReadAsync(answer, MaxAnswer, cancellationToken));
        }
        catch (JsonException)
        {
            throw new UpstreamException(FailureKind.Unusable, "its token server's answer is not JSON");
        }

        if ((string.IsNullOrEmpty(read?.Token) ? read?.AccessToken : read.Token) is not { Length: > 0 and <= MaxToken } token
            || !AuthenticationHeaderValue.TryParse($"Bearer {token}", out var header))
        {
            throw new UpstreamException(FailureKind.Unusable, "its token server's answer contains no token that can be used");
        }

        var lifetime = TimeSpan.FromSeconds(Math.Clamp(read?.ExpiresIn ?? ShortestSeconds, 0, (long)Longest.TotalSeconds)) - Margin;
        return (header, lifetime);
    }

    private UpstreamFailure Refusal(HttpResponseMessage answer)
    {
        var status = (int)answer.StatusCode;
        var kind = status == 429 ? FailureKind.TooMany : status is 401 or 403 ? FailureKind.Refused : FailureKind.Unavailable;
        return new UpstreamFailure(kind, $"its token server answered {status}", UpstreamHttp.RetryAfter(answer, clock))
        {
            IsOutage = status is 502 or 503 or 504,
        };
    }

    private sealed record TokenAnswer(
        [property: JsonPropertyName("token")] string? Token,
        [property: JsonPropertyName("access_token")] string? AccessToken,
        [property: JsonPropertyName("expires_in")] long? ExpiresIn);
}
