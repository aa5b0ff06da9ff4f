namespace AuthIndex.Hosting.Background;

/// <summary>
/// Stops using a server for a while once it has failed several times in a row. Then one attempt is let through, and its outcome decides for
/// all.
/// </summary>
/// <param name="pause">How long it is not used.</param>
/// <param name="time">The clock.</param>
public class CircuitBreaker(TimeSpan pause, TimeProvider time)
{
    /// <summary>How many failures in a row are tolerated.</summary>
    public const int Tolerated = 2;

    private readonly Lock gate = new();
    private int failures;
    private long since;
    private bool isOpen;

    /// <summary>Why it is not used; null when it is.</summary>
    public string? Failure { get; private set; }

    /// <summary>Whether it is not used because its TLS failed.</summary>
    public bool IsUntrusted { get; private set; }

    /// <summary>How much longer it is not used.</summary>
    public TimeSpan Remaining
    {
        get
        {
            lock (gate)
            {
                if (!isOpen) return TimeSpan.Zero;
                var left = pause - time.GetElapsedTime(since);
                return left > TimeSpan.Zero ? left : TimeSpan.Zero;
            }
        }
    }

    /// <summary>Whether an attempt may be made now; the caller that gets true must report the outcome.</summary>
    public bool TryEnter()
    {
        lock (gate)
        {
            if (!isOpen) return true;
            if (time.GetElapsedTime(since) < pause) return false;
            // One attempt for each pause: the others wait for what comes of it.
            since = time.GetTimestamp();
            return true;
        }
    }

    /// <summary>Records an answer, which closes the breaker.</summary>
    /// <returns>Whether it had been out of use.</returns>
    public bool Succeeded()
    {
        lock (gate)
        {
            var wasOpen = isOpen;
            (failures, isOpen, Failure, IsUntrusted) = (0, false, null, false);
            return wasOpen;
        }
    }

    /// <summary>Records a failure: three in a row, or one that retrying cannot help, stop requests to the server for a while.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="isUntrusted">Whether its TLS failed.</param>
    /// <param name="isCertain">Whether an immediate retry is pointless.</param>
    /// <returns>Whether it has just been taken out of use.</returns>
    public bool Failed(string reason, bool isUntrusted = false, bool isCertain = false)
    {
        lock (gate)
        {
            failures++;
            if (!isOpen && !isUntrusted && !isCertain && failures <= Tolerated) return false;
            var opens = !isOpen;
            (isOpen, since, Failure, IsUntrusted) = (true, time.GetTimestamp(), reason, isUntrusted);
            return opens;
        }
    }
}
