using AuthIndex.Hosting.Background;

namespace AuthIndex.Hosting.Files;

/// <summary>
/// Takes a server's reserve again, also while nothing is written: where other programs fill the volume, free room does not stay free.
/// </summary>
/// <param name="reserve">The reserve.</param>
/// <param name="loops">Where failures are reported.</param>
public sealed class SpaceReserveKeeper(SpaceReserve reserve, BackgroundLoops loops) : BackgroundLoop("spaceReserve", loops)
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(Every, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken)
    {
        reserve.Take();
        return Task.CompletedTask;
    }
}
