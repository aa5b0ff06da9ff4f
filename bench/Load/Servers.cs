using System.Globalization;
using AuthIndex.TestKit;

namespace AuthIndex.Load;

/// <summary>The servers that are compared, each on core 0 with its storage below one folder.</summary>
internal sealed class Servers : IAsyncDisposable
{
    private readonly string storage;
    private readonly AuthIndexUp up;
    private readonly Peer peer;
    private ChildProcess? bare;

    private Servers(string storage, AuthIndexUp up, Peer peer, string basic, string bearer) =>
        (this.storage, this.up, this.peer, Basic, Bearer) = (storage, up, peer, basic, bearer);

    /// <summary>The header with the password of <c>admin</c>.</summary>
    public string Basic { get; }

    /// <summary>The header with a token to pull from and push to <see cref="Repository"/>.</summary>
    public string Bearer { get; }

    /// <summary>The repository that is read and written.</summary>
    public static string Repository => "bench/app";

    /// <summary>Our registry.</summary>
    public Uri Registry => up.Registry;

    /// <summary>Our token server.</summary>
    public Uri TokenServer => up.TokenServer;

    /// <summary>The other registry.</summary>
    public Uri Peer => peer.Url;

    /// <summary>Starts both registries below a folder, which is removed at the end.</summary>
    public static async Task<Servers> StartAsync(string parent)
    {
        var folder = Directory.CreateDirectory(Path.Combine(parent, $"authindex-bench-{Path.GetRandomFileName()}")).FullName;
        AuthIndexUp? ours = null;
        try
        {
            ours = await AuthIndexUp.StartAsync("--data", Path.Combine(folder, "data"));
            foreach (var (id, _) in ours.Processes()) await PinAsync(id, "0");
            var basic = $"{TestKit.Basic.Header("admin", ours.AdminPassword)}";
            var bearer = "Bearer " + await ours.TokenOfAdminAsync($"repository:{Repository}:pull,push");
            return new Servers(folder, ours, await Load.Peer.StartAsync(folder), basic, bearer);
        }
        catch
        {
            if (ours is not null) await ours.DisposeAsync();
            Directory.Delete(folder, recursive: true);
            throw;
        }
    }

    /// <summary>Lets a process, with all its threads, run on one core only.</summary>
    public static Task PinAsync(int process, string core) =>
        ChildProcess.RunAsync("taskset", ["-apc", core, process.ToString(CultureInfo.InvariantCulture)]);

    /// <summary>Starts the bare loop, on core 0 too.</summary>
    public async Task<Uri> StartBareLoopAsync()
    {
        bare ??= ChildProcess.Start(
            "taskset", ["-c", "0", "dotnet", typeof(Servers).Assembly.Location, "bare-loop", Path.Combine(storage, "bare")]);
        await Eventually.TrueAsync(() => bare.Output.Contains('\n', StringComparison.Ordinal), TimeSpan.FromSeconds(20), () => bare.Error);
        return new Uri($"http://127.0.0.1:{bare.Output.Trim()}");
    }

    /// <summary>The process id of one of our servers, by its program's name.</summary>
    public int ProcessOf(string program) => up.ServerProcess(program);

    /// <summary>
    /// Removes the bytes of all blobs behind the servers' backs, so that storage in memory is used again: memory that is used for the
    /// first time can be several times slower. Nothing reads them any more.
    /// </summary>
    public void RemoveBlobs()
    {
        foreach (var blobs in (string[])["data/registry/blobs/sha256", "peer/docker/registry/v2/blobs/sha256", "bare"])
        {
            var at = Path.Combine(storage, blobs);
            if (!Directory.Exists(at)) continue;
            foreach (var file in Directory.EnumerateFiles(at, "*", SearchOption.AllDirectories).ToList()) File.Delete(file);
        }
    }

    /// <summary>Prints the highest memory that each of our servers has had.</summary>
    public void PrintMemory()
    {
        foreach (var program in (string[])["TokenServer", "RegistryCore"])
        {
            Console.WriteLine($"peak memory of {program}: {ProcessTable.PeakMemory(up.ServerProcess(program)) / 1_048_576} MiB");
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (bare is not null) await bare.DisposeAsync();
        await peer.DisposeAsync();
        await up.DisposeAsync();
        Directory.Delete(storage, recursive: true);
    }
}
