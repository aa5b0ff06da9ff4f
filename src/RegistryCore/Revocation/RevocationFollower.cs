using System.Text.Json;
using AuthIndex.Hosting.Background;
using AuthIndex.RegistryCore.Access;

namespace AuthIndex.RegistryCore.Revocation;

/// <summary>
/// Follows the index's list of revocations for as long as the server runs: one question is always open, and the index answers it
/// the moment something is revoked.
/// </summary>
internal sealed partial class RevocationFollower(
    RevocationFeedClient client,
    RevocationFile file,
    RevokedTokens revoked,
    RevocationFeedHealth contact,
    RevocationOptions options,
    BackgroundLoops loops,
    ILogger<RevocationFollower> log)
    : BackgroundLoop("revocations", loops)
{
    /// <summary>How long the index may hold back an answer.</summary>
    public static readonly TimeSpan Wait = TimeSpan.FromSeconds(30);

    private static readonly TimeSpan WriteEvery = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan ShortestPause = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestWait = TimeSpan.FromSeconds(5);

    private FeedPosition position = new("", 0);
    private FeedPosition? written;
    private DateTimeOffset writtenAt;
    // the first answer, also after an outage, comes at once: then it is known that the index is there
    private TimeSpan wait = TimeSpan.Zero;
    private int failures;
    private string? failure;
    private bool cannotWrite;

    /// <summary>Begins. What an earlier run knew is in force before the server listens.</summary>
    public override Task StartAsync(CancellationToken cancellationToken)
    {
        if (options.Enabled) Recall();
        return base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override bool IsOver => !options.Enabled;

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => LongestWait;

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        var asked = Clock.GetTimestamp();
        switch (await client.AskAsync(position, wait, stoppingToken))
        {
            case FeedOutcome.Answered answer:
                var isNews = Take(answer);
                Keep(answer.More);
                failures = 0;

                // Who holds nothing back although asked to, is a server that stops or no long poll at all.
                if (!isNews && wait > TimeSpan.Zero && Clock.GetElapsedTime(asked) < LongestWait)
                {
                    await Task.Delay(ShortestPause, Clock, stoppingToken);
                }

                wait = Wait;
                break;
            case FeedOutcome.Failed { Reason: var reason }:
                contact.Lost();
                if (failure != reason) LogFailure(log, client.Url, reason);
                failure = reason;
                wait = TimeSpan.Zero;
                await Task.Delay(Pause(++failures, ShortestPause, LongestWait), Clock, stoppingToken);
                break;
        }
    }

    /// <summary>Takes an answer; true when it told something new.</summary>
    private bool Take(FeedOutcome.Answered answer)
    {
        revoked.Add(answer.Entries);
        var before = position;

        // Another list, of which the index may have told only what comes after a number of the old one: from its beginning, then.
        position = answer.Position.Epoch == before.Epoch || before.Sequence == 0 ? answer.Position : answer.Position with { Sequence = 0 };
        if (answer.Entries.Count > 0) LogTaken(log, answer.Entries.Count);
        contact.Heard();
        if (failure is not null) LogRecovered(log, client.Url);
        failure = null;
        return position != before;
    }

    private void Recall()
    {
        try
        {
            if (file.Read() is not { } known) return;
            revoked.Add(known.Entries);
            contact.Remember(known.HeardAt);
            (position, written, writtenAt) = (known.Position, known.Position, known.HeardAt);
        }
        catch (Exception e) when (e is JsonException or IOException or UnauthorizedAccessException)
        {
            LogUnreadable(log, file.Path, e.Message); // the index tells everything again
        }
    }

    /// <summary>Writes down what is known: after every change, and once a minute that the index was heard of.</summary>
    private void Keep(bool more)
    {
        var now = Clock.GetUtcNow();
        if (more || (position == written && now - writtenAt < WriteEvery)) return;
        try
        {
            file.Write(new KnownRevocations(position, now, [.. revoked.All]));
            (written, writtenAt, cannotWrite) = (position, now, false);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            if (!cannotWrite) LogUnwritable(log, file.Path, e.Message);
            cannotWrite = true;
        }
    }

    [LoggerMessage(
        EventId = LogEvents.RevocationsReceived, EventName = nameof(LogEvents.RevocationsReceived), Level = LogLevel.Information,
        Message = "Received {Count} revocations from the index")]
    private static partial void LogTaken(ILogger log, int count);

    [LoggerMessage(
        EventId = LogEvents.RevocationFeedLost, EventName = nameof(LogEvents.RevocationFeedLost), Level = LogLevel.Warning,
        Message = "Cannot follow the index's revocations at {Endpoint}: {Reason}; continuing with the known ones and retrying")]
    private static partial void LogFailure(ILogger log, Uri endpoint, string reason);

    [LoggerMessage(
        EventId = LogEvents.RevocationFeedRecovered, EventName = nameof(LogEvents.RevocationFeedRecovered), Level = LogLevel.Information,
        Message = "Following the index's revocations at {Endpoint} again")]
    private static partial void LogRecovered(ILogger log, Uri endpoint);

    [LoggerMessage(
        EventId = LogEvents.RevocationFileUnreadable, EventName = nameof(LogEvents.RevocationFileUnreadable), Level = LogLevel.Warning,
        Message = "Cannot read {File} ({Reason}); earlier revocations are unknown until the index answers")]
    private static partial void LogUnreadable(ILogger log, string file, string reason);

    [LoggerMessage(
        EventId = LogEvents.RevocationFileUnwritable, EventName = nameof(LogEvents.RevocationFileUnwritable), Level = LogLevel.Warning,
        Message = "Cannot write {File} ({Reason}); after a restart, revocations are unknown until the index answers")]
    private static partial void LogUnwritable(ILogger log, string file, string reason);
}
