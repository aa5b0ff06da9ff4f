using System.Net;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.RegistryCore.Tests.Storage.Objects;
using AuthIndex.RegistryCore.Upstreams.Filling;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>Several processes of one registry share the downloads of blobs.</summary>
public sealed class UpstreamReplicaTests(SharedPostgres postgres, SharedObjectStore store)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_registries_share_one_download_and_take_over_from_one_that_died()
    {
        await using var upstream = await StubUpstream.StartAsync();
        var (connection, bucket) = (await postgres.CreateDatabaseAsync(), await store.CreateBucketAsync());
        var (one, _) = await SharedReplica.StartAsync(connection, bucket, o => o.Upstreams = [upstream.Options()]);
        await using var first = one;
        var (other, _) = await SharedReplica.StartAsync(connection, bucket, o => o.Upstreams = [upstream.Options()]);
        await using var second = other;

        var blob = Content.Random(2_000_000);
        upstream.Put("acme/app", blob);
        upstream.Put("acme/other", blob);
        var go = new TaskCompletionSource();
        upstream.Instead = async http =>
        {
            if (HttpMethods.IsGet(http.Request.Method)) await go.Task;
            return false;
        };
        var tail = $"blobs/{blob.Digest}";
        var here = new Repository(first, "hub/acme/app").GetAsync(tail);
        await Eventually.TrueAsync(() => upstream.Count("GET", tail) == 1, Patience, () => "the download does not begin");
        var there = new Repository(second, "hub/acme/app").GetAsync(tail);
        await Eventually.TrueAsync(() => second.Service<BlobFills>().Count == 1, Patience, () => "the other registry does not wait");
        var joined = new Repository(second, "hub/acme/other").GetAsync(tail);
        await Eventually.TrueAsync(() => upstream.Count("HEAD", tail) == 1, Patience, () => "the other repository is not asked about");
        go.SetResult();
        foreach (var answer in await Task.WhenAll(here, there, joined)) Assert.Equal(blob.Bytes, answer.MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(1, upstream.Count("GET", tail));

        var orphan = Content.Random(2_000);
        upstream.Put("acme/app", orphan);
        await ExecuteAsync(
            $"INSERT INTO leases VALUES ('download hub {orphan.Digest}', 'dead', clock_timestamp() + interval '1 second'), "
                + "('download hub long ago', 'dead', clock_timestamp() - interval '1 day')");
        Assert.Equal(orphan.Bytes, (await new Repository(first, "hub/acme/app").GetAsync($"blobs/{orphan.Digest}")).MustBe(HttpStatusCode.OK).Body);
        await Eventually.TrueAsync(
            async () => (long)(await ExecuteAsync("SELECT count(*) FROM leases WHERE job LIKE 'download%'") ?? -1L) == 0,
            Patience,
            () => "leases are left");

        Task<object?> ExecuteAsync(string sql) => UpstreamReplicaTests.ExecuteAsync(connection, sql);
    }

    [Fact]
    public async Task Downloads_that_another_registry_makes_take_no_turns_from_others()
    {
        await using var upstream = await StubUpstream.StartAsync();
        var connection = await postgres.CreateDatabaseAsync();
        var (host, _) = await SharedReplica.StartAsync(
            connection, await store.CreateBucketAsync(), o => o.Upstreams = [upstream.Options()]);
        await using var registry = host;
        var blobs = Enumerable.Range(0, 40).Select(_ => Content.Random(100)).ToList();
        foreach (var blob in blobs) upstream.Put("acme/app", blob);
        await ExecuteAsync(connection, "INSERT INTO leases VALUES "
            + string.Join(", ", blobs.Skip(1).Select(b => $"('download hub {b.Digest}', 'other', clock_timestamp() + interval '1 day')")));
        var app = new Repository(registry, "hub/acme/app");
        var waiting = blobs.Skip(1).Select(b => app.GetAsync($"blobs/{b.Digest}")).ToList();
        await Eventually.TrueAsync(
            () => registry.Service<BlobFills>().Count == waiting.Count, Patience, () => "the downloads do not begin");
        (await app.GetAsync($"blobs/{blobs[0].Digest}")).MustBe(HttpStatusCode.OK);
        Assert.DoesNotContain(waiting, w => w.IsCompleted);
        await ExecuteAsync(connection, "DELETE FROM leases WHERE holder = 'other'");
        foreach (var answer in await Task.WhenAll(waiting)) answer.MustBe(HttpStatusCode.OK);
    }

    private static async Task<object?> ExecuteAsync(string connection, string sql)
    {
        await using var db = new NpgsqlConnection(connection);
        await db.OpenAsync(Cancellation);
        await using var command = new NpgsqlCommand(sql, db);
        return await command.ExecuteScalarAsync(Cancellation);
    }
}
