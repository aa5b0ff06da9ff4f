using System.Net;
using System.Text.Json;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Access.IndexLink;

/// <summary>What the index says that a caller may pull.</summary>
/// <param name="Repositories">Those of the names asked about.</param>
/// <param name="Prefixes"><inheritdoc cref="PullableAnswer.Prefixes" path="/summary"/></param>
internal sealed record Pullable(IReadOnlySet<string> Repositories, IReadOnlyList<string>? Prefixes);

/// <summary>
/// Asks the index what its policy alone can tell: which of some repositories a caller may pull. The token does not carry the
/// caller's groups, so the registry cannot know by itself.
/// </summary>
internal sealed partial class IndexClient(IndexConnection connection, ILogger<IndexClient> log)
{
    /// <summary>Those of the names that the token's account may pull from this address; null when the index does not answer.</summary>
    /// <param name="token">The caller's token, as it was sent.</param>
    /// <param name="address">Where the caller's request comes from.</param>
    /// <param name="names">The names, at most <see cref="PullableQuestion.MaxRepositories"/>.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <param name="wantsPrefixes">Whether to ask for <see cref="Pullable.Prefixes"/> too.</param>
    public async Task<Pullable?> PullableAsync(
        string token, IPAddress? address, IReadOnlyList<string> names, CancellationToken cancellationToken, bool wantsPrefixes = false)
    {
        try
        {
            var question = new PullableQuestion(token, address?.ToString(), names, wantsPrefixes);
            using var response = await connection.PostAsync(
                ServerPaths.Pullable, question, WireJson.Default.PullableQuestion, cancellationToken);
            if (response.StatusCode != HttpStatusCode.OK)
            {
                LogFailure(log, connection.Url(ServerPaths.Pullable), $"it answered {(int)response.StatusCode}");
                return null;
            }

            if (await IndexAnswer.JsonAsync(response, WireJson.Default.PullableAnswer, cancellationToken)
                is { Repositories: { } found } answer)
            {
                return new Pullable(found.ToHashSet(StringComparer.Ordinal), answer.Prefixes);
            }

            LogFailure(log, connection.Url(ServerPaths.Pullable), "its answer names no repositories");
            return null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or JsonException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogFailure(log, connection.Url(ServerPaths.Pullable), e.Message);
            return null;
        }
    }

    /// <summary>Searches for a caller; null when the index does not answer.</summary>
    /// <param name="question">What is searched for, and by whom.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async Task<SearchAnswer?> SearchAsync(SearchQuestion question, CancellationToken cancellationToken)
    {
        try
        {
            using var response = await connection.PostAsync(
                ServerPaths.Search, question, WireJson.Default.SearchQuestion, cancellationToken);
            if (response.StatusCode == HttpStatusCode.OK
                && await IndexAnswer.JsonAsync(response, WireJson.Default.SearchAnswer, cancellationToken) is { } answer
                && (answer.Repositories is not null || answer.Refusal is not null))
            {
                return answer;
            }

            LogFailure(log, connection.Url(ServerPaths.Search), $"it answered {(int)response.StatusCode}");
            return null;
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or JsonException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            LogFailure(log, connection.Url(ServerPaths.Search), e.Message);
            return null;
        }
    }

    [LoggerMessage(
        EventId = LogEvents.AccessQueryFailed, EventName = nameof(LogEvents.AccessQueryFailed), Level = LogLevel.Warning,
        Message = "Could not ask the index at {Endpoint}: {Reason}")]
    private static partial void LogFailure(ILogger log, Uri endpoint, string reason);
}
