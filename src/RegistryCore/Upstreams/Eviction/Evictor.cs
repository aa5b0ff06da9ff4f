using System.Collections.Concurrent;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>
/// Evicts what came from upstreams, by when it was last used (<c>evictAfter</c>) and by how much there is (<c>quota</c>). It deletes
/// manifests with their tags, as a client would; what they needed goes with the collection that follows, once its grace period is over and
/// nothing else needs it. A manifest that is asked for meanwhile stays, or is downloaded again.
/// </summary>
internal sealed partial class Evictor(
    UpstreamSet upstreams, IRepositoryStore repositories, IManifestStore manifests, IManifestUses uses, RecentUses recent,
    UpstreamMetrics metrics, GarbageCollectionOptions collection, TimeProvider clock, ILogger<Evictor> log) : IEviction, IDisposable
{
    // How old a sum may be where only a glance is wanted: as often EvictionSchedule looks.
    private static readonly TimeSpan Recent = TimeSpan.FromMinutes(10);
    private const int PageSize = 1000;

    private readonly ConcurrentDictionary<string, (HeldBytes Bytes, long At)> held = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim glance = new(1);

    /// <summary>The bytes below an upstream's prefix that were here when somebody last looked; null before.</summary>
    public long? LastHeld(string prefix) => held.TryGetValue(prefix, out var last) ? last.Bytes.Held : null;

    /// <summary>How much is here below an upstream's prefix.</summary>
    public async Task<HeldBytes> SumAsync(string prefix)
    {
        var bytes = await uses.SumAsync(prefix + "/", (clock.GetUtcNow() - collection.Grace).ToUnixTimeSeconds());
        held[prefix] = (bytes, clock.GetTimestamp());
        return bytes;
    }

    /// <summary>The same as of the last ten minutes: adding up what a large cache holds takes a moment, and many may ask.</summary>
    public async Task<HeldBytes> RecentSumAsync(string prefix, CancellationToken cancellationToken)
    {
        await glance.WaitAsync(cancellationToken);
        try
        {
            return held.TryGetValue(prefix, out var last) && clock.GetElapsedTime(last.At) < Recent ? last.Bytes : await SumAsync(prefix);
        }
        finally
        {
            glance.Release();
        }
    }

    /// <summary>The prefixes of upstreams that are no longer configured, but for those under which a configured one has names.</summary>
    public async Task<IReadOnlyList<string>> FormerPrefixesAsync() =>
        [.. (await repositories.UpstreamPrefixesAsync()).Where(p => Overlapping(p) is null)];

    /// <summary>Deletes the copies of an upstream that is no longer configured; the number of manifests.</summary>
    /// <param name="prefix">Its prefix.</param>
    /// <param name="by">Who deletes them.</param>
    /// <param name="cancellationToken">Ends it; what is deleted until then stays so.</param>
    /// <exception cref="OperatorException">A configured one has it, or names below or above it; or there never was one.</exception>
    public async Task<int> RemoveFormerAsync(string prefix, string by, CancellationToken cancellationToken)
    {
        if (Overlapping(prefix) is { } present)
        {
            throw new OperatorException(
                present.Prefix == prefix
                    ? $"{prefix} is the prefix of the upstream {present.Name}: remove it from the configuration, or set quota or evictAfter"
                    : $"{prefix} overlaps with {present.Prefix}, the prefix of the upstream {present.Name}, whose copies would go too");
        }

        if (!(await FormerPrefixesAsync()).Contains(prefix, StringComparer.Ordinal))
        {
            throw new OperatorException($"'{prefix}' is not the prefix of a former upstream: registry upstreams lists them");
        }

        var count = 0;
        for (var after = ""; await repositories.ListAsync(after, PageSize, prefix + "/") is { Count: > 0 } page; after = page[^1])
        {
            foreach (var name in page)
            {
                if (RepositoryName.TryParse(name, out var repository)) count += await RemoveCopiesAsync(repository, by, cancellationToken);
            }
        }

        held.TryRemove(prefix, out _);
        return count;
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

    private Upstream? Overlapping(string prefix) =>
        upstreams.All.FirstOrDefault(u => UpstreamOptions.IsBelow(prefix, u.Prefix) || UpstreamOptions.IsBelow(u.Prefix, prefix));

    private async Task<int> RemoveCopiesAsync(RepositoryName repository, string by, CancellationToken cancellationToken)
    {
        var count = 0;
        foreach (var manifest in (await uses.ReadAsync(repository)).Manifests.Where(m => Upstream.IsCopy(m.PushedBy)))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var deletion = await manifests.DeleteAsync(
                repository, Digest.ParseStored(manifest.Digest), new Precondition(null, null), by, evenIfNeeded: true);
            if (deletion.Outcome == DeleteOutcome.Deleted) count++;
        }

        return count;
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

    /// <inheritdoc/>
    public void Dispose() => glance.Dispose();

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
