using AuthIndex.RegistryCore.Storage;

namespace AuthIndex.RegistryCore.Uploads;

/// <summary>Removes upload sessions that were left lying, in the background.</summary>
internal sealed partial class UploadSweeper(UploadStore uploads, RegistryOptions options, TimeProvider clock, ILogger<UploadSweeper> log) : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var timer = new PeriodicTimer(TimeSpan.FromSeconds(Math.Clamp(options.UploadExpiry.TotalSeconds / 4, 15, 3600)), clock);
        do
        {
            try
            {
                if (uploads.Sweep(options.UploadExpiry) is var removed and > 0) LogSwept(log, removed);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                LogFailed(log, e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Removed {Count} files of abandoned upload sessions")]
    private static partial void LogSwept(ILogger log, int count);

    [LoggerMessage(Level = LogLevel.Error, Message = "Abandoned upload sessions could not be removed; trying again later")]
    private static partial void LogFailed(ILogger log, Exception e);
}
