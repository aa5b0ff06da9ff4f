using AuthIndex.Hosting.Background;
using AuthIndex.RegistryCore.Metrics;

namespace AuthIndex.RegistryCore.Storage.Scrubbing;

/// <summary>Has every blob checked once in the configured time, at a bounded rate; the database knows where it stopped.</summary>
internal sealed class ScrubSchedule(
    Scrubber scrubber, ILeases leases, ScrubOptions options, RegistryMetrics metrics, BackgroundLoops loops)
    : BackgroundLoop("scrub", loops)
{
    private static readonly TimeSpan Interval = TimeSpan.FromHours(1);

    private DateTimeOffset? manifestsDue;

    /// <inheritdoc/>
    protected override bool IsOver => options.Every == TimeSpan.Zero;

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => Interval;

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) =>
        Task.Delay(Interval < options.Every ? Interval : options.Every, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override async Task RoundAsync(CancellationToken stoppingToken)
    {
        if (!leases.Holds(SingletonJob.Scrub)) return; // another process does it for all
        var (every, withManifests) = (options.Every, manifestsDue is not { } due || Clock.GetUtcNow() >= due);
        try
        {
            var before = Clock.GetUtcNow().ToUnixTimeSeconds() - (long)every.TotalSeconds;
            var report = await scrubber.RunAsync(before, withManifests, options.BytesPerSecond.Bytes, stoppingToken);
            if (withManifests && !report.GaveWay) manifestsDue = Clock.GetUtcNow() + every;
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            metrics.ScrubFailed();
            throw;
        }
    }
}
