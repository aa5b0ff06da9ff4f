using AuthIndex.Hosting.Background;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>
/// Runs the collector again and again, the first time one grace period after the start. What a failed run removed is gone; the rest
/// follows with the next.
/// </summary>
internal sealed class GarbageCollectionSchedule(GarbageCollector collector, RegistryOptions options, BackgroundLoops loops) : BackgroundLoop("garbageCollection", loops)
{
    private bool hasRun;

    /// <inheritdoc/>
    protected override bool IsOver => options.GarbageCollection.Every == TimeSpan.Zero;

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => TimeSpan.FromHours(1);

    /// <inheritdoc/>
    protected override async Task NextAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(hasRun ? options.GarbageCollection.Every : options.GarbageCollection.Grace, Clock, stoppingToken);
        hasRun = true;
    }

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) => collector.RunAsync(isDryRun: false, stoppingToken);
}
