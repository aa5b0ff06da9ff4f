namespace AuthIndex.Hosting.Web;

/// <summary>
/// How often something may happen for each key: a budget that refills evenly. Memory is bounded: beyond a number of keys the new ones
/// share one budget until others have refilled. Thread-safe.
/// </summary>
/// <param name="interval">After which time one more is there; positive.</param>
/// <param name="burst">How many are saved up at most.</param>
/// <param name="shared">The key of those that find no room for a budget of their own.</param>
/// <param name="clock">The clock.</param>
public sealed class RateBudget<TKey>(TimeSpan interval, int burst, TKey shared, TimeProvider clock)
    where TKey : notnull
{
    /// <summary>The most keys that have a budget of their own.</summary>
    public const int MaxKeys = 100_000;

    private static readonly TimeSpan SweepPause = TimeSpan.FromSeconds(1);

    private readonly Dictionary<TKey, long> refilledAt = []; // in ticks of UTC
    private readonly Lock gate = new();
    private long nextSweep;

    /// <summary>Takes one from the key's budget; null when there was one, otherwise how long until there is.</summary>
    public TimeSpan? Take(TKey key)
    {
        var now = clock.GetUtcNow().Ticks;
        var most = now + (burst * interval.Ticks);
        lock (gate)
        {
            key = OwnOrShared(key, now);
            // A clock that was turned back must not lock anybody out for longer than the budget takes to refill.
            var at = Math.Clamp(refilledAt.GetValueOrDefault(key), now, most) + interval.Ticks;
            if (at > most) return TimeSpan.FromTicks(at - most);
            refilledAt[key] = at;
            return null;
        }
    }

    private TKey OwnOrShared(TKey key, long now)
    {
        if (refilledAt.Count < MaxKeys || refilledAt.ContainsKey(key)) return key;
        if (now >= nextSweep)
        {
            nextSweep = now + SweepPause.Ticks;
            foreach (var (full, _) in refilledAt.Where(a => a.Value <= now).ToList()) refilledAt.Remove(full);
        }

        return refilledAt.Count < MaxKeys ? key : shared;
    }
}
