using System.Runtime.InteropServices;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Collection;

/// <summary>
/// Removes what nothing leads to, beside running pushes and pulls. Three orders keep it safe, whatever the interleaving:
/// <list type="number">
/// <item>A link or manifest goes in the writer's transaction that proves it unneeded and untouched; a manifest is pushed in a
/// transaction that proves its references present. One comes before the other, and the later one sees it.</item>
/// <item>An existence check touches, then reads; the collector announces, then looks at the touches (<see cref="RecentAccess"/>).</item>
/// <item>A blob's row goes before its file, and whoever pushes the same digest waits for both (<see cref="DigestLocks"/>): no row
/// is ever without its file. A crash in between leaves a file without a row, which a later run removes.</item>
/// </list>
/// </summary>
internal sealed partial class SqliteCollector(
    StorageDirectory directory, SqliteGarbage garbage, DigestLocks locks, GarbageCollectionOptions options, ILogger<SqliteCollector> log)
    : ICollector
{
    private const int BatchSize = 100;

    // More files without a row than two crashed batches leave, and than a tenth of all files, tell of a database that is not the latest.
    private const int MaxLeftovers = 2 * BatchSize, LeftoverShare = 10;

    /// <inheritdoc/>
    public async Task<CollectionReport> CollectAsync(bool isDryRun, bool withUnexplained, CancellationToken cancellationToken)
    {
        var age = Age();
        var report = new CollectionReport(isDryRun, 0, 0, 0, 0, 0, 0);
        var unlinked = new Dictionary<Digest, int>();
        foreach (var (id, repository) in garbage.Repositories())
        {
            cancellationToken.ThrowIfCancellationRequested();
            var manifests = garbage.Manifests(id, age);
            if (!isDryRun) manifests = await RemoveManifestsAsync(id, repository, manifests, age, cancellationToken);
            var links = garbage.Links(id, age, manifests);
            if (!isDryRun)
            {
                links = await RemoveAsync(links, batch => garbage.RemoveLinksAsync(id, repository, batch, age), cancellationToken);
            }

            foreach (var link in links) CollectionsMarshal.GetValueRefOrAddDefault(unlinked, link, out _)++;
            report = report with { Manifests = report.Manifests + manifests.Count, Links = report.Links + links.Count };
        }

        report = isDryRun ? CountBlobs(report, unlinked) : await RemoveBlobsAsync(report, cancellationToken);
        report = RemoveLeftovers(report, age, withUnexplained, cancellationToken);
        if (!isDryRun) await garbage.EndAsync(cancellationToken);
        return report;
    }

    private GarbageAge Age()
    {
        var now = garbage.Now;
        var content = now - (long)options.Grace.TotalSeconds;

        // The last touches before a crash are forgotten: everything counts as touched when the server came back.
        if (garbage.TouchesLostUntil >= content)
        {
            LogWaits(log);
            content = long.MinValue;
        }

        return GarbageAge.At(content, now, options);
    }

    /// <summary>Removes in rounds, because an index must go before its children.</summary>
    private async Task<IReadOnlyList<Digest>> RemoveManifestsAsync(
        long id, RepositoryName repository, IReadOnlyList<Digest> candidates, GarbageAge age, CancellationToken cancellationToken)
    {
        var removed = new HashSet<Digest>();
        var before = -1;
        while (removed.Count > before && removed.Count < candidates.Count)
        {
            before = removed.Count;
            removed.UnionWith(await RemoveAsync(
                [.. candidates.Where(c => !removed.Contains(c))],
                batch => garbage.RemoveManifestsAsync(id, repository, batch, age),
                cancellationToken));
        }

        return [.. removed];
    }

    private static async Task<IReadOnlyList<Digest>> RemoveAsync(
        IReadOnlyList<Digest> candidates, Func<IReadOnlyList<Digest>, Task<IReadOnlyList<Digest>>> remove,
        CancellationToken cancellationToken)
    {
        var removed = new List<Digest>();
        foreach (var batch in candidates.Chunk(BatchSize))
        {
            cancellationToken.ThrowIfCancellationRequested();
            removed.AddRange(await remove(batch));
        }

        return removed;
    }

    private CollectionReport CountBlobs(CollectionReport report, Dictionary<Digest, int> unlinked)
    {
        var blobs = garbage.Blobs("", int.MaxValue)
            .Concat(unlinked.Select(entry => garbage.BlobHeldBy(entry.Key, entry.Value)).OfType<BlobRecord>()).ToList();
        return report with { Blobs = blobs.Count, BlobBytes = blobs.Sum(b => b.Size) };
    }

    private async Task<CollectionReport> RemoveBlobsAsync(CollectionReport report, CancellationToken cancellationToken)
    {
        var after = "";
        while (garbage.Blobs(after, BatchSize) is { Count: > 0 } batch)
        {
            cancellationToken.ThrowIfCancellationRequested();
            after = batch[^1].Digest.Value;
            var removed = await RemoveBlobsAsync(batch);
            report = report with { Blobs = report.Blobs + removed.Count, BlobBytes = report.BlobBytes + removed.Sum(b => b.Size) };
        }

        return report;
    }

    private async Task<List<BlobRecord>> RemoveBlobsAsync(IReadOnlyList<BlobRecord> batch)
    {
        var held = new List<(BlobRecord Blob, IDisposable Hold)>();
        try
        {
            foreach (var blob in batch)
            {
                // It is being pushed right now, so it is not garbage.
                if (locks.TryEnter(blob.Digest) is { } hold) held.Add((blob, hold));
            }

            var removed = await garbage.RemoveBlobsAsync(held.Select(h => h.Blob));
            Fault.Pass(FaultPoint.RowsCollected);
            foreach (var blob in removed)
            {
                File.Delete(directory.Blob(blob.Digest));
                Fault.Pass(FaultPoint.FileCollected);
            }

            return removed;
        }
        finally
        {
            foreach (var (_, hold) in held) hold.Dispose();
        }
    }

    /// <summary>
    /// Files without a row: a push died between its rename and its commit, or a collection between its commit and the file.
    /// </summary>
    private CollectionReport RemoveLeftovers(
        CollectionReport report, GarbageAge age, bool withUnexplained, CancellationToken cancellationToken)
    {
        var (all, leftovers) = (0, new List<(Digest Digest, long Size)>());
        foreach (var (folder, prefix) in directory.BlobFolders)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var files = new DirectoryInfo(folder).GetFiles();
            if (files.Length == 0) continue;
            all += files.Length;
            var known = garbage.Known(prefix);
            foreach (var file in files)
            {
                if (!Digest.TryParse($"{prefix[..7]}{file.Name}", out var digest) || directory.Blob(digest) != file.FullName
                    || known.Contains(digest.Value))
                {
                    continue;
                }

                if (new DateTimeOffset(file.LastWriteTimeUtc).ToUnixTimeSeconds() < age.Content) leftovers.Add((digest, file.Length));
            }
        }

        if (!withUnexplained && leftovers.Count > MaxLeftovers && leftovers.Count * LeftoverShare > all)
        {
            LogUnexplained(log, leftovers.Count, all);
            return report with { Unexplained = leftovers.Count };
        }

        foreach (var (digest, size) in leftovers)
        {
            cancellationToken.ThrowIfCancellationRequested();
            if (!report.DryRun && !RemoveLeftover(digest)) continue;
            report = report with { Leftovers = report.Leftovers + 1, LeftoverBytes = report.LeftoverBytes + size };
        }

        return report;
    }

    /// <summary>Who holds the digest and finds no row knows that no push of it is between its rename and its commit.</summary>
    private bool RemoveLeftover(Digest digest)
    {
        using var hold = locks.TryEnter(digest);
        if (hold is null || garbage.Known(digest.Value).Count > 0) return false;
        File.Delete(directory.Blob(digest));
        Fault.Pass(FaultPoint.LeftoverCollected);
        return true;
    }

    [LoggerMessage(
        EventId = LogEvents.LeftoversKept, EventName = nameof(LogEvents.LeftoversKept), Level = LogLevel.Error,
        Message = "Kept {Count} of {All} files in blobs/ that the database does not list, more than crashes leave. If the database "
            + "is an older copy, restore the latest backup; otherwise remove the files with 'registry gc --leftovers'")]
    private static partial void LogUnexplained(ILogger log, int count, int all);

    [LoggerMessage(
        EventId = LogEvents.UncleanShutdown, EventName = nameof(LogEvents.UncleanShutdown), Level = LogLevel.Warning,
        Message = "Unclean shutdown detected: only unreferenced blobs are collected until one grace period has passed")]
    private static partial void LogWaits(ILogger log);
}
