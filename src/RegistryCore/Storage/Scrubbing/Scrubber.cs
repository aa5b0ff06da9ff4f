using System.Text.Json.Serialization;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;

namespace AuthIndex.RegistryCore.Storage.Scrubbing;

/// <summary>The result of a scrub: what was checked, what is damaged, and what is intact again.</summary>
internal sealed record ScrubReport(int Blobs, long Bytes, int Manifests, IReadOnlyList<string> Damaged, int Healed)
{
    /// <summary>Whether it ended before it had checked everything, because another scrub, or another process, goes on.</summary>
    [JsonIgnore]
    public bool GaveWay { get; init; }

    /// <summary>What manifests need and their repositories do not hold any more, as lines for people.</summary>
    public IReadOnlyList<string> Unmet { get; init; } = [];

    /// <summary>Blobs that the store does not give now although it answers: nothing is known of them until the next scrub.</summary>
    public IReadOnlyList<string> Unread { get; init; } = [];
}

/// <summary>
/// Compares what is stored with its digests. What no longer matches is marked and shown to nobody: then a client finds it
/// missing and pushes it again, which heals it, in place of building on what is broken. What matches again loses the mark that
/// was seen when it was read, and no other. One scrub runs at a time.
/// </summary>
internal sealed partial class Scrubber(
    IBlobBytes bytes,
    ICheckedContent content,
    DigestLocks locks,
    ILeases leases,
    RegistryMetrics metrics,
    TimeProvider clock,
    ILogger<Scrubber> log)
    : IDisposable
{
    private const int PageSize = 100;

    private readonly SemaphoreSlim turn = new(1);
    private int waiting;

    /// <summary>Checks blobs that were last checked before a time, and all manifests if <paramref name="withManifests"/>.</summary>
    /// <param name="checkedBefore">Unix seconds.</param>
    /// <param name="withManifests">Whether manifests are checked as well.</param>
    /// <param name="bytesPerSecond">
    /// The most bytes of blobs read in a second: such a scrub ends with the blob at hand when another waits, or when another process
    /// has become the one that scrubs. Null for no bound.
    /// </param>
    /// <param name="cancellationToken">Ends the scrub; what was checked stays checked.</param>
    public async Task<ScrubReport> RunAsync(
        long checkedBefore, bool withManifests, long? bytesPerSecond, CancellationToken cancellationToken)
    {
        await EnterAsync(cancellationToken);
        try
        {
            var report = await CheckAsync(checkedBefore, withManifests, bytesPerSecond, cancellationToken);
            if (report.Unread is [var first, ..]) LogUnread(log, report.Unread.Count, first);
            return report;
        }
        finally
        {
            turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => turn.Dispose();

    private async Task EnterAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref waiting);
        try
        {
            await turn.WaitAsync(cancellationToken);
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    private async Task<ScrubReport> CheckAsync(
        long checkedBefore, bool withManifests, long? bytesPerSecond, CancellationToken cancellationToken)
    {
        var pace = Pace(bytesPerSecond);
        var report = new ScrubReport(0, 0, 0, [], 0);
        bool GivesWay() => bytesPerSecond is not null && (Volatile.Read(ref waiting) > 0 || !leases.Holds(SingletonJob.Scrub));
        for (var after = ""; await content.BlobsAsync(after, checkedBefore, PageSize) is { Count: > 0 } page; after = page[^1].Digest.Value)
        {
            var intact = new List<BlobToCheck>(PageSize);
            try
            {
                foreach (var blob in page.TakeWhile(_ => !GivesWay()))
                {
                    report = await CheckBlobAsync(report, blob, intact, pace, cancellationToken);
                }
            }
            finally
            {
                await content.NoteIntactAsync(intact); // together, which spares a commit for each
            }

            if (GivesWay()) return report with { GaveWay = true };
        }

        if (!withManifests) return report;
        for (var after = ""; await content.ManifestsAsync(after, PageSize) is { Count: > 0 } page; after = page[^1].Digest.Value)
        {
            foreach (var manifest in page) report = await CheckManifestAsync(report, manifest);
            cancellationToken.ThrowIfCancellationRequested();
        }

        return report;
    }

    private async Task<ScrubReport> CheckBlobAsync(
        ScrubReport report,
        BlobToCheck blob,
        List<BlobToCheck> intact,
        Func<int, CancellationToken, ValueTask> pace,
        CancellationToken cancellationToken)
    {
        var digest = blob.Digest;
        metrics.Scrubbed(blob.Size);
        report = report with { Blobs = report.Blobs + 1, Bytes = report.Bytes + blob.Size };
        var isIntact = await bytes.IsIntactAsync(blob, pace, cancellationToken);
        if (isIntact is null) return Unread(report, digest);
        if (isIntact is true)
        {
            if (blob.DamagedAt is not null) return await content.HealAsync(blob) ? Healed(report) : report;
            intact.Add(blob);
            return report;
        }

        // It may have been collected or pushed anew while it was read: the verdict is given while nobody can do either.
        using var hold = await locks.EnterAsync(digest);
        isIntact = await bytes.IsIntactAsync(blob, BlobFile.NoPace, cancellationToken);
        if (isIntact is null) return Unread(report, digest);
        if (isIntact is true) return report;
        return Note(report, digest, blob.DamagedAt is not null, await content.MarkAsync(blob));
    }

    private async Task<ScrubReport> CheckManifestAsync(ScrubReport report, ManifestToCheck manifest)
    {
        var digest = manifest.Digest;
        report = report with { Manifests = report.Manifests + 1 };
        metrics.Scrubbed(0);
        var isIntact = Digest.Compute(digest.Algorithm, manifest.Bytes) == digest;
        if (isIntact && !manifest.IsDamaged) return report;
        var holders = await content.MarkAsync(manifest, !isIntact);
        return isIntact ? Healed(report) : Note(report, digest, manifest.IsDamaged, holders);
    }

    private ScrubReport Healed(ScrubReport report)
    {
        metrics.Healed();
        return report with { Healed = report.Healed + 1 };
    }

    private ScrubReport Unread(ScrubReport report, Digest digest)
    {
        metrics.Unreadable();
        return report with { Unread = [.. report.Unread, digest.Value] };
    }

    /// <summary>Tells of damage, unless what was read is not there any more.</summary>
    private ScrubReport Note(ScrubReport report, Digest digest, bool wasKnown, IReadOnlyList<string>? holders)
    {
        if (holders is null) return report;
        if (!wasKnown)
        {
            metrics.Damaged();
            var names = string.Join(", ", holders);
            LogDamaged(log, digest.Value, names);
        }

        return report with { Damaged = [.. report.Damaged, digest.Value] };
    }

    /// <summary>Waits as long as the bytes read so far are ahead of the rate; not at all while another scrub waits for this one.</summary>
    private Func<int, CancellationToken, ValueTask> Pace(long? bytesPerSecond)
    {
        if (bytesPerSecond is not { } rate) return BlobFile.NoPace;
        var (start, total) = (clock.GetTimestamp(), 0L);
        return async (bytes, cancellationToken) =>
        {
            total += bytes;
            var ahead = TimeSpan.FromSeconds((double)total / rate) - clock.GetElapsedTime(start);
            if (ahead > TimeSpan.FromMilliseconds(20) && Volatile.Read(ref waiting) == 0) await Task.Delay(ahead, clock, cancellationToken);
        };
    }

    [LoggerMessage(
        EventId = LogEvents.ContentDamaged, EventName = nameof(LogEvents.ContentDamaged), Level = LogLevel.Error,
        Message = "{Digest} is damaged or missing on disk; repositories that hold it: {Repositories}. It answers 404 until it is "
            + "pushed again")]
    private static partial void LogDamaged(ILogger log, string digest, string repositories);

    [LoggerMessage(
        EventId = LogEvents.BlobsUnread, EventName = nameof(LogEvents.BlobsUnread), Level = LogLevel.Warning,
        Message = "The scrub could not read {Count} blobs although the object store answers, and the next one tries again; the first is "
            + "{Digest}")]
    private static partial void LogUnread(ILogger log, int count, string digest);
}
