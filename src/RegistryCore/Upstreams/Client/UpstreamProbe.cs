using AuthIndex.Hosting.Background;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>Asks upstreams that have failed every minute whether they answer again, so that no alert outlasts an outage.</summary>
internal sealed class UpstreamProbe(UpstreamSet upstreams, UpstreamClients clients, BackgroundLoops loops)
    : BackgroundLoop("upstreamProbe", loops)
{
    private static readonly TimeSpan Every = TimeSpan.FromMinutes(1);

    /// <summary>Asks those that have failed.</summary>
    public Task ProbeAsync(CancellationToken cancellationToken) =>
        Task.WhenAll(upstreams.All.Select(u => clients.Of(u).ProbeAsync(cancellationToken)));

    /// <inheritdoc/>
    protected override bool IsOver => upstreams.All.Count == 0;

    /// <inheritdoc/>
    protected override Task NextAsync(CancellationToken stoppingToken) => Task.Delay(Every, Clock, stoppingToken);

    /// <inheritdoc/>
    protected override Task RoundAsync(CancellationToken stoppingToken) => ProbeAsync(stoppingToken);
}
