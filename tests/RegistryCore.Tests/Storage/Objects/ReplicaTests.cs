using System.Net;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;
using Dapper;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>Tests with registries of their own on a database and a bucket, perhaps with faults on the way to the store.</summary>
public abstract class ReplicaTests(SharedPostgres postgres, SharedObjectStore shared) : IAsyncLifetime
{
    private protected const int PartSize = SharedObjectStore.PartSize;

    private protected static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private string database = "";

    private protected List<(RegistryHost Host, PostgresRegistryState State)> Registries { get; } = [];

    private protected StoreRelay Relay { get; private set; } = null!;

    private protected SharedObjectStore Shared => shared;

    private protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var (host, _) in Registries) await host.DisposeAsync();
        if (Relay is not null) await Relay.DisposeAsync();
        GC.SuppressFinalize(this);
    }

    private protected async Task<(Repository A, Repository B)> StartTwoAsync(Action<RegistryOptions>? configure = null)
    {
        var bucket = await BucketAsync();
        return (await StartAsync(bucket, configure), await StartAsync(bucket, configure));
    }

    /// <summary>Starts a registry; all of a test have one database.</summary>
    private protected async Task<Repository> StartAsync(
        ObjectStoreOptions bucket, Action<RegistryOptions>? configure = null, ObjectStoreTiming? timing = null)
    {
        if (database.Length == 0) database = await postgres.CreateDatabaseAsync();
        bucket.PartSize = new(PartSize);
        Registries.Add(await SharedReplica.StartAsync(database, bucket, configure, timing));
        return new Repository(Registries[^1].Host, "team/app");
    }

    private protected Task<ObjectStoreOptions> BucketAsync() => shared.CreateAsync();

    /// <summary>A bucket behind a line with faults.</summary>
    private protected async Task<ObjectStoreOptions> BehindRelayAsync()
    {
        Relay = await shared.RelayAsync();
        return await shared.CreateAsync(Relay.Address);
    }

    /// <summary>Changes rows behind the registries' backs.</summary>
    private protected async Task<int> ChangeAsync(string sql)
    {
        await using var rows = PostgresDatabase.Create(database, "test");
        return await rows.WriteAsync(db => db.ExecuteAsync(sql));
    }

    private protected async Task<List<string>> ObjectsAsync()
    {
        var keys = new List<string>();
        await foreach (var found in Registries[0].Host.Service<ObjectStore>().ListAsync("", Cancellation)) keys.Add(found.Key);
        return keys;
    }

    /// <summary>Has the store lose the parts of an upload.</summary>
    private protected async Task LosePartsAsync(ObjectStore store, string location)
    {
        var key = ObjectUploadStore.KeyOf(IdOf(location));
        if (!shared.NamesUploads) await store.AbortAsync(key, "", Cancellation);
        await foreach (var open in store.ListOpenAsync(Cancellation)) await store.AbortAsync(open.Key, open.UploadId, Cancellation);
    }

    private protected static string IdOf(string location) => location.Split('/')[^1];

    private protected static async Task MustTakeAsync(Repository repository, string location, Content blob, int first, int end) =>
        Assert.Equal(
            $"0-{end - 1}",
            (await repository.PatchAsync(location, blob.Bytes[first..end], ("Content-Range", $"{first}-{end - 1}"))).MustBe(
                HttpStatusCode.Accepted)["Range"]);

    private protected static async Task MustCloseAsync(Repository repository, string location, Content blob) =>
        (await repository.PutAsync($"{location}?digest={blob.Digest}", [])).MustBe(HttpStatusCode.Created);

    private protected static async Task MustHoldAsync(Repository repository, Content blob) =>
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK).Body);

    private protected static async Task MustStandAtAsync(Repository repository, string location, int received) =>
        Assert.Equal($"0-{Math.Max(0, received - 1)}", (await repository.GetAsync(location)).MustBe(HttpStatusCode.NoContent)["Range"]);

    /// <summary>Holds that readiness is so, and if it is not, for the object store's sake.</summary>
    private protected static async Task MustBeReadyAsync(Repository repository, bool expected)
    {
        using var ready = await repository.Host.Client.GetAsync(new Uri("/healthz/ready", UriKind.Relative), Cancellation);
        var body = await ready.Content.ReadAsStringAsync(Cancellation);
        Assert.True((ready.StatusCode == HttpStatusCode.OK) == expected, body);
        if (!expected) Assert.Contains("objectStore", body, StringComparison.Ordinal);
    }
}
