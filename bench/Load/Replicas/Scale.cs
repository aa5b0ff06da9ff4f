using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using AuthIndex.TestKit;

namespace AuthIndex.Load;

/// <summary>
/// How the times of a token server and a registry on PostgreSQL change from 1,000 to 100,000 repositories, with ten tags, images and blobs
/// each. One client asks for one thing after another, about a repository chosen at random and with a token that the registry has not seen:
/// otherwise those that come back to the same few would be spared what the others are not.
/// </summary>
internal static class Scale
{
    private const int Few = 1_000, Many = 100_000;
    private const int Requests = 400;
    private const int Garbage = 1_000;

    // PostgreSQL's default of 128 MiB is for the smallest machines; its manual advises a quarter of the memory.
    private const string Buffers = "shared_buffers=1GB";

    /// <summary>Measures both and prints the medians.</summary>
    public static async Task RunAsync()
    {
        await using var servers = await ReplicatedServers.StartAsync(2, settings: Buffers);
        var seed = new RegistrySeed(servers.RegistryConnection);
        await SeedAsync(servers, seed, 0, Few);
        await MeasureAsync(servers, seed, Few); // the servers compile what they run first
        var few = await MeasureAsync(servers, seed, Few);
        await SeedAsync(servers, seed, Few, Many);
        var many = await MeasureAsync(servers, seed, Many);
        Console.WriteLine($"{"work",-24} {$"{Few:N0}",12} {$"{Many:N0}",12}   times");
        foreach (var (name, before) in few)
        {
            Console.WriteLine(string.Create(
                CultureInfo.InvariantCulture, $"{name,-24} {before,9:F2} ms {many[name],9:F2} ms   {many[name] / before,5:F2}"));
        }
    }

    private static async Task SeedAsync(ReplicatedServers servers, RegistrySeed seed, int from, int count)
    {
        var clock = Stopwatch.StartNew();
        await seed.AddAsync(from, count);
        await Console.Error.WriteLineAsync($"{count:N0} repositories after {clock.Elapsed.TotalSeconds:F0} s");
        clock.Restart();
        await servers.CommandAsync(["sync"], program: "RegistryCore", timeout: TimeSpan.FromMinutes(30));
        await Console.Error.WriteLineAsync($"reported to the index after {clock.Elapsed.TotalSeconds:F0} s");
    }

    private static async Task<Dictionary<string, double>> MeasureAsync(ReplicatedServers servers, RegistrySeed seed, int count)
    {
        var registry = servers.At(servers.Registries[0]);
        var index = servers.At(servers.TokenServers[0]);
        using var http = new HttpClient(new SocketsHttpHandler { UseCookies = false });
        var catalog = await TokenAsync(servers, "registry:catalog:*");
        var push = await TokenAsync(servers, $"repository:{Name(count / 2)}:pull,push");
        using var pusher = new PushClient(registry, Name(count / 2), push);
        var blobs = new UniqueBlobs(1024);
        var token = "";
        Uri At(string path) => new(registry, path);
        (string Name, Func<int, Task> Work)[] all =
        [
            ("token", n => GetAsync(new Uri(index, $"/token?service=registry&scope=repository:{Name(n)}:pull"), null)),
            ("manifest by tag", n => GetAsync(At($"/v2/{Name(n)}/manifests/{RegistrySeed.Tag(1 + n % 10)}"), token)),
            ("blob HEAD", n => GetAsync(At($"/v2/{Name(n)}/blobs/{RegistrySeed.Blob(n, 1)}"), token, HttpMethod.Head)),
            ("tags list", n => GetAsync(At($"/v2/{Name(n)}/tags/list"), token)),
            ("referrers", n => GetAsync(At($"/v2/{Name(n)}/referrers/{RegistrySeed.Subject(n)}"), token)),
            ("catalog page", n => GetAsync(At($"/v2/_catalog?n=100&last={Name(n)}"), catalog)),
            ("docker search", n => GetAsync(At($"/v1/search?q=app-{n}"), null)),
            ("portal search", n => GetAsync(new Uri(index, $"/?q=app-{n}"), null)),
            ("portal repository", n => GetAsync(new Uri(index, $"/repositories/{Name(n)}"), null)),
            ("push", async _ =>
            {
                var blob = blobs.Next();
                await pusher.BlobAsync(blob);
                await pusher.ManifestAsync(blob, [blob]);
            }),
        ];
        var results = new Dictionary<string, double>(StringComparer.Ordinal);
        foreach (var (name, work) in all)
        {
            var times = new List<double>();
            for (var request = -Requests / 2; request < Requests; request++) // the first ones warm up
            {
                var number = RandomNumberGenerator.GetInt32(count);
                token = await TokenAsync(servers, $"repository:{Name(number)}:pull");
                var start = Stopwatch.GetTimestamp();
                await work(number);
                if (request >= 0) times.Add(Stopwatch.GetElapsedTime(start).TotalMilliseconds);
            }

            results[name] = Table.Median(times);
        }

        for (var round = 0; round < 3; round++)
        {
            await seed.AddGarbageAsync(Garbage);
            var clock = Stopwatch.StartNew();
            await servers.CommandAsync(["gc"], program: "RegistryCore");
            var took = clock.Elapsed.TotalMilliseconds;
            results["collection of 1,000"] = round == 0 ? took : Math.Min(took, results["collection of 1,000"]);
        }

        return results;

        async Task GetAsync(Uri url, string? bearer, HttpMethod? method = null)
        {
            using var request = new HttpRequestMessage(method ?? HttpMethod.Get, url);
            request.Headers.TryAddWithoutValidation("Accept", PushClient.ManifestType);
            if (bearer is not null) request.Headers.Authorization = AuthenticationHeaderValue.Parse(bearer);
            using var answer = await http.SendAsync(request);
            _ = await answer.EnsureSuccessStatusCode().Content.ReadAsByteArrayAsync();
        }
    }

    private static string Name(int number) => RegistrySeed.Repository(number);

    private static async Task<string> TokenAsync(ReplicatedServers servers, string scope) =>
        "Bearer " + await Basic.TokenOfAdminAsync(servers.Index, servers.AdminPassword, scope);
}
