using System.Net;
using System.Net.Sockets;

namespace AuthIndex.TestKit;

/// <summary>A real distribution 2.8 (Debian's docker-registry) as it comes, which takes the tokens of a token server by its bundle of certificates.</summary>
public sealed class DistributionRegistry : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly ChildProcess process;

    private DistributionRegistry(Uri tokenServer, string service, string issuer, string bundle)
    {
        Host = $"127.0.0.1:{FreePort()}";
        File.WriteAllText(folder["config.yml"], $$"""
            version: 0.1
            log: { level: info, accesslog: { disabled: true } }
            storage: { filesystem: { rootdirectory: "{{folder["data"]}}" } }
            http: { addr: "{{Host}}" }
            auth:
              token: { realm: "{{new Uri(tokenServer, "/token")}}", service: "{{service}}", issuer: "{{issuer}}", rootcertbundle: "{{bundle}}" }
            """);
        process = ChildProcess.Start("docker-registry", ["serve", folder["config.yml"]]);
    }

    /// <summary>The registry as image names begin: host and port.</summary>
    public string Host { get; }

    /// <summary>What it has logged so far.</summary>
    public string Log => process.Output + process.Error;

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(p => File.Exists(Path.Combine(p, "docker-registry"))) ? null : "docker-registry is not installed (Debian: docker-registry)";

    /// <summary>Starts one and waits until it asks for a token.</summary>
    /// <param name="tokenServer">Where clients get tokens.</param>
    /// <param name="service">Its name there.</param>
    /// <param name="issuer">The issuer that it believes.</param>
    /// <param name="bundle">The certificates that it believes.</param>
    public static async Task<DistributionRegistry> StartAsync(Uri tokenServer, string service, string issuer, string bundle)
    {
        var registry = new DistributionRegistry(tokenServer, service, issuer, bundle);
        try
        {
            using var http = new HttpClient();
            await Eventually.TrueAsync(
                async () => registry.process.HasExited ? throw new InvalidOperationException($"docker-registry ended:\n{registry.Log}") : await AsksForTokenAsync(http, registry.Host),
                TimeSpan.FromSeconds(30),
                () => registry.Log);
            return registry;
        }
        catch
        {
            await registry.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        folder.Dispose();
    }

    private static async Task<bool> AsksForTokenAsync(HttpClient http, string host)
    {
        try
        {
            using var response = await http.GetAsync(new Uri($"http://{host}/v2/"));
            return response.StatusCode == HttpStatusCode.Unauthorized;
        }
        catch (HttpRequestException)
        {
            return false; // not listening yet
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
