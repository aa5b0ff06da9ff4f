using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>Runs the collector again and again, the first time one grace period after the start.</summary>
internal sealed partial class GarbageCollectionSchedule(GarbageCollector collector, RegistryOptions options, TimeProvider clock, ILogger<GarbageCollectionSchedule> log)
    : BackgroundService
{
    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var every = options.GarbageCollection.Every;
        if (every == TimeSpan.Zero) return;
        await Task.Delay(options.GarbageCollection.Grace, clock, stoppingToken);
        using var timer = new PeriodicTimer(every, clock);
        do
        {
            try
            {
                await collector.RunAsync(isDryRun: false, stoppingToken);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
            {
                LogFailed(log, e);
            }
        }
        while (await timer.WaitForNextTickAsync(stoppingToken));
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The garbage collection failed; what it removed until then is gone, the rest follows with the next run")]
    private static partial void LogFailed(ILogger log, Exception e);
}
