using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Storage.Postgres.Uploads;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>
/// That a request has an upload session: renewed in the background while it works, so that another may take the session over soon after
/// this process has died. Not while its client is silent.
/// </summary>
internal sealed class UploadLease : IAsyncDisposable
{
    // The lease lasts 5 s.
    private static readonly TimeSpan Renewal = TimeSpan.FromSeconds(1.5);

    /// <summary>How long a client brings nothing until it is silent, at first.</summary>
    public static readonly TimeSpan FirstSilence = TimeSpan.FromSeconds(3);

    private readonly PostgresUploads rows;
    private readonly string id;
    private readonly PeriodicTimer timer;
    private readonly Task renewing;
    private readonly TimeProvider clock;
    private long waitingSince; // 0 while nothing is waited for
    private long silentAfter = FirstSilence.Ticks;
    private volatile bool isPaused;
    private volatile bool isLeaving;
    private volatile bool isLost;

    /// <summary>Begins to renew a lease that was taken.</summary>
    public UploadLease(PostgresUploads rows, string id, string holder, TimeProvider clock)
    {
        (this.rows, this.id, this.clock, Holder) = (rows, id, clock, holder);
        timer = new PeriodicTimer(Renewal, clock);
        renewing = RenewAsync();
    }

    /// <summary>The name of the request.</summary>
    public string Holder { get; }

    /// <summary>Whether another request has the session by now.</summary>
    public bool IsLost => isLost;

    /// <summary>Whether the session is left to whoever comes.</summary>
    public bool IsPaused
    {
        get => isPaused;
        set => isPaused = value;
    }

    /// <summary>Whether the client has sent all, so that another request that comes may wait for the session.</summary>
    public bool IsLeaving
    {
        get => isLeaving;
        set => isLeaving = value;
    }

    /// <summary>How long the client must bring nothing until it is silent.</summary>
    public TimeSpan SilentAfter
    {
        get => new(Volatile.Read(ref silentAfter));
        set => Volatile.Write(ref silentAfter, value.Ticks);
    }

    /// <summary>Whether the client has brought nothing for a while.</summary>
    public bool IsSilent => Volatile.Read(ref waitingSince) is var since and not 0 && clock.GetElapsedTime(since) >= SilentAfter;

    /// <summary>Says that the client is waited for, and since when nothing has come.</summary>
    public void WaitSince(long timestamp) => Volatile.Write(ref waitingSince, timestamp);

    /// <summary>Says that nothing is waited for.</summary>
    public void Heard() => Volatile.Write(ref waitingSince, 0);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        timer.Dispose();
        await renewing;
    }

    private async Task RenewAsync()
    {
        while (await timer.WaitForNextTickAsync())
        {
            try
            {
                if (!isPaused && !IsSilent && !await rows.RenewAsync(id, Holder, isLeaving) && !isPaused) isLost = true;
            }
            catch (DatabaseUnavailableException)
            {
                // Whatever counts names the lease again: it is done only if the lease has survived.
            }
        }
    }
}
