using AuthIndex.RegistryCore.Metrics;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>Has every blob checked once in the configured time, at a bounded rate; where it stands is in the database.</summary>
internal sealed partial class ScrubSchedule(Scrubber scrubber, RegistryOptions options, RegistryDatabase database, RegistryMetrics metrics, TimeProvider clock, ILogger<ScrubSchedule> log)
    : BackgroundService
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    /// <inheritdoc/>
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var every = options.Scrub.Every;
        if (every == TimeSpan.Zero) return;
        using var timer = new PeriodicTimer(Interval < every ? Interval : every, clock);
        var manifestsDue = clock.GetUtcNow();
        while (await timer.WaitForNextTickAsync(stoppingToken))
        {
            try
            {
                var withManifests = clock.GetUtcNow() >= manifestsDue;
                await scrubber.RunAsync(database.Now - (long)every.TotalSeconds, withManifests, options.Scrub.BytesPerSecond.Bytes, stoppingToken);
                if (withManifests) manifestsDue = clock.GetUtcNow() + every;
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or SqliteException)
            {
                metrics.ScrubFailed();
                LogFailed(log, e);
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The scrub failed; it goes on where it stood")]
    private static partial void LogFailed(ILogger log, Exception e);
}
