using System.Collections.Concurrent;
using AuthIndex.Hosting.Background;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>
/// When manifests of upstreams were asked for since that was last written down. A pull must not wait for a commit, so a crash forgets the
/// last seconds, and beyond the bound nothing more is noted.
/// </summary>
internal sealed class RecentUses(IManifestUses uses, TimeProvider clock) : IDisposable
{
    private const int MaxNoted = 100_000;

    private readonly ConcurrentDictionary<(RepositoryName Repository, Digest Digest), long> times = new();
    private readonly SemaphoreSlim turn = new(1);
    private int noted;

    /// <summary>Notes that a manifest is asked for now.</summary>
    public void Note(RepositoryName repository, Digest digest)
    {
        var (key, now) = ((repository, digest), clock.GetUtcNow().ToUnixTimeSeconds());
        if (times.TryGetValue(key, out var last))
        {
            if (last != now) times.TryUpdate(key, now, last);
        }
        else if (Volatile.Read(ref noted) < MaxNoted && times.TryAdd(key, now))
        {
            Interlocked.Increment(ref noted);
        }
    }

    /// <summary>Whether a use has been noted that is not written down.</summary>
    public bool Has(RepositoryName repository, Digest digest) => times.ContainsKey((repository, digest));

    /// <summary>Writes down what has gathered; what cannot be written stays.</summary>
    public async Task WriteAsync(CancellationToken cancellationToken)
    {
        await turn.WaitAsync(cancellationToken);
        try
        {
            var written = times.ToArray();
            List<ManifestUse> all = [.. written.Select(w => new ManifestUse(w.Key.Repository, w.Key.Digest, w.Value))];
            if (all.Count > 0) await uses.NoteAsync(all);
            foreach (var entry in written)
            {
                if (times.TryRemove(entry)) Interlocked.Decrement(ref noted); // not when it was used again meanwhile
            }
        }
        finally
        {
            turn.Release();
        }
    }

    /// <inheritdoc/>
    public void Dispose() => turn.Dispose();
}

/// <summary>Writes uses down every few seconds, so that other processes that evict soon know of them, and at the end.</summary>
internal sealed partial class RecentUseLog(RecentUses uses, UpstreamSet upstreams, BackgroundLoops loops, ILogger<RecentUseLog> log)
    : BackgroundLoop("upstreamUses", loops)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        await base.StopAsync(cancellationToken);
        try
        {
            await uses.WriteAsync(cancellationToken);
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            LogLost(log, e.Message);
        }
    }

    /// <inheritdoc/>
    protected override bool IsOver => upstreams.All.Count == 0;

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(Interval, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) => uses.WriteAsync(stoppingToken);

    [LoggerMessage(
        EventId = LogEvents.UpstreamUsesLost, EventName = nameof(LogEvents.UpstreamUsesLost), Level = LogLevel.Warning,
        Message = "Could not write before shutdown when images of upstreams were last used; the last seconds are missing: {Reason}")]
    private static partial void LogLost(ILogger log, string reason);
}
