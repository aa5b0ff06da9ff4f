using System.Net;
using System.Text.Json;

namespace AuthIndex.RegistryCore.Access;

/// <summary>What the index says that a caller may pull.</summary>
/// <param name="Repositories">Those of the names asked about.</param>
/// <param name="Prefixes">
/// The beginnings of all names that the caller may pull: no other name needs to be asked about. Null when that was not asked, or is
/// not told by an index of an earlier version.
/// </param>
internal sealed record PullableAnswer(IReadOnlySet<string> Repositories, IReadOnlyList<string>? Prefixes);

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
    /// <param name="token">The caller's token, as it was sent.</param>
    /// <param name="address">Where the caller's request comes from.</param>
    /// <param name="names">The names, at most <see cref="MaxNames"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="wantsPrefixes">Whether to ask for <see cref="PullableAnswer.Prefixes"/> too.</param>
    public async Task<PullableAnswer?> PullableAsync(
        string token, IPAddress? address, IReadOnlyList<string> names, CancellationToken cancellationToken, bool wantsPrefixes = false)
    {
        try
        {
            using var response = await connection.PostAsync(Path, new Question(token, address?.ToString(), names, wantsPrefixes), cancellationToken);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                LogFailure(log, connection.Url(Path), $"it answered {(int)response.StatusCode}");
                return null;
            }

            if (await IndexAnswer.JsonAsync<Answer>(response, cancellationToken) is { Repositories: { } pullable } answer) return new PullableAnswer(pullable.ToHashSet(StringComparer.Ordinal), answer.Prefixes);
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

    private sealed record Question(string Token, string? Address, IReadOnlyList<string> Repositories, bool Prefixes);

    private sealed record Answer(IReadOnlyList<string>? Repositories, IReadOnlyList<string>? Prefixes);
}
