namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>The clients of all upstreams.</summary>
internal sealed class UpstreamClients(UpstreamSet upstreams, TimeProvider clock, ILogger<UpstreamClient> log) : IDisposable
{
    private readonly Dictionary<string, UpstreamClient> clients = upstreams.All.ToDictionary(
        u => u.Name, u => new UpstreamClient(u, clock, log), StringComparer.Ordinal);

    /// <summary>The client of an upstream.</summary>
    public UpstreamClient Of(Upstream upstream) => clients[upstream.Name];

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var client in clients.Values) client.Dispose();
    }
}
