using System.Runtime.ExceptionServices;
using AuthIndex.RegistryCore.Metrics;

namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>What a collection removed, or would remove.</summary>
/// <param name="DryRun">Whether nothing was removed.</param>
/// <param name="Manifests">Manifests.</param>
/// <param name="Links">Blobs that were taken out of a repository.</param>
/// <param name="Blobs">Blobs that no repository held.</param>
/// <param name="BlobBytes">Their bytes.</param>
/// <param name="Leftovers">Files that the database does not name.</param>
/// <param name="LeftoverBytes">Their bytes.</param>
/// <param name="Unexplained">Files that the database does not name and that were kept, because crashes do not leave so many.</param>
/// <param name="Undeleted">Objects that the object store refuses to delete; later collections try again.</param>
internal sealed record CollectionReport(
    bool DryRun,
    int Manifests,
    int Links,
    int Blobs,
    long BlobBytes,
    int Leftovers,
    long LeftoverBytes,
    int Unexplained = 0,
    int Undeleted = 0)
{
    /// <summary>Manifests of upstreams that were evicted before; not among <see cref="Manifests"/>.</summary>
    public int Evicted { get; init; }

    /// <summary>The bytes of what only they needed, which this or a later collection gives back.</summary>
    public long EvictedBytes { get; init; }
}

/// <summary>
/// Has garbage collected, beside running pushes and pulls, and tells of it. A process makes one collection or backup at a time.
/// </summary>
internal sealed partial class GarbageCollector(
    ICollector collector, IEviction eviction, MaintenanceLock maintenance, RegistryMetrics metrics, TimeProvider clock,
    ILogger<GarbageCollector> log)
{
    /// <summary>Runs one collection, after the one that is running.</summary>
    /// <param name="isDryRun">Whether nothing is removed.</param>
    /// <param name="cancellationToken">Ends it; what was removed until then is gone.</param>
    /// <param name="withUnexplained">Whether files that the database does not name go however many they are.</param>
    public async Task<CollectionReport> RunAsync(bool isDryRun, CancellationToken cancellationToken, bool withUnexplained = false)
    {
        try
        {
            return await CollectAsync(isDryRun, withUnexplained, cancellationToken);
        }
        catch (Exception e) when (!isDryRun && e is not OperationCanceledException)
        {
            metrics.CollectionFailed();
            throw;
        }
    }

    private async Task<CollectionReport> CollectAsync(bool isDryRun, bool withUnexplained, CancellationToken cancellationToken)
    {
        using var turn = await maintenance.EnterAsync(cancellationToken);
        var started = clock.GetTimestamp();
        var (evicted, failure) = await EvictAsync(isDryRun, cancellationToken);
        var report = await collector.CollectAsync(isDryRun, withUnexplained, cancellationToken) with
        {
            Evicted = evicted.Manifests, EvictedBytes = evicted.Bytes,
        };
        var seconds = clock.GetElapsedTime(started).TotalSeconds;
        LogDone(log, report, seconds);
        if (!isDryRun)
        {
            metrics.Collected(report.Manifests, report.Links, report.Blobs, report.Leftovers, report.BlobBytes + report.LeftoverBytes);
        }

        failure?.Throw();
        return report;
    }

    /// <summary>Evicts; that it fails must not keep garbage from going, least of all on a full volume, and is told afterwards.</summary>
    private async Task<(Evicted Evicted, ExceptionDispatchInfo? Failure)> EvictAsync(bool isDryRun, CancellationToken cancellationToken)
    {
        try
        {
            return (await eviction.RunAsync(isDryRun, cancellationToken), null);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            return (default, ExceptionDispatchInfo.Capture(e));
        }
    }

    [LoggerMessage(
        EventId = LogEvents.GarbageCollected, EventName = nameof(LogEvents.GarbageCollected), Level = LogLevel.Information,
        Message = "Garbage collection finished in {Seconds:0.0} s: {Report}")]
    private static partial void LogDone(ILogger log, CollectionReport report, double seconds);
}
