using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Sessions;

/// <summary>Removes expired sessions in the background. They are refused before already.</summary>
internal sealed class SessionSweeper(ISessionStore store, SessionLimits limits, BackgroundLoops loops)
    : BackgroundLoop("sessionSweep", loops)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(Every, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) =>
        store.SweepAsync(Clock.GetUtcNow() - limits.Idle, Clock.GetUtcNow() - limits.Lifetime);
}
