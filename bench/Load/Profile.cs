using System.Diagnostics;
using System.Globalization;
using AuthIndex.TestKit;

namespace AuthIndex.Load;

/// <summary>Shows where the CPU time of a server goes while one benchmark runs, from <c>perf</c>.</summary>
internal static class Profile
{
    private const int Lines = 100;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(12);
    private static readonly TimeSpan Recorded = TimeSpan.FromSeconds(5);

    /// <summary>Runs it and prints the shares by library and by function.</summary>
    /// <returns>The exit status.</returns>
    public static async Task<int> RunAsync(string name, string storage)
    {
        Environment.SetEnvironmentVariable("DOTNET_PerfMapEnabled", "1"); // the servers inherit it and write down the names of functions
        Environment.SetEnvironmentVariable("DOTNET_EnableWriteXorExecute", "0"); // or perf would see their code in a file without names
        await Servers.PinAsync(Environment.ProcessId, "1");
        await using var servers = await Servers.StartAsync(storage);
        if (Push.All.FirstOrDefault(p => p.Name == name) is { } push)
        {
            var work = new PushWork(push);
            using var client = new PushClient(servers.Registry, Servers.Repository, servers.Bearer);
            await client.BlobAsync(work.Config);
            await push.RunAsync(client, work, WarmUp);
            await RecordAsync(servers.ProcessOf("RegistryCore"), () => push.RunAsync(client, work, Recorded));
            return 0;
        }

        if ((await ReadBenchmarks.ScenariosAsync(servers)).FirstOrDefault(s => s.Name == name) is not { } scenario)
        {
            await Console.Error.WriteLineAsync($"error: no benchmark {name} to profile");
            return 2;
        }

        var isChallenge = name == "challenge";
        await Wrk.RunAsync(scenario.Ours, scenario.Clients, WarmUp, isChallenge);
        await RecordAsync(
            servers.ProcessOf(scenario.Ours.Url.Port == servers.TokenServer.Port ? "TokenServer" : "RegistryCore"),
            () => Wrk.RunAsync(scenario.Ours, scenario.Clients, Recorded, isChallenge));
        return 0;
    }

    private static async Task RecordAsync(int process, Func<Task<Figures>> work)
    {
        using var folder = new TemporaryDirectory();
        var file = folder["perf.data"];
        await using var perf = ChildProcess.Start(
            "perf", ["record", "-q", "-F", "999", "-g", "-p", process.ToString(CultureInfo.InvariantCulture), "-o", file]);
        using var server = Process.GetProcessById(process);
        var before = server.TotalProcessorTime;
        var figures = await work();
        server.Refresh();
        var cpu = server.TotalProcessorTime - before;
        perf.Interrupt();
        await perf.ExitAsync(TimeSpan.FromMinutes(1));
        var each = cpu / figures.Count;
        Console.WriteLine(string.Create(
            CultureInfo.InvariantCulture,
            $"{figures.PerSecond:F0}/s, {figures.MegabytesPerSecond:F0} MB/s; CPU time {each.TotalMilliseconds:F3} ms each"));
        await PrintAsync(file, "by library", ["--no-children", "--sort", "dso"]);
        await PrintAsync(file, "by function", ["--no-children", "--sort", "symbol"]);
        await PrintAsync(file, "by function, with all that it calls", ["--children", "--sort", "symbol"]);
    }

    private static async Task PrintAsync(string file, string title, IEnumerable<string> options)
    {
        var report = await ChildProcess.RunAsync(
            "perf", ["report", "-i", file, "--stdio", "-g", "none", "--percent-limit", "0.5", .. options]);
        var lines = report.Output.Split('\n').Where(l => l.Trim() is { Length: > 0 } text && text[0] != '#').Take(Lines);
        Console.WriteLine($"\n{title}:\n{string.Join('\n', lines)}");
    }
}
