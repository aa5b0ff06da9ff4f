using System.Diagnostics.CodeAnalysis;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Registries;

/// <summary>The client of each configured registry.</summary>
internal sealed class RegistryClients(IReadOnlyList<RegistryService> services, ILogger<RegistryClient> log) : IDisposable
{
    private readonly Dictionary<string, (RegistryService Service, RegistryClient Client)> clients =
        services.ToDictionary(s => s.Name, s => (s, new RegistryClient(s, log)), StringComparer.Ordinal);

    /// <summary>A registry and its client, by the registry's name.</summary>
    public (RegistryService Service, RegistryClient Client) this[string service] => clients[service];

    /// <summary>A registry and its client, by a name that a form sent; false when there is none.</summary>
    public bool TryFind(
        string name, [NotNullWhen(true)] out RegistryService? service, [NotNullWhen(true)] out RegistryClient? client)
    {
        var isFound = clients.TryGetValue(name, out var found);
        (service, client) = found;
        return isFound;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var (_, client) in clients.Values) client.Dispose();
    }
}
