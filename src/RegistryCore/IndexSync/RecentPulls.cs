using System.Collections.Concurrent;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.IndexSync;

/// <summary>
/// What was pulled since it was last reported. A pull must cost nothing, so this lies in memory, bounded: a crash forgets it, and beyond
/// the bound further manifests are not noted.
/// </summary>
internal sealed class RecentPulls(TimeProvider clock)
{
    /// <summary>The most manifests noted at once.</summary>
    public const int MaxNoted = 10_000;

    private readonly ConcurrentDictionary<(string Repository, string Digest), long> pulls = new();
    private int noted;

    /// <summary>Notes that a manifest is pulled now.</summary>
    public void Note(RepositoryName repository, Digest digest)
    {
        var key = (repository.Value, digest.Value);
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        if (pulls.TryGetValue(key, out var last))
        {
            if (last != now) pulls.TryUpdate(key, now, last);
        }
        else if (Volatile.Read(ref noted) < MaxNoted && pulls.TryAdd(key, now))
        {
            Interlocked.Increment(ref noted);
        }
    }

    /// <summary>Removes up to <paramref name="count"/> notes and returns them.</summary>
    public IReadOnlyList<PulledManifest> Take(int count)
    {
        var taken = new List<PulledManifest>();
        foreach (var (key, _) in pulls)
        {
            if (taken.Count == count) break;
            if (!pulls.TryRemove(key, out var at)) continue;
            Interlocked.Decrement(ref noted);
            taken.Add(new PulledManifest(key.Repository, key.Digest, at));
        }

        return taken;
    }
}
