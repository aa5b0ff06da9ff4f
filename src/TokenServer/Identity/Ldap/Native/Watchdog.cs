using System.Runtime.InteropServices;

namespace AuthIndex.TokenServer.Identity.Ldap.Native;

/// <summary>
/// Ends a call into libldap that takes too long. The library's own time-outs do not reach everywhere (a TLS handshake waits for ever), so
/// on timeout the connection is shut down and the call returns.
/// </summary>
internal sealed class Watchdog : IDisposable
{
    // The descriptor is known only once it is connected; connecting has its own bound.
    private static readonly TimeSpan Again = TimeSpan.FromMilliseconds(50);

    private readonly Lock gate = new();
    private readonly SafeHandle handle;
    private readonly Timer timer;
    private bool isWatching;

    public Watchdog(SafeHandle handle)
    {
        this.handle = handle;
        timer = new Timer(_ => Bite(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Whether it shut the connection down.</summary>
    public bool HasBitten { get; private set; }

    /// <summary>Runs a call; on timeout the connection is shut down, so that the call fails.</summary>
    public T Watch<T>(TimeSpan within, Func<T> call)
    {
        lock (gate) isWatching = true;
        timer.Change(within < TimeSpan.Zero ? TimeSpan.Zero : within, Timeout.InfiniteTimeSpan);
        try
        {
            return call();
        }
        finally
        {
            // Once the call is over the descriptor may be somebody else's.
            lock (gate) isWatching = false;
            timer.Change(Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => timer.Dispose();

    private void Bite()
    {
        lock (gate)
        {
            if (!isWatching) return;
            HasBitten = true;
            if (!LibLdap.HangUp(handle)) timer.Change(Again, Timeout.InfiniteTimeSpan);
        }
    }
}
