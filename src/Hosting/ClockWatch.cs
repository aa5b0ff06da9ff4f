namespace AuthIndex.Hosting;

/// <summary>
/// Tells whether the machine's clock can be trusted for permanent deletions: it may have been set wrong. It is settled when it has run
/// evenly for an hour, as measured by the monotonic clock. Thread-safe.
/// </summary>
public sealed class ClockWatch(TimeProvider time)
{
    /// <summary>For how long the clock must have run evenly.</summary>
    public static readonly TimeSpan SettlesAfter = TimeSpan.FromHours(1);

    // A clock that is kept right by NTP is moved by less at once.
    private static readonly TimeSpan Uneven = TimeSpan.FromMinutes(1);

    private readonly Lock gate = new();
    private long evenSince = time.GetTimestamp();
    private long lookedAt = time.GetTimestamp();
    private DateTimeOffset seen = time.GetUtcNow();

    /// <summary>Whether the clock has run evenly since the hour before now. Must be called from time to time.</summary>
    public bool IsSettled
    {
        get
        {
            lock (gate)
            {
                var (stamp, now) = (time.GetTimestamp(), time.GetUtcNow());
                if ((now - seen - time.GetElapsedTime(lookedAt, stamp)).Duration() > Uneven) evenSince = stamp;
                (lookedAt, seen) = (stamp, now);
                return time.GetElapsedTime(evenSince, stamp) >= SettlesAfter;
            }
        }
    }
}
