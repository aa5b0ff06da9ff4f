using AuthIndex.Hosting.Background;
using AuthIndex.RegistryCore.Storage.Collection;

namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>
/// Looks every ten minutes how much is here of each upstream, and has garbage collected at once where that is more than its quota and some
/// of it can go: until the next collection on schedule a full cache would go on growing.
/// </summary>
internal sealed class EvictionSchedule(
    UpstreamSet upstreams, Evictor evictor, GarbageCollector collector, GarbageCollectionOptions options, BackgroundLoops loops)
    : BackgroundLoop("upstreamQuota", loops)
{
    // How often it looks, at most.
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(10);

    // Adding up what a large cache holds takes a moment; no more than this part of the time is spent on it.
    private const int PauseForEachMoment = 50;

    private TimeSpan pause = Every;

    /// <inheritdoc/>
    protected override bool IsOver => upstreams.All.Count == 0;

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => Every;

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(pause, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) => LookAsync(stoppingToken);

    /// <summary>Looks once.</summary>
    public async Task LookAsync(CancellationToken cancellationToken)
    {
        var (isOver, started) = (false, Clock.GetTimestamp());
        foreach (var upstream in upstreams.All)
        {
            isOver |= await IsToCollectAsync(upstream, cancellationToken);
        }

        var proportionate = Clock.GetElapsedTime(started) * PauseForEachMoment;
        pause = proportionate > Every ? proportionate : Every;
        if (!isOver || options.Every == TimeSpan.Zero) return;
        await collector.RunAsync(isDryRun: false, cancellationToken);
        foreach (var upstream in upstreams.All) await evictor.SumAsync(upstream.Prefix);
    }

    /// <summary>
    /// Whether an upstream holds too much, and something can be done: blobs that nothing needs and whose grace period is over, such as
    /// those of images that were evicted soon after they came, or images that are due.
    /// </summary>
    private async Task<bool> IsToCollectAsync(Upstream upstream, CancellationToken cancellationToken)
    {
        var (quota, bytes) = (upstream.Options.Quota?.Bytes, await evictor.SumAsync(upstream.Prefix));
        if (quota is null || bytes.Held <= quota) return false;
        if (bytes.Due > 0) return true;
        return bytes.Held - bytes.Loose > quota
            && await evictor.PlanAsync(upstream, cancellationToken) is { IsOverQuota: true, Evicted.Count: > 0 };
    }
}
