using System.Net;

namespace AuthIndex.TestKit;

/// <summary>A real distribution 2.8 (Debian's docker-registry) as it comes, on a port of its own.</summary>
public sealed class DistributionRegistry : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly ChildProcess process;

    private DistributionRegistry(string access)
    {
        Storage = folder.Folder("data");
        Host = $"127.0.0.1:{FreePort.At(IPAddress.Loopback)}";
        File.WriteAllText(folder["config.yml"], $$"""
            version: 0.1
            log: { level: info, accesslog: { disabled: true } }
            storage: { filesystem: { rootdirectory: "{{Storage}}" }, delete: { enabled: true } }
            http: { addr: "{{Host}}" }
            {{access}}
            """);
        process = ChildProcess.Start("docker-registry", ["serve", folder["config.yml"]]);
    }

    /// <summary>Its <c>rootdirectory</c>.</summary>
    public string Storage { get; }

    /// <summary>The registry as image names begin: host and port.</summary>
    public string Host { get; }

    /// <summary>What it has logged so far.</summary>
    public string Log => process.Output + process.Error;

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() =>
        Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(p => File.Exists(Path.Combine(p, "docker-registry")))
        ? null
        : "docker-registry is not installed (Debian: docker-registry)";

    /// <summary>Starts one without access control and waits until it answers.</summary>
    public static Task<DistributionRegistry> StartOpenAsync() => StartAsync("", HttpStatusCode.OK);

    /// <summary>
    /// Starts one that takes the tokens of a token server by its bundle of certificates, and waits until it asks for a token.
    /// </summary>
    /// <param name="tokenServer">Where clients get tokens.</param>
    /// <param name="service">Its name there.</param>
    /// <param name="issuer">The issuer that it believes.</param>
    /// <param name="bundle">The certificates that it believes.</param>
    public static Task<DistributionRegistry> StartAsync(Uri tokenServer, string service, string issuer, string bundle) => StartAsync(
        $$"""
        auth:
          token: { realm: "{{new Uri(tokenServer, "/token")}}", service: "{{service}}", issuer: "{{issuer}}", rootcertbundle: "{{bundle}}" }
        """,
        HttpStatusCode.Unauthorized);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        folder.Dispose();
    }

    private static async Task<DistributionRegistry> StartAsync(string access, HttpStatusCode ready)
    {
        var registry = new DistributionRegistry(access);
        try
        {
            using var http = new HttpClient();
            await Eventually.TrueAsync(
                async () => registry.process.HasExited
                ? throw new InvalidOperationException($"docker-registry ended:\n{registry.Log}")
                : await StatusAsync(http, registry.Host) == ready,
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

    private static async Task<HttpStatusCode?> StatusAsync(HttpClient http, string host)
    {
        try
        {
            using var response = await http.GetAsync(new Uri($"http://{host}/v2/"));
            return response.StatusCode;
        }
        catch (HttpRequestException)
        {
            return null; // not listening yet
        }
    }
}
