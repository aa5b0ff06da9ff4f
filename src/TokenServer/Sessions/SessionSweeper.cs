using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Sessions;

/// <summary>Removes expired sessions and login codes in the background. They are refused before already.</summary>
internal sealed class SessionSweeper(ISessionStore store, ILoginCodeStore codes, SessionLimits limits, BackgroundLoops loops)
    : BackgroundLoop("sessionSweep", loops)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(Every, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        var now = Clock.GetUtcNow();
        await store.SweepAsync(now - limits.Idle, now - limits.Lifetime);
        await codes.SweepAsync(now - LoginCode.RememberedFor);
    }
}
