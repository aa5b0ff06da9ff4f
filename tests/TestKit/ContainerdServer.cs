namespace AuthIndex.TestKit;

/// <summary>A real containerd of the tests' own, and its command line <c>ctr</c>. It runs no containers.</summary>
public sealed class ContainerdServer : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly ChildProcess daemon;

    private ContainerdServer()
    {
        File.WriteAllText(folder["config.toml"], $"""
            version = 2
            root = "{folder["root"]}"
            state = "{folder["state"]}"
            disabled_plugins = ["io.containerd.grpc.v1.cri"]
            [grpc]
              address = "{Socket}"
            """);
        daemon = ChildProcess.Start(InstalledProgram.Find("containerd")!, ["--config", folder["config.toml"]]);
    }

    private string Socket => folder["containerd.sock"];

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Obstacle()
    {
        if (!string.Equals(Environment.UserName, "root", StringComparison.Ordinal)) return "containerd must be started as root";
        return InstalledProgram.FirstMissing(("containerd", "containerd"), ("ctr", "containerd"));
    }

    /// <summary>Starts one and waits until it answers.</summary>
    public static async Task<ContainerdServer> StartAsync()
    {
        var server = new ContainerdServer();
        try
        {
            await Eventually.TrueAsync(
                async () => server.daemon.HasExited
                    ? throw new InvalidOperationException($"containerd ended:\n{server.daemon.Error}")
                    : File.Exists(server.Socket) && (await server.CtrAsync("version")).ExitCode == 0,
                TimeSpan.FromMinutes(1),
                () => server.daemon.Error);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs <c>ctr</c>.</summary>
    public Task<ProcessResult> CtrAsync(params string[] arguments) =>
        ChildProcess.RunAsync("ctr", ["--address", Socket, .. arguments]);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!daemon.HasExited)
        {
            daemon.Terminate();
            await daemon.ExitAsync(TimeSpan.FromSeconds(30));
        }

        await daemon.DisposeAsync();
        folder.Dispose();
    }
}
