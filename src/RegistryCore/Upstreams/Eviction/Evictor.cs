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
    UpstreamMetrics metrics, GarbageCollectionOptions collection, TimeProvider clock, ILogger<Evictor> log) : IEviction
{
    private readonly ConcurrentDictionary<string, long> held = new(StringComparer.Ordinal);

    /// <summary>The bytes of an upstream that were here when somebody last looked; null before.</summary>
    public long? LastHeld(string upstream) => held.TryGetValue(upstream, out var bytes) ? bytes : null;

    /// <summary>How much is here of an upstream.</summary>
    public async Task<HeldBytes> SumAsync(Upstream upstream)
    {
        var bytes = await uses.SumAsync(upstream.Prefix + "/", (clock.GetUtcNow() - collection.Grace).ToUnixTimeSeconds());
        held[upstream.Name] = bytes.Held;
        return bytes;
    }

    /// <summary>What is due to go of an upstream.</summary>
    public async Task<EvictionPlan> PlanAsync(Upstream upstream, CancellationToken cancellationToken)
    {
        var copies = await StoredCopies.ReadAsync(upstream, repositories, uses, cancellationToken);
        var unusedSince = upstream.Options.EvictAfter is { } after ? (clock.GetUtcNow() - after).ToUnixTimeSeconds() : (long?)null;
        return EvictionPlan.Make(copies, upstream.Options.Quota?.Bytes, unusedSince);
    }

    /// <inheritdoc/>
    public async Task<Evicted> RunAsync(bool isDryRun, CancellationToken cancellationToken)
    {
        var (count, bytes) = (0, 0L);
        foreach (var upstream in upstreams.All)
        {
            if (!upstream.IsEvicted) continue;
            await recent.WriteAsync(cancellationToken);
            var plan = await PlanAsync(upstream, cancellationToken);
            var gone = isDryRun ? plan.Evicted : await DeleteAsync(upstream, plan, cancellationToken);
            var isGone = gone.ToHashSet<StoredCopy>(ReferenceEqualityComparer.Instance);
            var left = plan.Copies.Sum(plan.Copies.Manifests.Where(m => !isGone.Contains(m)));
            if (!isDryRun) Tell(upstream, plan, gone.Count, left);
            (count, bytes) = (count + gone.Count, bytes + plan.Held - left);
        }

        return new Evicted(count, bytes);
    }

    /// <summary>Deletes what the plan says, but for what was asked for since.</summary>
    private async Task<IReadOnlyCollection<StoredCopy>> DeleteAsync(
        Upstream upstream, EvictionPlan plan, CancellationToken cancellationToken)
    {
        var gone = new List<StoredCopy>();
        try
        {
            foreach (var manifest in plan.Evicted)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var digest = Digest.ParseStored(manifest.Digest);
                if (recent.Has(manifest.Repository, digest)) continue; // what other processes wrote down is checked with the deletion
                var deletion = await manifests.DeleteAsync(
                    manifest.Repository, digest, new Precondition(null, null), upstream.Account, evenIfNeeded: true,
                    lastUse: manifest.UsedAt);
                if (deletion.Outcome == DeleteOutcome.Deleted) gone.Add(manifest);
            }
        }
        finally
        {
            metrics.Evicted(upstream.Name, gone.Count);
        }

        return gone;
    }

    private void Tell(Upstream upstream, EvictionPlan plan, int count, long left)
    {
        if (count > 0) LogEvicted(log, count, upstream.Name, new ByteSize(plan.Held), new ByteSize(left));
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
