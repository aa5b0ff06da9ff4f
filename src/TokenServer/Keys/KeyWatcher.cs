using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Keys;

/// <summary>Looks into the folder of keys every second: what another process makes there is published a second later.</summary>
internal sealed class KeyWatcher(KeyStore store, BackgroundLoops loops) : BackgroundLoop("keyWatch", loops)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(1);

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(Interval, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken)
    {
        store.Refresh();
        return Task.CompletedTask;
    }
}
