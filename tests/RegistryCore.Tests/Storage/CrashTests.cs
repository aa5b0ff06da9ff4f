using System.Diagnostics;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>
/// The real server dies before and after every step that makes something durable, and at any other time, under a load of pushes
/// and deletes; then it starts again over what it left.
/// </summary>
public sealed class CrashTests(ITestOutputHelper output)
{
    private const int Clients = 3;

    // The long form makes as many kills as it can in this time, and each point at least once.
    private static readonly TimeSpan Longest = TimeSpan.FromMinutes(10);

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("AUTHINDEX_LONG_TESTS") == "1";

    private static readonly FaultPoint[] OfPushes =
    [
        FaultPoint.UploadRecorded, FaultPoint.UploadAppended, FaultPoint.BlobBeforeSync, FaultPoint.BlobSynced, FaultPoint.BlobMoved,
        FaultPoint.DirectorySynced, FaultPoint.BeforeCommit, FaultPoint.Committed, FaultPoint.UploadEnded,
    ];

    private static readonly FaultPoint[] OfCollections = [
        FaultPoint.BeforeCommit, FaultPoint.Committed, FaultPoint.RowsCollected, FaultPoint.FileCollected, FaultPoint.LeftoverCollected];

    [Fact]
    public async Task What_was_acknowledged_survives_a_kill_at_every_point_and_the_rest_heals_by_pushing_again()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        using var tokens = new TokenMaker(TimeProvider.System);
        var clients = Enumerable.Range(0, Clients).Select(i => new PushLedger($"crash/r{i}", $"crash/r{(i + 1) % Clients}", seed: i))
            .ToList();
        var random = new Random(7);
        var kills = 1;
        var clock = Stopwatch.StartNew();
        foreach (var hit in IsLong ? Enumerable.Range(1, 25) : [1, 6])
        {
            if (clock.Elapsed > Longest / 2) break;
            foreach (var point in OfPushes)
            {
                await RunUntilDeathAsync(folder.Root, tokens, clients, (point, hit), acknowledgedAtKill: int.MaxValue);
                kills++;
            }
        }

