using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.RegistryCore.Tests.Storage.Collection;
using AuthIndex.RegistryCore.Tests.Storage.Objects;
using AuthIndex.TestKit;
using Dapper;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>
/// Nobody's blob 201, existence check or mount lies further back than the grace period when the manifest follows, but often just so far:
/// then the manifest is taken, whatever collectors do meanwhile.
/// </summary>
public sealed class GarbageInterleavingTests(SharedPostgres postgres, SharedS3 store, ITestOutputHelper output)
{
    private const int Grace = 2;

    private static readonly bool IsLong = Environment.GetEnvironmentVariable("AUTHINDEX_LONG_TESTS") == "1";

    [Fact]
    public async Task What_a_client_was_told_exists_is_there_for_its_manifest_whatever_the_collector_does()
    {
        await using var registry = await RegistryHost.StartAsync(Configure);
        await PushAsync([registry], IsLong ? 20_000 : 1_500, TimeSpan.FromMinutes(10));
        var folder = Path.GetDirectoryName(registry.Root)!;
        Assert.All(StoredBlobs.Rows(folder), row => Assert.True(File.Exists(StoredBlobs.FileOf(folder, row.Digest)), row.Digest));
    }

    [Fact]
    public async Task It_is_there_whichever_of_two_registries_told_it_and_whatever_the_collectors_of_both_do()
    {
        var (connection, bucket) = (await postgres.CreateDatabaseAsync(), await store.CreateBucketAsync());
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow());
        await using var one = (await SharedReplica.StartAsync(connection, bucket, Configure, clock: clock)).Host;
        await using var other = (await SharedReplica.StartAsync(connection, bucket, Configure, clock: clock)).Host;
        await PushAsync([one, other], IsLong ? 5_000 : 200, TimeSpan.FromMinutes(IsLong ? 20 : 1));
        await using var rows = PostgresDatabase.Create(connection, "test");
        var objects = new HashSet<string>(StringComparer.Ordinal);
        await foreach (var found in one.Service<ObjectStore>().ListAsync("", TestContext.Current.CancellationToken)) objects.Add(found.Key);
        Assert.Subset(
            objects, (await rows.ReadAsync(db => db.QueryAsync<string>("SELECT key FROM blobs"))).ToHashSet(StringComparer.Ordinal));
    }

    private static void Configure(RegistryOptions options)
    {
        options.GarbageCollection.Every = TimeSpan.Zero;
        options.GarbageCollection.Grace = TimeSpan.FromSeconds(Grace);
        options.GarbageCollection.Untagged = new UntaggedPolicy(TimeSpan.FromSeconds(Grace));
    }

    private async Task PushAsync(IReadOnlyList<RegistryHost> registries, int pushes, TimeSpan longest)
    {
        var clients = new InterleavedClients(registries, Grace);
        await clients.RunAsync(pushes, longest);
        output.WriteLine($"{clients}");
        Assert.True(
            clients.Removed.Links > clients.Pushed / 10 && clients.Removed is { Blobs: > 0, Manifests: > 0 },
            $"{clients}: the test did not test much.");
    }
}
