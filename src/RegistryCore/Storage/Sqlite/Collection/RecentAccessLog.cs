using AuthIndex.Hosting.Background;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Collection;

/// <summary>
/// Writes touches to the database every few seconds, and at the end. What cannot be written stays in memory and is tried again.
/// </summary>
internal sealed partial class RecentAccessLog(RecentAccess touches, BackgroundLoops loops, ILogger<RecentAccessLog> log)
    : BackgroundLoop("touches", loops)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await touches.WriteAsync();
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogLost(log, touches.Count, e);
        }
    }

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(Interval, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) => touches.WriteAsync();

    [LoggerMessage(
        EventId = LogEvents.RecentAccessLost, EventName = nameof(LogEvents.RecentAccessLost), Level = LogLevel.Warning,
        Message = "Could not write {Count} access times before shutdown")]
    private static partial void LogLost(ILogger log, int count, Exception e);
}
