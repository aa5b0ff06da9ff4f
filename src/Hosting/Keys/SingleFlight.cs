namespace AuthIndex.Hosting.Keys;

/// <summary>
/// A question to another server that many requests have at once: one for all that come while it runs, and no other for a while. It
/// is nobody's own, so that a client that hangs up does not end it; what it asks with must have a time-out.
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
