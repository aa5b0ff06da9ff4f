namespace AuthIndex.TestKit;

/// <summary>
/// A real docker engine of the tests' own: its images, containerd, socket and network are apart from any engine of the
/// machine. It runs no containers, so it needs neither bridge nor iptables.
/// </summary>
public sealed class DockerEngine : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly ChildProcess daemon;

    private DockerEngine(string[] options) => daemon = ChildProcess.Start(
        InstalledProgram.Find("dockerd")!,
        [
            "--data-root", folder["data"], "--exec-root", folder["exec"], "--pidfile", folder["pid"], "--host", Host,
            "--iptables=false", "--ip6tables=false", "--bridge=none", "--storage-driver=vfs",
            // A failure shall be seen, not tried again until it is gone.
            "--max-download-attempts=1", .. options,
        ]);

    /// <summary>Where clients find the engine, as <c>DOCKER_HOST</c> has it.</summary>
    public string Host => $"unix://{folder["docker.sock"]}";

    /// <summary>Why no engine can be started here; null when one can.</summary>
    public static string? Obstacle()
    {
        if (!string.Equals(Environment.UserName, "root", StringComparison.Ordinal)) return "a docker engine must be started as root";
        return InstalledProgram.Find("dockerd") is null ? "dockerd is not installed (Debian: docker.io)" : null;
    }

    /// <summary>Starts an engine and waits until it answers.</summary>
    /// <param name="options">More options of dockerd.</param>
    /// <exception cref="InvalidOperationException">It ended; the message holds its log.</exception>
    public static async Task<DockerEngine> StartAsync(params string[] options)
    {
        var engine = new DockerEngine(options);
        try
        {
            var client = engine.NewClient();
            await Eventually.TrueAsync(
                async () =>
                {
                    if (engine.daemon.HasExited) throw new InvalidOperationException($"dockerd ended:\n{engine.daemon.Error}");
                    return File.Exists(engine.folder["docker.sock"]) && (await client.RunAsync("version")).ExitCode == 0;
                },
                TimeSpan.FromMinutes(1),
                () => engine.daemon.Error);
            return engine;
        }
        catch
        {
            await engine.DisposeAsync();
            throw;
        }
    }

    /// <summary>A docker command line whose logins are its own.</summary>
    public DockerClient NewClient() => new(Host, Directory.CreateDirectory(folder[$"client-{Path.GetRandomFileName()}"]).FullName);

    /// <summary>Stops the engine, which stops its containerd, and removes what they kept.</summary>
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
