namespace AuthIndex.Load;

/// <summary>The writing benchmarks. Each has servers of its own, so that none finds the storage full of another's blobs.</summary>
internal static class PushBenchmarks
{
    private const int Rounds = 3;

    private static readonly TimeSpan WarmUp = TimeSpan.FromSeconds(6);
    private static readonly TimeSpan Round = TimeSpan.FromSeconds(3);

    /// <summary>Runs one and prints its line.</summary>
    public static async Task RunAsync(Push push, string storage)
    {
        await using var servers = await Servers.StartAsync(storage);
        var work = new PushWork(push);
        using var ours = new PushClient(servers.Registry, Servers.Repository, servers.Bearer);
        using var theirs = new PushClient(servers.Peer, Servers.Repository, null);
        using var bare = push.HasBareLoop ? new PushClient(await servers.StartBareLoopAsync(), "", null) : null;
        await ours.BlobAsync(work.Config);
        await theirs.BlobAsync(work.Config);
        await push.RunAsync(ours, work, WarmUp);
        if (push.Size > 0) servers.RemoveBlobs();
        List<Figures> own = [], peer = [], least = [];
        for (var round = 0; round < Rounds; round++)
        {
            own.Add(await RoundAsync(push, ours));
            peer.Add(await RoundAsync(push, theirs));
            if (bare is not null) least.Add(await RoundAsync(Bare(push), bare));
        }

        Table.Print(push.Name, own, peer, least);
        servers.PrintMemory();

        async Task<Figures> RoundAsync(Push kind, PushClient client)
        {
            var figures = await kind.RunAsync(client, work, Round);
            if (push.Size > 0) servers.RemoveBlobs(); // others push one manifest after another with the same blob
            return figures;
        }
    }

    private static Push Bare(Push push) => push with { PushAsync = (client, work) => client.BareAsync(work.Blobs.Next()) };
}
