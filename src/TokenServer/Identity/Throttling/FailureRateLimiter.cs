namespace AuthIndex.TokenServer.Identity.Throttling;

/// <summary>
/// Counts failures under keyed hashes, in memory of a fixed size. Each key has a number of tries that refill evenly. A key is counted in
/// two places that it shares with others by chance, and is out of tries only when both are: adding keys cannot clear a count, and using up
/// another key's tries takes more failures than this server can check. Not thread-safe.
/// </summary>
/// <param name="most">How many tries there are within the time; 0 counts nothing.</param>
/// <param name="within">After which time all tries are back.</param>
/// <param name="time">The clock.</param>
internal sealed class FailureRateLimiter(int most, TimeSpan within, TimeProvider time)
{
    private const int Slots = 1 << 17;

    private readonly long start = time.GetTimestamp();
    private readonly long interval = most == 0 ? 0 : within.Ticks / most;

    // When all tries of a slot are back, in ticks since the start.
    private readonly long[] first = new long[most == 0 ? 0 : Slots];
    private readonly long[] second = new long[most == 0 ? 0 : Slots];

    /// <summary>How long until there is a try; zero when there is one.</summary>
    public TimeSpan Wait(UInt256 key)
    {
        if (most == 0) return TimeSpan.Zero;
        var now = Now();
        return TimeSpan.FromTicks(Math.Max(0, Full(key, now) + interval - (now + within.Ticks)));
    }

    /// <summary>Takes a try; false when there is none.</summary>
    public bool Take(UInt256 key)
    {
        if (most == 0) return true;
        var now = Now();
        var full = Full(key, now) + interval;
        if (full > now + within.Ticks) return false;
        ref var one = ref first[First(key)];
        ref var other = ref second[Second(key)];
        (one, other) = (Math.Max(one, full), Math.Max(other, full));
        return true;
    }

    /// <summary>Gives back a try that was taken.</summary>
    public void GiveBack(UInt256 key)
    {
        if (most == 0) return;
        first[First(key)] -= interval;
        second[Second(key)] -= interval;
    }

    /// <summary>Restores all attempts of a key, as after a sign-in that worked or <c>accounts unlock</c>.</summary>
    public void Clear(UInt256 key)
    {
        if (most == 0) return;
        first[First(key)] = 0;
        second[Second(key)] = 0;
    }

    private static int First(UInt256 key) => (int)(key.Low % Slots);

    private static int Second(UInt256 key) => (int)(key.High % Slots);

    // A time further ahead than the full refill was written before the clock was turned back, and is ignored.
    private long Full(UInt256 key, long now)
    {
        var full = Math.Min(first[First(key)], second[Second(key)]);
        return full > now + within.Ticks ? now : Math.Max(full, now);
    }

    private long Now() => time.GetElapsedTime(start).Ticks;
}
