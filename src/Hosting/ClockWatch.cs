namespace AuthIndex.Hosting;

/// <summary>
/// Tells whether the machine's clock can be believed when something is to be forgotten for good: it may have been set wrong, or be wrong
/// since the machine started. It is settled when it has run evenly for an hour, as measured by a clock that nobody sets. Safe
/// for several threads.
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

    /// <summary>Whether the clock has run evenly since the hour before now. To be asked at least now and then.</summary>
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
