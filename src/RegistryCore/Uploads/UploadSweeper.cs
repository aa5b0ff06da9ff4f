using AuthIndex.Hosting.Background;
using AuthIndex.RegistryCore.Storage.Uploads;

namespace AuthIndex.RegistryCore.Uploads;

/// <summary>Removes abandoned upload sessions, in the background.</summary>
internal sealed partial class UploadSweeper(IUploadStore uploads, TimeSpan expiry, BackgroundLoops loops, ILogger<UploadSweeper> log)
    : BackgroundLoop("uploadSweep", loops)
{
    private bool hasRun;

    /// <inheritdoc/>
    protected override async Task NextAsync(CancellationToken stoppingToken)
    {
        if (hasRun) await Task.Delay(TimeSpan.FromSeconds(Math.Clamp(expiry.TotalSeconds / 4, 15, 3600)), Clock, stoppingToken);
        hasRun = true;
    }

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        if (await uploads.SweepAsync(expiry, stoppingToken) is var removed and > 0) LogSwept(log, removed);
    }

    [LoggerMessage(
        EventId = LogEvents.UploadsExpired, EventName = nameof(LogEvents.UploadsExpired), Level = LogLevel.Information,
        Message = "Removed {Count} files or objects of expired upload sessions")]
    private static partial void LogSwept(ILogger log, int count);
}
