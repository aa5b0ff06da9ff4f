using System.Diagnostics;
using System.Net.Http.Headers;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>The real program as a process of its own, which can die at any moment.</summary>
internal sealed class RegistryProcess : IAsyncDisposable
{
    private static int started;

    private static readonly TimeSpan Deadline = TimeSpan.FromSeconds(60);

    private readonly Process process;
    private readonly List<string> log;
    private readonly Task reading;

    private RegistryProcess(Process process)
    {
        this.process = process;
        log = [];
        reading = ReadAsync();
    }

    /// <summary>The built program, of the configuration that the tests were built in.</summary>
    public static string Program { get; } = Path.GetFullPath(
        Path.Combine(
            AppContext.BaseDirectory, "..", "..", "RegistryCore", Path.GetFileName(AppContext.BaseDirectory.TrimEnd('/')), "RegistryCore"));

    /// <summary>Where it listens; null when it ended before it was ready.</summary>
    public Uri? Address { get; private set; }

    /// <summary>The process id.</summary>
    public int Id => process.Id;

    /// <summary>Whether it runs no more.</summary>
    public bool HasEnded => process.HasExited;

    /// <summary>What it wrote.</summary>
    public string Log
    {
        get
        {
            lock (log) return string.Join('\n', log);
        }
    }

    /// <summary>Starts <c>serve</c> and waits until it is ready or has ended.</summary>
    public static Task<RegistryProcess> ServeAsync(
        string folder, TokenMaker tokens, (FaultPoint Point, int Hit)? fault = null, params string[] settings) =>
        ServeUnderAsync([], folder, tokens, fault, settings);

    /// <summary>The same, started by another program that becomes the server itself.</summary>
    public static async Task<RegistryProcess> ServeUnderAsync(
        string[] starter, string folder, TokenMaker tokens, (FaultPoint Point, int Hit)? fault = null, params string[] settings)
    {
        var (keys, ready) = (Path.Combine(folder, "jwks.json"), Path.Combine(folder, "ready"));
        await File.WriteAllTextAsync(keys, tokens.Jwks);
        File.Delete(ready);
        string[] all = [$"listen={NextAddress()}:0", $"tokenServer.keysFile={keys}", "logLevel=warning", .. settings];
        var server = Start(
            [.. starter, Program, "serve", "--data", folder, "--ready-file", ready,
                .. all.SelectMany(s => (string[])["--set", "registry." + s])], fault);
        await Until(() => File.Exists(ready) || server.HasEnded);
        if (File.Exists(ready)) server.Address = new Uri((await File.ReadAllTextAsync(ready)).Trim());
        return server;
    }

    /// <summary>Runs a command to its end.</summary>
    public static async Task<(int Status, string Output, string Error)> RunAsync(
        (FaultPoint Point, int Hit)? fault, params string[] arguments)
    {
        await using var command = Start([Program, .. arguments], fault);
        var output = await command.process.StandardOutput.ReadToEndAsync();
        await command.process.WaitForExitAsync();
        await command.reading;
        return (command.process.ExitCode, output, command.Log);
    }

    /// <summary>Waits for a condition.</summary>
    public static async Task Until(Func<bool> condition)
    {
        using var deadline = new CancellationTokenSource(Deadline);
        while (!condition()) await Task.Delay(5, deadline.Token);
    }

    /// <summary>A client with a token for these scopes.</summary>
    public HttpClient Client(TokenMaker tokens, params string[] scopes)
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Address };
        client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", tokens.Make("alice", scopes));
        return client;
    }

    /// <summary>SIGKILL.</summary>
    public async Task KillAsync()
    {
        process.Kill();
        await process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, and waits for the end.</summary>
    public async Task<int> StopAsync()
    {
        await TerminateAsync();
        return await EndAsync();
    }

    /// <summary>SIGTERM.</summary>
    public async Task TerminateAsync()
    {
        using var kill = Process.Start("kill", ["-TERM", $"{process.Id}"]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Waits for the end; its exit status.</summary>
    public async Task<int> EndAsync()
    {
        using var deadline = new CancellationTokenSource(Deadline);
        await process.WaitForExitAsync(deadline.Token);
        return process.ExitCode;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited) await KillAsync();
        process.Dispose();
    }

    /// <summary>A loopback address of its own: after a death nobody else may answer at the same address and port.</summary>
    private static string NextAddress() =>
        $"127.{1 + (Environment.ProcessId / 250 % 250)}.{1 + (Environment.ProcessId % 250)}.{1 + (Interlocked.Increment(ref started) % 250)}";

    private static RegistryProcess Start(string[] line, (FaultPoint Point, int Hit)? fault)
    {
        var start = new ProcessStartInfo(
            line[0], line[1..]) { RedirectStandardError = true, RedirectStandardOutput = true, UseShellExecute = false };
        if (fault is { } armed) start.Environment[Fault.Variable] = $"{armed.Point}:{armed.Hit}";
        start.Environment["DOTNET_TieredPGO"] = "0"; // short lives: no time is spent on measuring for later
        return new RegistryProcess(Process.Start(start)!);
    }

    private async Task ReadAsync()
    {
        while (await process.StandardError.ReadLineAsync() is { } line)
        {
            lock (log) log.Add(line);
        }
    }
}
