namespace AuthIndex.Hosting.Keys;

/// <summary>
/// Shares one request to another server among many callers: one at a time, and no other for a while. It belongs to no caller, so that a
/// client that disconnects does not end it; it must have a time-out.
/// </summary>
/// <param name="ask">Asks; must not throw.</param>
/// <param name="pause">How long from one question to the next, at least.</param>
/// <param name="time">The clock.</param>
public sealed class SingleFlight(Func<Task> ask, TimeSpan pause, TimeProvider time)
{
    private readonly Lock asking = new();
    private Task asked = Task.CompletedTask;
    private long? askedAt;

    /// <summary>The question that runs, or a new one where the pause is over; else the last one, which is over.</summary>
    public Task AskAsync()
    {
        lock (asking)
        {
            var now = time.GetTimestamp();
            if (asked.IsCompleted && (askedAt is not { } last || time.GetElapsedTime(last, now) >= pause))
            {
                askedAt = now;
                asked = ask();
            }

            return asked;
        }
    }
}
