using AuthIndex.Hosting.Background;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>The hosts between which downloads are redirected.</summary>
/// <param name="Registry">The registry's for clients; null when it is not known.</param>
/// <param name="Store">The object store's; null when there are no redirects.</param>
internal sealed record RedirectHosts(string? Registry, string? Store)
{
    /// <summary>Whether clients send the token of a registry along, as they do to its own host and those under it.</summary>
    public bool LeakTokens => Registry is not null && Store is not null
        && (string.Equals(Registry, Store, StringComparison.OrdinalIgnoreCase)
            || Store.EndsWith('.' + Registry, StringComparison.OrdinalIgnoreCase));
}

/// <summary>
/// Tries the object store out when the server starts, which does not start if the store refuses, and asks it every few seconds, so that
/// readiness says how it is.
/// </summary>
internal sealed partial class ObjectStoreWatch(
    ObjectStore store, RedirectHosts hosts, BackgroundLoops loops, ILogger<ObjectStoreWatch> log)
    : BackgroundLoop("objectStore", loops)
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);

    /// <inheritdoc/>
    protected override TimeSpan LongestPause => Interval;

    /// <inheritdoc/>
    public override async Task StartAsync(CancellationToken cancellationToken)
    {
        if (hosts.LeakTokens) LogLeak(log, hosts.Store, hosts.Registry);
        try
        {
            await store.TryOutAsync(cancellationToken);
        }
        catch (ObjectStoreException e)
        {
            LogAway(log, e.Message);
        }

        await base.StartAsync(cancellationToken);
    }

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(Interval, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) => store.ProbeAsync(stoppingToken);

    [LoggerMessage(
        EventId = LogEvents.ObjectStoreUnavailable, EventName = nameof(LogEvents.ObjectStoreUnavailable), Level = LogLevel.Warning,
        Message = "Starting although the object store does not answer; pushes and pulls of blobs fail until it does: {Reason}")]
    private static partial void LogAway(ILogger log, string reason);

    [LoggerMessage(
        EventId = LogEvents.RedirectLeaksToken, EventName = nameof(LogEvents.RedirectLeaksToken), Level = LogLevel.Warning,
        Message = "The object store's host {Store} is under the registry's host {Registry}: redirected clients send tokens there too, "
            + "and many stores refuse that. Give the store a name under another host (redirect in registry.storage)")]
    private static partial void LogLeak(ILogger log, string? store, string? registry);
}
