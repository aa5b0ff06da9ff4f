namespace AuthIndex.TokenServer.Token;

/// <summary>Lets one event through per interval and counts the others. Thread-safe.</summary>
/// <param name="every">The interval.</param>
/// <param name="time">The clock.</param>
internal sealed class LogThrottle(TimeSpan every, TimeProvider time)
{
    private readonly Lock gate = new();
    private long? last;
    private long passedOver;

    /// <summary>Whether this one is let through.</summary>
    /// <param name="others">How many were not since the last that was, when this one is.</param>
    public bool IsTime(out long others)
    {
        lock (gate)
        {
            others = passedOver;
            if (last is { } before && time.GetElapsedTime(before) < every)
            {
                passedOver++;
                return false;
            }

            last = time.GetTimestamp();
            passedOver = 0;
            return true;
        }
    }
}
