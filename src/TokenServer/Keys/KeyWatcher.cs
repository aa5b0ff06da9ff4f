namespace AuthIndex.TokenServer.Keys;

/// <summary>Looks into the folder of keys every second: what another process makes there is published a second later.</summary>
internal sealed class KeyWatcher(KeyStore store, TimeProvider time) : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(Interval, time);
        while (await timer.WaitForNextTickAsync(stoppingToken)) store.Look();
    }
}
