using System.Globalization;
using System.Text;
using System.Text.Json;
using AuthIndex.Load;
using AuthIndex.TestKit;

// Measures AuthIndex side by side with distribution: servers on core 0, load on core 1, storage in memory, rounds in turn.
// Machines differ and are shared: the ratio is the figure, the rest orients.
const int rounds = 3;
if (args is ["policy"])
{
    PolicyDecisions.Run();
    return 0;
}

var duration = TimeSpan.FromSeconds(4);
var warmUp = TimeSpan.FromSeconds(8);

var storage = Directory.CreateDirectory($"/dev/shm/authindex-bench-{Environment.ProcessId}").FullName;
try
{
    await using var up = await AuthIndexUp.StartAsync("--data", Path.Combine(storage, "data"));
    foreach (var (id, _) in up.Processes())
    {
        await ChildProcess.RunAsync("taskset", ["-apc", "0", id.ToString(CultureInfo.InvariantCulture)]);
    }

    await using var peer = await Peer.StartAsync(storage);

    var basic = "Basic " + Convert.ToBase64String(Encoding.UTF8.GetBytes($"admin:{up.AdminPassword}"));
    var bearer = "Bearer " + await TokenAsync(
        new Uri(up.TokenServer, "/token?service=registry&scope=repository:bench/app:pull,push"), basic);
    var image = new Image();
    await image.PushAsync(up.Registry, "bench/app", "v1", bearer);
    await image.PushAsync(peer.Url, "bench/app", "v1", null);

    Scenario Same(string name, string path, int clients = 8) =>
        new(name, new Target(new Uri(up.Registry, path), bearer), new Target(new Uri(peer.Url, path)), clients);

    Scenario[] scenarios =
    [
        new("token-anonymous", new Target(new Uri(up.TokenServer, "/token?service=registry&scope=repository:public/app:pull")), null),
        new(
            "token-remembered", new Target(new Uri(up.TokenServer, "/token?service=registry&scope=repository:bench/app:pull,push"), basic),
            null),
        new("challenge", new Target(new Uri(up.Registry, "/v2/")), null),
        Same("ping", "/v2/"),
        Same("manifest-by-tag", "/v2/bench/app/manifests/v1"),
        Same("blob-1KiB", $"/v2/bench/app/blobs/{image.Digests[0]}"),
        Same("blob-1MiB", $"/v2/bench/app/blobs/{image.Digests[1]}"),
        Same("blob-100MiB", $"/v2/bench/app/blobs/{image.Digests[2]}", clients: 4),
    ];

    var chosen = args.Length == 0 ? scenarios : [.. scenarios.Where(s => args.Contains(s.Name, StringComparer.Ordinal))];
    if (chosen.Length == 0)
    {
        await Console.Error.WriteLineAsync(
            $"error: no benchmark {string.Join(' ', args)}; there are {string.Join(", ", scenarios.Select(s => s.Name))}");
        return 2;
    }

    Console.WriteLine($"{"work",-18} {"AuthIndex/s",12} {"MB/s",8} {"p99 ms",8} {"distribution/s",15} {"MB/s",8} {"p99 ms",8} {"ratio",6}");
    foreach (var scenario in chosen)
    {
        // Not counted: the runtime compiles what runs often a second time, and the first rounds would pay for it.
        await Wrk.RunAsync(scenario.Ours, scenario.Clients, warmUp, scenario.Name == "challenge");
        List<Figures> ours = [], theirs = [];
        for (var round = 0; round < rounds; round++)
        {
            ours.Add(await Wrk.RunAsync(scenario.Ours, scenario.Clients, duration, scenario.Name == "challenge"));
            if (scenario.Peer is not null)
            {
                theirs.Add(await Wrk.RunAsync(scenario.Peer, scenario.Clients, duration, expectChallenge: false));
            }
        }

        Print(scenario.Name, Median(ours), theirs.Count == 0 ? null : Median(theirs));
    }

    foreach (var program in (string[])["TokenServer", "RegistryCore"])
    {
        Console.WriteLine($"peak memory of {program}: {ProcessTable.PeakMemory(up.ServerProcess(program)) / 1_048_576} MiB");
    }

    return 0;
}
finally
{
    Directory.Delete(storage, recursive: true);
}

static Figures Median(List<Figures> rounds) => rounds.OrderBy(r => r.PerSecond).ElementAt(rounds.Count / 2);

static void Print(string name, Figures ours, Figures? theirs)
{
    static string Row(Figures f) =>
        string.Create(CultureInfo.InvariantCulture, $"{f.PerSecond,12:F0} {f.MegabytesPerSecond,8:F0} {f.Slowest.TotalMilliseconds,8:F1}");
    var ratio = theirs is null
        ? ""
        : string.Create(CultureInfo.InvariantCulture, $"   {Row(theirs)} {ours.PerSecond / theirs.PerSecond,6:F1}");
    Console.WriteLine($"{name,-18} {Row(ours)}{ratio}");
}

static async Task<string> TokenAsync(Uri url, string basic)
{
    using var http = new HttpClient();
    http.DefaultRequestHeaders.Add("Authorization", basic);
    using var answer = JsonDocument.Parse(await http.GetByteArrayAsync(url));
    return answer.RootElement.GetProperty("token").GetString()!;
}
