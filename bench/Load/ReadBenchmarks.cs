namespace AuthIndex.Load;

/// <summary>The reading benchmarks: tokens, manifests, blobs; all against one image.</summary>
internal static class ReadBenchmarks
{
    private const int Rounds = 3;

    // Of the config and the layers of the image that is read, in bytes.
    private static readonly int[] Sizes = [1024, 1024 * 1024, 100 * 1024 * 1024];

    private static readonly TimeSpan Round = TimeSpan.FromSeconds(4);

    // Not counted: the runtime compiles what runs often a second time, and the first rounds would pay for it.
    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(8);

    /// <summary>Their names.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["token-anonymous", "token-remembered", "challenge", "ping", "manifest-by-tag", "blob-1KiB", "blob-1MiB", "blob-100MiB"];

    /// <summary>Runs those that are chosen and prints their lines.</summary>
    public static async Task RunAsync(string storage, Func<string, bool> isChosen)
    {
        await using var servers = await Servers.StartAsync(storage);
        foreach (var scenario in (await ScenariosAsync(servers)).Where(s => isChosen(s.Name)))
        {
            var expectChallenge = scenario.Name == "challenge";
            await Wrk.RunAsync(scenario.Ours, scenario.Clients, WarmUp, expectChallenge);
            List<Figures> ours = [], theirs = [];
            for (var round = 0; round < Rounds; round++)
            {
                ours.Add(await Wrk.RunAsync(scenario.Ours, scenario.Clients, Round, expectChallenge));
                if (scenario.Peer is null) continue;
                theirs.Add(await Wrk.RunAsync(scenario.Peer, scenario.Clients, Round, expectChallenge: false));
            }

            Table.Print(scenario.Name, ours, theirs, []);
        }

        servers.PrintMemory();
    }

    /// <summary>All of them, with the image that they read in both registries.</summary>
    public static async Task<IReadOnlyList<Scenario>> ScenariosAsync(Servers servers)
    {
        UniqueBlob[] blobs = [.. Sizes.Select(size => new UniqueBlobs(size).Next())];
        foreach (var (registry, authorization) in ((Uri, string?)[])[(servers.Registry, servers.Bearer), (servers.Peer, null)])
        {
            using var client = new PushClient(registry, Servers.Repository, authorization);
            foreach (var blob in blobs) await client.BlobAsync(blob);
            await client.ManifestAsync(blobs[0], blobs[1..], "v1");
        }

        Target Token(string repository, string? authorization) => new(
            new Uri(servers.TokenServer, $"/token?service=registry&scope=repository:{repository}:pull"), authorization);
        Scenario Same(string name, string path, int clients = 8) =>
            new(name, new Target(new Uri(servers.Registry, path), servers.Bearer), new Target(new Uri(servers.Peer, path)), clients);
        return
        [
            new("token-anonymous", Token("public/app", null), null),
            new("token-remembered", Token(Servers.Repository, servers.Basic), null),
            new("challenge", new Target(new Uri(servers.Registry, "/v2/")), null),
            Same("ping", "/v2/"),
            Same("manifest-by-tag", $"/v2/{Servers.Repository}/manifests/v1"),
            Same("blob-1KiB", $"/v2/{Servers.Repository}/blobs/{blobs[0].Digest}"),
            Same("blob-1MiB", $"/v2/{Servers.Repository}/blobs/{blobs[1].Digest}"),
            Same("blob-100MiB", $"/v2/{Servers.Repository}/blobs/{blobs[2].Digest}", clients: 4),
        ];
    }
}
