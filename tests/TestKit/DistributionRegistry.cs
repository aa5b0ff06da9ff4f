using System.Net;
using System.Net.Sockets;

namespace AuthIndex.TestKit;

/// <summary>A real distribution registry (Debian's package docker-registry) without access control, on a port and a folder of its own.</summary>
public sealed class DistributionRegistry : IAsyncDisposable
{
    private readonly ChildProcess process;

    private DistributionRegistry(TemporaryDirectory folder)
    {
        Storage = folder.Folder("distribution");
        Host = $"127.0.0.1:{FreePort()}";
        File.WriteAllText(folder["distribution.yml"], $$"""
            version: 0.1
            log: { level: warn, accesslog: { disabled: true } }
            storage: { filesystem: { rootdirectory: '{{Storage}}' }, delete: { enabled: true } }
            http: { addr: '{{Host}}' }
            """);
        process = ChildProcess.Start("docker-registry", ["serve", folder["distribution.yml"]]);
    }

    /// <summary>Its <c>rootdirectory</c>.</summary>
    public string Storage { get; }

    /// <summary>The registry as image names begin.</summary>
    public string Host { get; }

    /// <summary>Starts it over a folder in the test's.</summary>
    public static async Task<DistributionRegistry> StartAsync(TemporaryDirectory folder)
    {
        var registry = new DistributionRegistry(folder);
        using var http = new HttpClient();
        await Eventually.TrueAsync(
            async () =>
            {
                if (registry.process.HasExited) throw new InvalidOperationException($"docker-registry ended:\n{registry.process.Error}");
                try
                {
                    using var answer = await http.GetAsync(new Uri($"http://{registry.Host}/v2/"));
                    return answer.IsSuccessStatusCode;
                }
                catch (HttpRequestException)
                {
                    return false;
                }
            },
            TimeSpan.FromSeconds(30),
            () => registry.process.Error);
        return registry;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => process.DisposeAsync();

    // Its own port cannot be asked for. Between the two it is anybody's; then it ends, and the test says why.
    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
