using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// Asks the index what its policy alone can tell: which of some repositories a caller may pull. The token does not carry the
/// caller's groups, so the registry cannot know by itself.
/// </summary>
internal sealed partial class IndexClient
{
    /// <summary>The most names in one question.</summary>
    public const int MaxNames = 1000;

    private readonly Uri endpoint;
    private readonly string service;
    private readonly string credentialFile;
    private readonly HttpClient http;
    private readonly ILogger<IndexClient> log;

    public IndexClient(RegistryOptions options, HttpClient http, ILogger<IndexClient> log)
    {
        endpoint = new Uri(options.TokenServer.Url, "/index/v1/pullable");
        service = options.Service;
        credentialFile = options.TokenServer.CredentialFile ?? Path.Combine(options.DataDirectory, "registry-credential");
        this.http = http;
        this.log = log;
    }

    /// <summary>Those of the names that the token's account may pull; null when the index does not answer.</summary>
    public async Task<IReadOnlySet<string>?> PullableAsync(VerifiedToken token, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        try
        {
            var credential = (await File.ReadAllTextAsync(credentialFile, cancellationToken)).Trim();
            using var request = new HttpRequestMessage(HttpMethod.Post, endpoint)
            {
                Content = JsonContent.Create(new Question(token.Raw, names)),
                Headers = { Authorization = new AuthenticationHeaderValue("Basic", Convert.ToBase64String(Encoding.UTF8.GetBytes($"{service}:{credential}"))) },
            };
            using var response = await http.SendAsync(request, cancellationToken);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                LogFailure(log, endpoint.AbsoluteUri, $"it answered {(int)response.StatusCode}");
                return null;
            }

            if (await response.Content.ReadFromJsonAsync<Answer>(cancellationToken) is { Repositories: { } pullable }) return pullable.ToHashSet(StringComparer.Ordinal);
            LogFailure(log, endpoint.AbsoluteUri, "its answer names no repositories");
            return null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or JsonException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogFailure(log, endpoint.AbsoluteUri, e.Message);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The index could not be asked at {Endpoint}: {Reason}")]
    private static partial void LogFailure(ILogger log, string endpoint, string reason);

    private sealed record Question(string Token, IReadOnlyList<string> Repositories);

    private sealed record Answer(IReadOnlyList<string>? Repositories);
}
