using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Scrubbing;

/// <summary>The result of a scrub: what was checked, what is damaged, and what is intact again.</summary>
internal sealed record ScrubReport(int Blobs, long Bytes, int Manifests, IReadOnlyList<string> Damaged, int Healed)
{
    /// <summary>What manifests need and their repositories do not hold any more, as lines for people.</summary>
    public IReadOnlyList<string> Unmet { get; init; } = [];
}

/// <summary>
/// Compares what is stored with its digests. What no longer matches is marked and shown to nobody: then a client finds it
/// missing and pushes it again, which heals it, in place of building on what is broken. What matches again loses the mark that
/// was seen when it was read, and no other. One scrub runs at a time.
/// </summary>
internal sealed partial class Scrubber(
    StorageDirectory directory,
    RegistryDatabase database,
    ReadCache cache,
    DigestLocks locks,
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
    /// The most bytes of blobs read in a second: such a scrub ends with the blob at hand when another waits. Null for no bound.
    /// </param>
    /// <param name="cancellationToken">Ends the scrub; what was checked stays checked.</param>
    public async Task<ScrubReport> RunAsync(
        long checkedBefore, bool withManifests, long? bytesPerSecond, CancellationToken cancellationToken)
    {
        await EnterAsync(cancellationToken);
        try
        {
            return await CheckAsync(checkedBefore, withManifests, bytesPerSecond, cancellationToken);
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
        bool GivesWay() => bytesPerSecond is not null && Volatile.Read(ref waiting) > 0;
        for (var after = ""; BlobPage(after, checkedBefore) is { Count: > 0 } page; after = page[^1].Digest)
        {
            var intact = new List<string>(PageSize);
            foreach (var row in page.TakeWhile(_ => !GivesWay()))
            {
                report = await CheckBlobAsync(report, row, intact, pace, cancellationToken);
            }

            // Written together, which spares a commit for each; no mark goes by this, since one may have come since the blob was read.
            await database.WriteAsync(db => db.Execute("UPDATE blobs SET verified_at = @now WHERE digest IN @intact AND damaged_at IS NULL",
                new { now = database.Now, intact }));
            if (GivesWay()) return report;
        }

        if (!withManifests) return report;
        for (var after = ""; ManifestPage(after) is { Count: > 0 } page; after = page[^1].Digest)
        {
            foreach (var row in page) report = await CheckManifestAsync(report, row);
            cancellationToken.ThrowIfCancellationRequested();
        }

        return report;
    }

    private async Task<ScrubReport> CheckBlobAsync(
        ScrubReport report,
        BlobRow row,
        List<string> intact,
        Func<int, CancellationToken, ValueTask> pace,
        CancellationToken cancellationToken)
    {
        var digest = Parse(row.Digest);
        metrics.Scrubbed(row.Size);
        report = report with { Blobs = report.Blobs + 1, Bytes = report.Bytes + row.Size };
        if (await BlobFile.IsIntactAsync(directory.Blob(digest), digest, row.Size, pace, cancellationToken))
        {
            if (row.IsDamaged) return await HealAsync(report, row);
            intact.Add(row.Digest);
            return report;
        }

        // It may have been collected or pushed anew while it was read: the verdict is given while nobody can do either.
        using var hold = await locks.EnterAsync(digest);
        if (await BlobFile.IsIntactAsync(directory.Blob(digest), digest, row.Size, BlobFile.NoPace, cancellationToken)) return report;
        var marked = await database.WriteAsync(db => db.Execute("UPDATE blobs SET damaged_at = coalesce(damaged_at, @now), verified_at = "
            + "@now WHERE digest = @digest", new { now = database.Now, digest = row.Digest }));
        return marked == 0
            ? report
            : Note(
                report,
                row.Digest,
                row.IsDamaged,
                "SELECT r.name FROM repositories r JOIN blob_links l ON l.repository = r.id WHERE l.digest = @digest");
    }

    private async Task<ScrubReport> HealAsync(ScrubReport report, BlobRow row)
    {
        var healed = await database.WriteAsync(db => db.Execute(
            "UPDATE blobs SET verified_at = @now, damaged_at = NULL WHERE digest = @digest AND damaged_at = "
                + "@seen", new { now = database.Now, digest = row.Digest, seen = row.DamagedAt }));
        if (healed == 0) return report;
        metrics.Healed();
        return report with { Healed = report.Healed + 1 };
    }

    private async Task<ScrubReport> CheckManifestAsync(ScrubReport report, ManifestRow row)
    {
        var digest = Parse(row.Digest);
        report = report with { Manifests = report.Manifests + 1 };
        metrics.Scrubbed(0);
        var isIntact = Digest.Compute(digest.Algorithm, row.Bytes) == digest;
        if (isIntact && !row.IsDamaged) return report;
        var marked = await database.WriteAsync(db => db.Execute(
            "UPDATE manifest_contents SET damaged_at = @at WHERE digest = @digest AND bytes = @bytes",
            new { at = isIntact ? (long?)null : database.Now, digest = row.Digest, bytes = row.Bytes }));
        if (isIntact)
        {
            metrics.Healed();
            return report with { Healed = report.Healed + 1 };
        }

        return marked == 0
            ? report
            : Note(
                report,
                row.Digest,
                row.IsDamaged,
                "SELECT r.name FROM repositories r JOIN manifests m ON m.repository = r.id WHERE m.digest = @digest");
    }

    private ScrubReport Note(ScrubReport report, string digest, bool wasKnown, string holders)
    {
        var repositories = database.Read(db => db.Query<string>(holders, new { digest }).AsList());
        foreach (var repository in repositories) cache.Invalidate(repository);
        if (!wasKnown)
        {
            metrics.Damaged();
            var names = string.Join(", ", repositories);
            LogDamaged(log, digest, names);
        }

        return report with { Damaged = [.. report.Damaged, digest] };
    }

    private List<BlobRow> BlobPage(string after, long before) => database.Read(db => db.Query<BlobRow>(
        "SELECT digest, size, damaged_at AS DamagedAt FROM blobs WHERE digest > @after AND verified_at < @before ORDER BY digest LIMIT "
            + "@count",
        new { after, before, count = PageSize }).AsList());

    private List<ManifestRow> ManifestPage(string after) => database.Read(db => db.Query<ManifestRow>(
        "SELECT digest, bytes, damaged_at IS NOT NULL AS IsDamaged FROM manifest_contents WHERE digest > @after ORDER BY digest LIMIT "
            + "@count",
        new { after, count = PageSize }).AsList());

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

    private static Digest Parse(string text) =>
        Digest.TryParse(text, out var digest) ? digest : throw new InvalidDataException($"The database has the invalid digest '{text}'.");

    private sealed class BlobRow
    {
        public string Digest { get; init; } = "";

        public long Size { get; init; }

        public long? DamagedAt { get; init; }

        public bool IsDamaged => DamagedAt is not null;
    }

    private sealed class ManifestRow
    {
        public string Digest { get; init; } = "";

        public byte[] Bytes { get; init; } = [];

        public bool IsDamaged { get; init; }
    }

    [LoggerMessage(
        EventId = LogEvents.ContentDamaged, EventName = nameof(LogEvents.ContentDamaged), Level = LogLevel.Error,
        Message = "{Digest} is damaged or missing on disk; repositories that hold it: {Repositories}. It answers 404 until it is "
            + "pushed again")]
    private static partial void LogDamaged(ILogger log, string digest, string repositories);
}
