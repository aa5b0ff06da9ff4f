using System.Net;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.RegistryCore.Tests.Storage.Objects;
using AuthIndex.RegistryCore.Upstreams.Filling;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;
using Npgsql;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>Several processes of one registry share the downloads of blobs.</summary>
public sealed class UpstreamReplicaTests(SharedPostgres postgres, SharedS3 store)
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

    [Fact]
    public async Task A_registry_that_waits_for_anothers_download_soon_streams_its_own_and_leaves_the_storing_to_the_other()
    {
        await using var upstream = await StubUpstream.StartAsync();
        var (connection, bucket) = (await postgres.CreateDatabaseAsync(), await store.CreateBucketAsync());
        var (one, _) = await SharedReplica.StartAsync(connection, bucket, o => o.Upstreams = [upstream.Options()]);
        await using var first = one;
        var (other, _) = await SharedReplica.StartAsync(connection, bucket, o => o.Upstreams = [upstream.Options()]);
        await using var second = other;
        var blob = Content.Random(2_000_000);
        upstream.Put("acme/app", blob);
        var tail = $"blobs/{blob.Digest}";
        var (slow, quick) = (new TaskCompletionSource(), new TaskCompletionSource());
        SendHalves(upstream, blob, slow.Task, quick.Task);

        var here = new Repository(first, "hub/acme/app").GetAsync(tail);
        await Eventually.TrueAsync(() => upstream.Count("GET", tail) == 1, Patience, () => "the download does not begin");
        var app = new Repository(second, "hub/acme/app");
        var beginning = Enumerable.Range(0, 3).Select(_ => BeginAsync(app, tail)).ToList();
        await Eventually.TrueAsync(() => second.Service<BlobFills>().Count == 1, Patience, () => "the other registry does not wait");
        Assert.Equal(1, upstream.Count("GET", tail));
        second.Clock.Advance(BlobFills.PatienceWithOthers);
        var clients = await Task.WhenAll(beginning);
        foreach (var client in clients) await client.ReadExactlyAsync(new byte[900_000], Cancellation); // neither is at its end
        Assert.Equal(2, upstream.Count("GET", tail));
        quick.SetResult();
        foreach (var client in clients)
        {
            var rest = new byte[1_100_000];
            await client.ReadExactlyAsync(rest, Cancellation);
            Assert.Equal(blob.Bytes[900_000..], rest);
            Assert.Equal(0, await client.ReadAsync(new byte[1], Cancellation));
        }

        Assert.Equal(blob.Bytes, (await app.GetAsync(tail)).MustBe(HttpStatusCode.OK).Body); // of a client that comes later
        Assert.Empty(await SharedReplica.ObjectsHoldingAsync(second, blob));
        slow.SetResult();
        Assert.Equal(blob.Bytes, (await here).MustBe(HttpStatusCode.OK).Body);
        await Eventually.TrueAsync(() => second.Service<BlobFills>().Count == 0, Patience, () => "the download does not end");
        Assert.Single(await SharedReplica.ObjectsHoldingAsync(second, blob)); // also none that waits for its deletion
        Assert.Equal(blob.Bytes, (await app.GetAsync(tail)).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(2, upstream.Count("GET", tail));
        Assert.Empty(Directory.GetFiles(Path.Combine(second.Root, "downloads")));
    }

    [Fact]
    public async Task What_another_registry_gives_up_is_stored_by_the_one_that_has_it_and_wrong_bytes_end_nobodys_pull()
    {
        await using var upstream = await StubUpstream.StartAsync();
        var connection = await postgres.CreateDatabaseAsync();
        var (host, _) = await SharedReplica.StartAsync(
            connection, await store.CreateBucketAsync(), o => o.Upstreams = [upstream.Options()]);
        await using var registry = host;
        var app = new Repository(registry, "hub/acme/app");
        var (blob, wrong) = (Content.Random(2_000_000), Content.Random(2_000_000));
        upstream.Put("acme/app", blob);
        await ExecuteAsync(connection, "INSERT INTO leases VALUES "
            + string.Join(", ", new[] { blob, wrong }.Select(b => $"('download hub {b.Digest}', 'other', clock_timestamp() + interval '1 day')")));

        var go = new TaskCompletionSource();
        SendHalves(upstream, new Content([.. wrong.Bytes[..^1], (byte)~wrong.Bytes[^1]]), go.Task);
        var begun = BeginAsync(app, $"blobs/{wrong.Digest}");
        await Eventually.TrueAsync(() => registry.Service<BlobFills>().Count == 1, Patience, () => "it does not wait");
        registry.Clock.Advance(BlobFills.PatienceWithOthers);
        var misled = await begun;
        go.SetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => misled.ReadExactlyAsync(new byte[2_000_000], Cancellation).AsTask());
        await Eventually.TrueAsync(() => registry.Service<BlobFills>().Count == 0, Patience, () => "the wrong bytes are kept");

        upstream.Instead = _ => Task.FromResult(false);
        var honest = app.GetAsync($"blobs/{blob.Digest}");
        await Eventually.TrueAsync(() => registry.Service<BlobFills>().Count == 1, Patience, () => "it does not wait");
        registry.Clock.Advance(BlobFills.PatienceWithOthers);
        Assert.Equal(blob.Bytes, (await honest).MustBe(HttpStatusCode.OK).Body);
        Assert.Empty(await SharedReplica.ObjectsHoldingAsync(registry, blob));
        await ExecuteAsync(connection, "DELETE FROM leases WHERE holder = 'other'");
        await Eventually.TrueAsync(() => registry.Service<BlobFills>().Count == 0, Patience, () => "nobody stores it");
        Assert.Single(await SharedReplica.ObjectsHoldingAsync(registry, blob));
        Assert.Equal(1, upstream.Count("GET", $"blobs/{blob.Digest}"));
    }

    [Fact]
    public async Task Who_needs_the_whole_blob_does_not_wait_for_anothers_download_and_few_files_do()
    {
        const int most = 8;
        await using var upstream = await StubUpstream.StartAsync();
        var connection = await postgres.CreateDatabaseAsync();
        var (host, _) = await SharedReplica.StartAsync(
            connection, await store.CreateBucketAsync(), o => o.Upstreams = [upstream.Options()]);
        await using var registry = host;
        var app = new Repository(registry, "hub/acme/app");
        var blobs = Enumerable.Range(0, most + 2).Select(_ => Content.Random(1000)).ToList();
        foreach (var blob in blobs) upstream.Put("acme/app", blob);
        await ExecuteAsync(connection, "INSERT INTO leases VALUES "
            + string.Join(", ", blobs.Select(b => $"('download hub {b.Digest}', 'other', clock_timestamp() + interval '1 day')")));

        var ranges = app.GetAsync($"blobs/{blobs[0].Digest}", ("Range", "bytes=0-9,20-29"));
        await Eventually.TrueAsync(() => registry.Service<BlobFills>().Count == 1, Patience, () => "it does not wait");
        registry.Clock.Advance(BlobFills.PatienceWithOthers);
        (await ranges).MustBe(HttpStatusCode.PartialContent);
        Assert.Single(await SharedReplica.ObjectsHoldingAsync(registry, blobs[0]));

        var whole = blobs.Skip(1).Select(b => app.GetAsync($"blobs/{b.Digest}")).ToList();
        await Eventually.TrueAsync(
            () => registry.Service<BlobFills>().Count == whole.Count, Patience, () => $"{registry.Service<BlobFills>().Count} wait");
        registry.Clock.Advance(BlobFills.PatienceWithOthers);
        foreach (var answer in await Task.WhenAll(whole)) answer.MustBe(HttpStatusCode.OK);
        await Eventually.TrueAsync(
            () => registry.Service<BlobFills>().Count == most, Patience, () => $"{registry.Service<BlobFills>().Count} files wait");
    }

    /// <summary>Sends the first half at once and the other when the task of the request has ended, that of the last for all further.</summary>
    private static void SendHalves(StubUpstream upstream, Content blob, params Task[] between)
    {
        var asked = 0;
        upstream.Instead = async http =>
        {
            if (HttpMethods.IsHead(http.Request.Method)) return false;
            var turn = Math.Min(Interlocked.Increment(ref asked), between.Length) - 1;
            http.Response.ContentLength = blob.Size;
            await http.Response.Body.WriteAsync(blob.Bytes.AsMemory(0, (int)blob.Size / 2));
            await http.Response.Body.FlushAsync();
            await between[turn];
            await http.Response.Body.WriteAsync(blob.Bytes.AsMemory((int)blob.Size / 2));
            return true;
        };
    }

    private static async Task<Stream> BeginAsync(Repository repository, string tail)
    {
        var response = await repository.Client.GetAsync(repository.PathOf(tail), HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStreamAsync(Cancellation);
    }

    private static async Task<object?> ExecuteAsync(string connection, string sql)
    {
        await using var db = new NpgsqlConnection(connection);
        await db.OpenAsync(Cancellation);
        await using var command = new NpgsqlCommand(sql, db);
        return await command.ExecuteScalarAsync(Cancellation);
    }
}