        // comes by time
        await RunUntilDeathAsync(folder.Root, tokens, clients, (FaultPoint.TouchesWritten, 1), acknowledgedAtKill: int.MaxValue);
        for (var i = 0; i < (IsLong ? 200 : 8) && clock.Elapsed < Longest; i++, kills++)
        {
            await RunUntilDeathAsync(folder.Root, tokens, clients, null, acknowledgedAtKill: random.Next(1, 150));
        }

        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        foreach (var client in clients) await client.VerifyAsync(server.Client(tokens, client.Scopes), everything: true);
        output.WriteLine(
            $"{kills} kills at {OfPushes.Length + 1} points and at random, {clients.Sum(c => c.Acknowledged)} acknowledged requests, "
            + $"{clock.Elapsed.TotalSeconds:0} s");
    }

    [Fact]
    public async Task A_collection_that_is_killed_anywhere_leaves_no_row_without_its_file_and_the_next_one_removes_the_rest()
    {
        using var folder = new TemporaryDirectory(inMemory: true);
        using var tokens = new TokenMaker(TimeProvider.System);
        var kept = new PushLedger("crash/kept", "crash/none", seed: 50);
        var kills = 0;
        foreach (var point in OfCollections)
        {
            foreach (var hit in Hits(point))
            {
                var doomed = new PushLedger("crash/doomed", "crash/none", seed: 100 + kills);
                await using (var server = await ServeAsync(folder.Root, tokens, null))
                {
                    await FillAsync(server, tokens, kept, 20);
                    await FillAsync(server, tokens, doomed, 60);
                    await doomed.DeleteAllAsync(server.Client(tokens, doomed.Scopes));
                    await server.KillAsync();
                }

                if (point == FaultPoint.LeftoverCollected) MakeLeftovers(folder.Root, hit);
                await using (var server = await ServeAsync(folder.Root, tokens, (point, hit)))
                {
                    await CollectUntilDeathAsync(folder.Root, server);
                    Assert.True(server.HasEnded, $"The server survived {point}:{hit}.");
                }

                AssertEveryRowHasItsFile(folder.Root);
                kills++;
            }
        }

        await using var last = await ServeAsync(folder.Root, tokens, null);
        await CollectAllAsync(folder.Root);
        AssertEveryRowHasItsFile(folder.Root);
        AssertEveryFileHasItsRow(folder.Root);
        kept.ForgetLooseBlobs();
        await kept.VerifyAsync(last.Client(tokens, kept.Scopes), everything: true);
        output.WriteLine($"{kills} kills at {OfCollections.Length} points");
    }

    /// <summary>Rows are removed a hundred at a time, links too: those points are passed once or twice in a collection.</summary>
    private static IEnumerable<int> Hits(FaultPoint point) => point switch
    {
        FaultPoint.RowsCollected => [1],
        FaultPoint.BeforeCommit or FaultPoint.Committed => [1, 2],
        _ => IsLong ? Enumerable.Range(1, 8) : [1, 3],
    };

    private static async Task RunUntilDeathAsync(
        string folder, TokenMaker tokens, List<PushLedger> clients, (FaultPoint Point, int Hit)? fault, int acknowledgedAtKill)
    {
        await using var server = await RegistryProcess.ServeAsync(folder, tokens, fault);
        Assert.True(server.Address is not null, $"The server did not start: {server.Log}");
        var before = clients.Sum(c => c.Acknowledged);
        await Task.WhenAll(clients.Select(async client =>
        {
            using var http = server.Client(tokens, client.Scopes);
            try
            {
                await client.VerifyAsync(http, everything: false);
                await client.RunAsync(http, () =>
                {
                    if (fault is null && clients.Sum(c => c.Acknowledged) - before >= acknowledgedAtKill) _ = server.KillAsync();
                    return false;
                });
            }
            catch (ServerDiedException)
            {
                await RegistryProcess.Until(() => server.HasEnded);
            }
            catch (Exception e)
            {
                throw new InvalidOperationException($"{fault}: {e.Message}\nThe server wrote:\n{server.Log}", e);
            }
        }));
    }

    /// <summary>A server that never collects by itself and keeps nothing for a grace period.</summary>
    private static Task<RegistryProcess> ServeAsync(string folder, TokenMaker tokens, (FaultPoint Point, int Hit)? fault) =>
        RegistryProcess.ServeAsync(folder, tokens, fault, "garbageCollection.every=0s", "garbageCollection.grace=0s");

    private static async Task FillAsync(RegistryProcess server, TokenMaker tokens, PushLedger client, int requests)
    {
        var enough = client.Acknowledged + requests;
        await client.RunAsync(server.Client(tokens, client.Scopes), () => client.Acknowledged >= enough);
    }

    private static async Task CollectUntilDeathAsync(string folder, RegistryProcess server)
    {
        // What was touched within this second is not old enough yet.
        var start = Stopwatch.StartNew();
        while (start.Elapsed < TimeSpan.FromSeconds(5) && !server.HasEnded)
        {
            try
            {
                await CollectAsync(folder);
            }
            catch (Exception e) when (e is Hosting.OperatorException or IOException or System.Net.Sockets.SocketException)
            {
                await RegistryProcess.Until(() => server.HasEnded);
            }
        }
    }

    private static async Task CollectAllAsync(string folder)
    {
        var start = Stopwatch.StartNew();
        do
        {
            await CollectAsync(folder);
        }
        while (start.Elapsed < TimeSpan.FromSeconds(1.2));
    }

    private static Task<TaskReport> CollectAsync(string folder) =>
        ControlClient.RunAsync(
            new RegistryOptions { DataDirectory = folder }, new StorageTask.Gc(DryRun: false), TestContext.Current.CancellationToken);

    private static void MakeLeftovers(string folder, int count)
    {
        for (var i = 0; i < count; i++)
        {
            var file = Path.Combine(folder, "registry", "blobs", "sha256", "00", "00" + new string((char)('0' + i), 62));
            File.WriteAllText(file, "left by a crash");
            File.SetLastWriteTimeUtc(file, DateTime.UnixEpoch.AddDays(1));
        }
    }

    private static void AssertEveryRowHasItsFile(string folder)
    {
        foreach (var (digest, size) in StoredBlobs.Rows(folder))
        {
            var file = new FileInfo(StoredBlobs.FileOf(folder, digest));
            Assert.True(file.Exists && file.Length == size, $"The blob {digest} has a row and no file.");
        }
    }

    private static void AssertEveryFileHasItsRow(string folder) =>
        Assert.Empty(StoredBlobs.Files(folder).Except(StoredBlobs.Rows(folder).Select(r => r.Digest), StringComparer.Ordinal));
}
