using AuthIndex.Hosting.Background;

namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>
/// Runs the collector again and again. When it ran last is kept in the database, so that restarts neither put it off nor bring it
/// forward; the first run comes one grace period after the registry was made. What a failed run removed is gone; the rest follows with
/// the next.
/// </summary>
internal sealed class GarbageCollectionSchedule(
    GarbageCollector collector, IRegistryState state, GarbageCollectionOptions options, BackgroundLoops loops)
    : BackgroundLoop("garbageCollection", loops)
{
    private bool hasRun;

    /// <inheritdoc/>
    protected override bool IsOver => options.Every == TimeSpan.Zero;

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => TimeSpan.FromHours(1);

    /// <inheritdoc/>
    protected override async Task NextAsync(CancellationToken stoppingToken)
    {
        await Task.Delay(hasRun ? options.Every : await UntilFirstAsync(), Clock, stoppingToken);
        hasRun = true;
    }

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) => collector.RunAsync(isDryRun: false, stoppingToken);

    private async ValueTask<TimeSpan> UntilFirstAsync()
    {
        var (created, collected) = await state.CollectionsAsync();
        var (from, pause) = collected is { } last ? (last, options.Every) : (created, options.Grace);
        var due = DateTimeOffset.FromUnixTimeSeconds(from) + pause - Clock.GetUtcNow();
        return due < TimeSpan.Zero ? TimeSpan.Zero : due > pause ? pause : due;
    }
}
