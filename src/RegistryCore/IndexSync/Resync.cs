using System.Security.Cryptography;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.IndexSync;

/// <summary>
/// Tells the index everything anew, as of one moment, in parts. What breaks off is begun again from the start: the index drops
/// the parts of an unfinished one.
/// </summary>
internal sealed partial class Resync(IOutbox outbox, ILeases leases, IndexReportClient client, ILogger<Resync> log)
{
    private const int PageSize = 1000;

    /// <summary>Sends everything, page by page, and stops at the first page that is not accepted.</summary>
    /// <exception cref="LeaseLostException">Another process has begun a snapshot of its own, which a further page would drop.</exception>
    public async Task<ReportOutcome> RunAsync(CancellationToken cancellationToken)
    {
        await using var snapshot = await outbox.OpenSnapshotAsync();
        var epoch = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var (page, sent) = (0, 0L);
        await using var parts = snapshot.ContentAsync().Chunk(PageSize).GetAsyncEnumerator(cancellationToken);
        for (var more = await parts.MoveNextAsync(); ; page++)
        {
            RegistryEvent[] part = more ? parts.Current : [];
            more = more && await parts.MoveNextAsync();
            if (!leases.Holds(SingletonJob.Reporting)) throw new LeaseLostException(SingletonJob.Reporting);
            var outcome = await client.SendAsync(new SnapshotReport(epoch, page, !more, snapshot.Position, part), cancellationToken);
            if (outcome is not ReportOutcome.Accepted) return outcome;
            sent += part.Length;
            if (!more) break;
        }

        await outbox.CompleteResyncAsync(snapshot);
        LogDone(log, sent);
        return new ReportOutcome.Accepted();
    }

    [LoggerMessage(
        EventId = LogEvents.ResyncFinished, EventName = nameof(LogEvents.ResyncFinished), Level = LogLevel.Information,
        Message = "Full resync with the index finished: {Count} manifests and tags")]
    private static partial void LogDone(ILogger log, long count);
}
