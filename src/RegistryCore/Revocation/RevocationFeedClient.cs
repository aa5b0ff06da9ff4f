using System.Net;
using System.Text.Json;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Revocation;

/// <summary>How far the list of revocations has been read.</summary>
/// <param name="Epoch">Which list it is; empty before the first answer.</param>
/// <param name="Sequence">The number of the last revocation in it that is known.</param>
internal sealed record FeedPosition(string Epoch, long Sequence);

/// <summary>The outcome of a question.</summary>
internal abstract record FeedOutcome
{
    /// <summary>The index answered: its position, the entries after ours, and whether there are more to fetch at once.</summary>
    internal sealed record Answered(FeedPosition Position, IReadOnlyList<RevocationEntry> Entries, bool More) : FeedOutcome;

    /// <summary>It did not, or not in form.</summary>
    internal sealed record Failed(string Reason) : FeedOutcome;

    private FeedOutcome()
    {
    }
}

/// <summary>Asks the index what was revoked, and reads its answers.</summary>
internal sealed class RevocationFeedClient(IndexConnection connection)
{
    /// <summary>The key of its HTTP client, which is more patient than the one for other questions.</summary>
    public const string ClientKey = "revocations";

    /// <summary>How much longer than the wait it asked for an answer may take.</summary>
    public static readonly TimeSpan Slack = TimeSpan.FromSeconds(10);

    /// <summary>The URL of the feed, for messages.</summary>
    public Uri Url => connection.Url(ServerPaths.Revocations);

    /// <summary>What was revoked after a position.</summary>
    /// <param name="after">The position.</param>
    /// <param name="wait">How long the index may hold the answer back while there is nothing.</param>
    /// <param name="cancellationToken">Ends the question.</param>
    public async Task<FeedOutcome> AskAsync(FeedPosition after, TimeSpan wait, CancellationToken cancellationToken)
    {
        try
        {
            var query = new RevocationQuery(after.Sequence, after.Epoch, (int)wait.TotalSeconds);
            using var response = await connection.GetAsync(query.ToString(), cancellationToken);
            if (response.StatusCode != HttpStatusCode.OK) return new FeedOutcome.Failed(Explain(response.StatusCode));
            return await IndexAnswer.JsonAsync(response, WireJson.Default.RevocationFeed, cancellationToken)
                    is { Epoch: { } epoch, Sequence: { } sequence, Revocations: { } entries } answer
                && entries.All(e => e is { Kind: not null, Value: not null })
                ? new FeedOutcome.Answered(new FeedPosition(epoch, sequence), entries, answer.More)
                : new FeedOutcome.Failed("its answer is not in form");
        }
        catch (Exception e) when (e is HttpRequestException or IOException or UnauthorizedAccessException or JsonException
            || (e is OperationCanceledException && !cancellationToken.IsCancellationRequested))
        {
            return new FeedOutcome.Failed(e.Message);
        }
    }

    private string Explain(HttpStatusCode status) => status switch
    {
        HttpStatusCode.Unauthorized =>
            $"it does not accept the credential in {connection.CredentialFile} for the service {connection.Service}",
        HttpStatusCode.NotFound =>
            "it has no revocations to follow; for a token server of another kind set registry.revocations.enabled: false",
        _ => $"it answered {(int)status}",
    };
}
