namespace AuthIndex.TokenServer.Identity.Ldap.Connections;

/// <summary>
/// Leaves a server alone for a while once it has failed several times in a row. Then one attempt is let through: its outcome
/// decides for all.
/// </summary>
/// <param name="server">The server.</param>
/// <param name="pause">How long it is left alone.</param>
/// <param name="time">The clock.</param>
internal sealed class CircuitBreaker(DirectoryServer server, TimeSpan pause, TimeProvider time)
{
    /// <summary>How many failures in a row are taken for chance.</summary>
    public const int Tolerated = 2;

    private readonly Lock gate = new();
    private int failures;
    private long since;
    private bool isOpen;

    /// <summary>The server.</summary>
    public DirectoryServer Server => server;

    /// <summary>Why it is left alone; null when it is not.</summary>
    public string? Failure { get; private set; }

    /// <summary>Whether it is left alone because its TLS is at fault.</summary>
    public bool IsUntrusted { get; private set; }

    /// <summary>How long it is still left alone.</summary>
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

    /// <summary>Whether an attempt may be made now; whoever gets true must tell its outcome.</summary>
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

    /// <summary>The server answered.</summary>
    /// <returns>Whether it had been left alone.</returns>
    public bool Succeeded()
    {
        lock (gate)
        {
            var wasOpen = isOpen;
            (failures, isOpen, Failure, IsUntrusted) = (0, false, null, false);
            return wasOpen;
        }
    }

    /// <summary>The server did not answer.</summary>
    /// <param name="reason">Why.</param>
    /// <param name="isUntrusted">Whether its TLS is at fault.</param>
    /// <param name="isCertain">Whether trying again at once is of no use.</param>
    /// <returns>Whether it is left alone from now on, and was not before.</returns>
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
