using System.Net;
using System.Text.Json;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// Asks the index what its policy alone can tell: which of some repositories a caller may pull. The token does not carry the
/// caller's groups, so the registry cannot know by itself.
/// </summary>
internal sealed partial class IndexClient(IndexConnection connection, ILogger<IndexClient> log)
{
    /// <summary>The most names in one question.</summary>
    public const int MaxNames = 1000;

    private const string Path = "/index/v1/pullable";

    /// <summary>Those of the names that the token's account may pull from this address; null when the index does not answer.</summary>
    public async Task<IReadOnlySet<string>?> PullableAsync(VerifiedToken token, IPAddress? address, IReadOnlyList<string> names, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await connection.PostAsync(Path, new Question(token.Raw, address?.ToString(), names), cancellationToken);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                LogFailure(log, connection.Url(Path), $"it answered {(int)response.StatusCode}");
                return null;
            }

            if (await response.Content.ReadFromJsonAsync<Answer>(cancellationToken) is { Repositories: { } pullable }) return pullable.ToHashSet(StringComparer.Ordinal);
            LogFailure(log, connection.Url(Path), "its answer names no repositories");
            return null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or JsonException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogFailure(log, connection.Url(Path), e.Message);
            return null;
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "The index could not be asked at {Endpoint}: {Reason}")]
    private static partial void LogFailure(ILogger log, Uri endpoint, string reason);

    private sealed record Question(string Token, string? Address, IReadOnlyList<string> Repositories);

    private sealed record Answer(IReadOnlyList<string>? Repositories);
}
