using System.Net;

namespace AuthIndex.TestKit;

/// <summary>A real HAProxy of the tests' own, in front of what a test gives it.</summary>
public sealed class HaproxyServer : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly ChildProcess process;

    private HaproxyServer(string configuration)
    {
        File.WriteAllText(folder["haproxy.cfg"], configuration);
        process = ChildProcess.Start(InstalledProgram.Find("haproxy")!, ["-db", "-f", folder["haproxy.cfg"]]);
    }

    /// <summary>What it has logged so far.</summary>
    public string Log => process.Error;

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle() => InstalledProgram.Find("haproxy") is null ? "haproxy is not installed (Debian: haproxy)" : null;

    /// <summary>Starts one, and waits until its port answers.</summary>
    /// <param name="configuration">The whole of its configuration.</param>
    /// <param name="address">Where it listens by that.</param>
    /// <exception cref="InvalidOperationException">It ended; the message holds its log.</exception>
    public static async Task<HaproxyServer> StartAsync(string configuration, IPEndPoint address)
    {
        var server = new HaproxyServer(configuration);
        try
        {
            await server.process.ListensAsync(address, TimeSpan.FromSeconds(30));
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        folder.Dispose();
    }
}
