namespace AuthIndex.Load;

/// <summary>What a token server and a registry on PostgreSQL and an object store do; the peers are distribution on files and on the same store.</summary>
internal static class ReplicasBenchmarks
{
    private const int Rounds = 3;
    private const int MiB = 1024 * 1024;

    // Of the config and the layers of the image that is read, in bytes.
    private static readonly int[] Sizes = [1024, MiB, 100 * MiB];

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(8);
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(4);

    // In the parts that the store gets from our registry, distribution and the bare upload alike.
    private static readonly Push LargePush = new(
        "push-128MiB-chunks", 128 * MiB, 4, (client, work) => client.ChunksAsync(work.Blobs.Next(), 16 * MiB));

    private static readonly Push[] Pushes = [LargePush, .. Push.All.Where(p => p.Name is "push-1KiB" or "push-1MiB" or "push-manifest")];

    /// <summary>Runs all, or those that are named, and prints their lines.</summary>
    /// <param name="storage">Where distribution's files lie.</param>
    /// <param name="names">The names of some; empty for all.</param>
    public static async Task RunAsync(string storage, IReadOnlyCollection<string> names)
    {
        await using var servers = await SharedServers.StartAsync(storage);
        bool IsChosen(string name) => names.Count == 0 || names.Contains(name, StringComparer.Ordinal);
        Table.PrintHeader();
        foreach (var push in Pushes.Where(p => IsChosen(p.Name))) await PushAsync(servers, push);
        await ReadAsync(servers, IsChosen);
        servers.PrintMemory();
    }

    private static async Task ReadAsync(SharedServers servers, Func<string, bool> isChosen)
    {
        UniqueBlob[] blobs = [.. Sizes.Select(size => new UniqueBlobs(size).Next())];
        foreach (var (registry, authorization) in ((Uri, string?)[])
            [(servers.Registry, await servers.BearerAsync()), (servers.PeerOnFiles, null), (servers.PeerOnStore, null)])
        {
            using var client = new PushClient(registry, Servers.Repository, authorization);
            foreach (var blob in blobs) await client.BlobAsync(blob);
            await client.ManifestAsync(blobs[0], blobs[1..], "v1");
        }

        var token = new Uri(servers.TokenServer, $"/token?service=registry&scope=repository:{Servers.Repository}:pull");
        var manifest = $"/v2/{Servers.Repository}/manifests/v1";
        string Path(UniqueBlob blob) => $"/v2/{Servers.Repository}/blobs/{blob.Digest}";
        (string Name, Uri Ours, Uri? Peer)[] all =
        [
            ("token-remembered", token, null),
            ("manifest-by-tag", new Uri(servers.Registry, manifest), new Uri(servers.PeerOnFiles, manifest)),
            ("blob-redirect", new Uri(servers.RedirectingRegistry, Path(blobs[1])), null),
            ("blob-1KiB", new Uri(servers.Registry, Path(blobs[0])), new Uri(servers.PeerOnStore, Path(blobs[0]))),
            ("blob-1MiB", new Uri(servers.Registry, Path(blobs[1])), new Uri(servers.PeerOnStore, Path(blobs[1]))),
            ("blob-100MiB", new Uri(servers.Registry, Path(blobs[2])), new Uri(servers.PeerOnStore, Path(blobs[2]))),
        ];
        foreach (var (name, ours, peer) in all.Where(s => isChosen(s.Name)))
        {
            var target = new Target(ours, ours == token ? servers.Basic : await servers.BearerAsync());
            var clients = name == "blob-100MiB" ? 4 : 8;
            await Wrk.RunAsync(target, clients, WarmUp, expectChallenge: false);
            List<Figures> own = [], theirs = [];
            for (var round = 0; round < Rounds; round++)
            {
                own.Add(await Wrk.RunAsync(target, clients, Round, expectChallenge: false));
                if (peer is not null) theirs.Add(await Wrk.RunAsync(new Target(peer), clients, Round, expectChallenge: false));
            }

            Table.Print(name, own, theirs, []);
        }
    }

    private static async Task PushAsync(SharedServers servers, Push push)
    {
        var work = new PushWork(push);
        using var ours = new PushClient(servers.Registry, Servers.Repository, await servers.BearerAsync());
        using var theirs = new PushClient(servers.PeerOnStore, Servers.Repository, null);
        await ours.BlobAsync(work.Config);
        await theirs.BlobAsync(work.Config);
        await RoundAsync(ours, WarmUp);
        List<Figures> own = [], peer = [], least = [];
        for (var round = 0; round < Rounds; round++)
        {
            own.Add(await RoundAsync(ours, Round));
            peer.Add(await RoundAsync(theirs, Round));
            if (push != LargePush) continue;
            least.Add(await BareUpload.RoundAsync(servers.BareBucket, push.Size, push.Clients, Round));
            await servers.EmptyStoreAsync();
        }

        Table.Print(push.Name, own, peer, least);

        async Task<Figures> RoundAsync(PushClient client, TimeSpan duration)
        {
            var figures = await push.RunAsync(client, work, duration);
            if (push.Size > 0) await servers.EmptyStoreAsync(); // others push one manifest after another with the same blob
            return figures;
        }
    }
}
