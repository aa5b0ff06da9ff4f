using System.Collections.Concurrent;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Uses;

namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>
/// Evicts what came from upstreams, by when it was last used (<c>evictAfter</c>) and by how much there is (<c>quota</c>). It deletes
/// manifests with their tags, as a client would; what they needed goes with the collection that follows, once its grace period is over and
/// nothing else needs it. A manifest that is asked for meanwhile stays, or is downloaded again.
/// </summary>
internal sealed partial class Evictor(
    UpstreamSet upstreams, IRepositoryStore repositories, IManifestStore manifests, IManifestUses uses, RecentUses recent,
    UpstreamMetrics metrics, TimeProvider clock, ILogger<Evictor> log) : IEviction
{
    private readonly ConcurrentDictionary<string, long> held = new(StringComparer.Ordinal);

    /// <summary>The bytes of an upstream that were here when somebody last looked; null before.</summary>
    public long? LastHeld(string upstream) => held.TryGetValue(upstream, out var bytes) ? bytes : null;

    /// <summary>How much is here of an upstream, and what of it is due to go.</summary>
    public async Task<EvictionPlan> PlanAsync(Upstream upstream, CancellationToken cancellationToken)
    {
        var copies = await StoredCopies.ReadAsync(upstream, repositories, uses, cancellationToken);
        var unusedSince = upstream.Options.EvictAfter is { } after ? (clock.GetUtcNow() - after).ToUnixTimeSeconds() : (long?)null;
        var plan = EvictionPlan.Make(copies, upstream.Options.Quota?.Bytes, unusedSince);
        held[upstream.Name] = plan.Held;
        return plan;
    }

    /// <inheritdoc/>
    public async Task<Evicted> RunAsync(bool isDryRun, CancellationToken cancellationToken)
    {
        var (count, bytes) = (0, 0L);
        foreach (var upstream in upstreams.All)
        {
            if (upstream.Options is { Quota: null, EvictAfter: null }) continue;
            using var hold = await recent.WriteAndHoldAsync(cancellationToken);
            var plan = await PlanAsync(upstream, cancellationToken);
            var done = isDryRun ? plan.Evicted.Count : await DeleteAsync(upstream, plan, cancellationToken);
            if (!isDryRun) Tell(upstream, plan, done);
            (count, bytes) = (count + done, bytes + plan.Held - plan.Kept);
        }

        return new Evicted(count, bytes);
    }

    private async Task<int> DeleteAsync(Upstream upstream, EvictionPlan plan, CancellationToken cancellationToken)
    {
        var count = 0;
        foreach (var manifest in plan.Evicted)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var digest = Digest.ParseStored(manifest.Digest);
            if (recent.Has(manifest.Repository, digest)) continue; // asked for since the plan was made
            var deletion = await manifests.DeleteAsync(
                manifest.Repository, digest, new Precondition(null, null), upstream.Account, evenIfNeeded: true);
            if (deletion.Outcome == DeleteOutcome.Deleted) count++;
        }

        held[upstream.Name] = plan.Kept;
        metrics.Evicted(upstream.Name, count);
        return count;
    }

    private void Tell(Upstream upstream, EvictionPlan plan, int count)
    {
        if (count > 0) LogEvicted(log, count, upstream.Name, new ByteSize(plan.Held), new ByteSize(plan.Kept));
        if (plan.Kept > upstream.Options.Quota?.Bytes) LogPinned(log, upstream.Name, new ByteSize(plan.Kept));
    }

    [LoggerMessage(
        EventId = LogEvents.UpstreamEvicted, EventName = nameof(LogEvents.UpstreamEvicted), Level = LogLevel.Information,
        Message = "Evicted {Count} manifests of the upstream {Upstream}, which held {Before}; {After} stay")]
    private static partial void LogEvicted(ILogger log, int count, string upstream, ByteSize before, ByteSize after);

    [LoggerMessage(
        EventId = LogEvents.UpstreamPinsExceedQuota, EventName = nameof(LogEvents.UpstreamPinsExceedQuota), Level = LogLevel.Warning,
        Message = "The quota of the upstream {Upstream} is less than what its pin patterns keep: {Pinned}")]
    private static partial void LogPinned(ILogger log, string upstream, ByteSize pinned);
}
