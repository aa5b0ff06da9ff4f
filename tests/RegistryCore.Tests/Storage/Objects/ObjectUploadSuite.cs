using System.Net;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Postgres.Uploads;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>Uploads through several registries on one database and one object store.</summary>
public abstract class ObjectUploadSuite(SharedPostgres postgres, SharedObjectStore shared) : ReplicaTests(postgres, shared)
{
    [Theory]
    [InlineData("")]
    [InlineData("?digest-algorithm=sha512")]
    public async Task Any_registry_goes_on_with_an_upload_and_answers_its_closing_request_again(string algorithm)
    {
        var (a, b) = await StartTwoAsync();
        var blob = Content.Random(3 * PartSize + 1234);
        var digest = algorithm.Length == 0 ? blob.Digest : blob.Digest512;
        var location = (await a.PostAsync("blobs/uploads/" + algorithm)).MustBe(HttpStatusCode.Accepted)["Location"];
        await MustTakeAsync(b, location, blob, 0, PartSize + 100);
        Assert.Equal($"0-{PartSize + 99}", (await a.GetAsync(location)).MustBe(HttpStatusCode.NoContent)["Range"]);
        await MustTakeAsync(a, location, blob, PartSize + 100, 2 * PartSize - 7);
        await MustTakeAsync(a, location, blob, 2 * PartSize - 7, 2 * PartSize);
        await MustTakeAsync(b, location, blob, 2 * PartSize, 2 * PartSize + 1);

        var put = $"{location}?digest={digest}";
        (await b.PutAsync(put, blob.Bytes[(2 * PartSize + 1)..])).MustBe(HttpStatusCode.Created);
        (await a.PutAsync(put, [])).MustBe(HttpStatusCode.Created);
        (await a.As("bob").PutAsync(put, [])).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        Assert.Equal(blob.Bytes, (await a.GetAsync($"blobs/{digest}")).MustBe(HttpStatusCode.OK).Body);

        Assert.Single(await ObjectsAsync()); // of what was written on the way nothing stays but the blob
        (await b.PostAsync($"blobs/uploads/?digest={digest}", blob.Bytes)).MustBe(HttpStatusCode.Created);
        Assert.Single(await ObjectsAsync()); // nor of the same blob pushed again
    }

    [Fact]
    public async Task A_small_blob_is_written_once_and_without_parts()
    {
        var a = await StartAsync(await BehindRelayAsync());
        var written = new List<string>();
        Relay.Fault = (method, path, _) =>
        {
            if (method is "PUT" or "POST") lock (written) written.Add($"{method} {path}");
            return StoreFault.None;
        };
        var blob = Content.Random(100_000);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, 100_000);
        (await a.PutAsync($"{location}?digest={blob.Digest}", [])).MustBe(HttpStatusCode.Created);
        Assert.Single(written);
        Assert.Equal(blob.Bytes, (await a.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK).Body);
    }

    [Fact]
    public async Task After_a_registry_died_with_an_upload_another_goes_on_with_it_from_what_was_written()
    {
        var (a, b) = await StartTwoAsync();
        var blob = Content.Random(2 * PartSize);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, PartSize + 1000);
        Assert.NotNull(await Registries[0].State.Uploads.TryTakeAsync(IdOf(location), "dead"));
        await ChangeAsync("UPDATE uploads SET held_until = held_until - interval '4 s'"); // it did so a while ago
        await MustTakeAsync(b, location, blob, PartSize + 1000, 2 * PartSize);
        await MustCloseAsync(b, location, blob);
        await MustHoldAsync(a, blob);
    }

    [Fact]
    public async Task A_newer_request_at_another_registry_takes_over_from_one_whose_client_has_fallen_silent()
    {
        var (a, b) = await StartTwoAsync();
        var blob = Content.Random(2000);
        var location = await a.StartUploadAsync();
        using var silent = await a.BeginPatchAsync(location, length: 1500);
        await silent.WriteAsync(blob.Bytes[..700]);
        (await b.PatchAsync(location, blob.Bytes)).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");

        Registries[0].Host.Clock.Advance(TimeSpan.FromSeconds(3));
        await Eventually.TrueAsync(
            async () => (await b.GetAsync(location))["Range"] == "0-699", Patience, () => "what has come is not there");
        await MustTakeAsync(b, location, blob, 700, 2000);
        await silent.WriteAsync(blob.Bytes[700..1500]);
        (await silent.ReadAnswerAsync()).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(b, blob);
    }

    [Fact]
    public async Task A_client_that_was_silent_for_a_while_goes_on()
    {
        var (a, _) = await StartTwoAsync();
        var blob = Content.Random(2000);
        var location = await a.StartUploadAsync();
        using var silent = await a.BeginPatchAsync(location, length: 2000);
        await silent.WriteAsync(blob.Bytes[..700]);
        await Eventually.TrueAsync(
            async () =>
            {
                Registries[0].Host.Clock.Advance(TimeSpan.FromSeconds(1));
                return (await a.GetAsync(location))["Range"] == "0-699";
            },
            Patience,
            () => "what has come is not there");
        await silent.WriteAsync(blob.Bytes[700..]);
        (await silent.ReadAnswerAsync()).MustBe(HttpStatusCode.Accepted);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
    }

    [Fact]
    public async Task Each_pause_of_a_client_that_lets_bytes_drip_must_be_twice_as_long_until_what_came_is_written_again()
    {
        var (a, _) = await StartTwoAsync();
        var clock = Registries[0].Host.Clock;
        var blob = Content.Random(40);
        var location = await a.StartUploadAsync();
        using var dripping = await a.BeginPatchAsync(location, length: 40);
        var received = 0;
        foreach (var least in (int[])[3, 6, 12])
        {
            await dripping.WriteAsync(blob.Bytes[received..(received + 10)]);
            await Eventually.TrueAsync(async () => await HeldUntilAsync() is not null, Patience, () => "the session is not taken again");
            received += 10;
            var since = clock.GetUtcNow();
            for (var before = await HeldUntilAsync(); before is not null; before = await HeldUntilAsync())
            {
                // With each step the lease is renewed, or the session left: so nothing that was due before is still to come.
                clock.Advance(TimeSpan.FromSeconds(1.5));
                await Eventually.TrueAsync(async () => await HeldUntilAsync() != before, Patience, () => "neither renewed nor left");
            }

            Assert.True(clock.GetUtcNow() - since >= TimeSpan.FromSeconds(least), $"left after {clock.GetUtcNow() - since}, not {least} s");
            await MustStandAtAsync(a, location, received);
        }

        await dripping.WriteAsync(blob.Bytes[received..]);
        (await dripping.ReadAnswerAsync()).MustBe(HttpStatusCode.Accepted);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);

        async Task<DateTime?> HeldUntilAsync() => (await Registries[0].State.Uploads.FindAsync(IdOf(location)))?.HeldUntil;
    }

    [Fact]
    public async Task After_a_client_hung_up_its_upload_goes_on_elsewhere_with_all_that_came()
    {
        var (a, b) = await StartTwoAsync();
        var blob = Content.Random(PartSize + 500_000);
        var location = await a.StartUploadAsync();
        using (var lost = await a.BeginPatchAsync(location, blob.Bytes.Length))
        {
            await lost.WriteAsync(blob.Bytes[..(PartSize + 100)]);
            await Eventually.TrueAsync(
                async () => (await b.GetAsync(location))["Range"] == $"0-{PartSize - 1}", Patience, () => "no part");
            lost.HangUp();
        }

        await Eventually.TrueAsync(
            async () => (await b.PatchAsync(location, [])).Status == HttpStatusCode.Accepted,
            Patience,
            () => "the session is still held");
        var offset = int.Parse((await b.GetAsync(location))["Range"]["0-".Length..]) + 1;
        Assert.InRange(offset, PartSize, PartSize + 100);
        await MustTakeAsync(b, location, blob, offset, blob.Bytes.Length);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
    }

    [Fact]
    public async Task A_slow_monolithic_upload_makes_room_for_others_that_wait_and_is_stored_all_the_same()
    {
        var bucket = await BucketAsync();
        bucket.UploadMemory = new(PartSize);
        var a = await StartAsync(bucket);
        var (blob, other) = (Content.Random(PartSize + 2000), Content.Random(1000));
        using var slow = await a.BeginAsync(HttpMethod.Post, a.PathOf($"blobs/uploads/?digest={blob.Digest}"), blob.Bytes.Length);
        await slow.WriteAsync(blob.Bytes[..1000]);
        var buffers = a.Host.Service<PartBuffers>();
        await Eventually.TrueAsync(
            () =>
            {
                a.Host.Clock.Advance(TimeSpan.FromSeconds(1));
                if (buffers.TryRent("nobody") is not { } part) return true;
                part.Dispose();
                return false;
            },
            Patience,
            () => "nothing was taken in");
        var waiting = a.As("bob").PushBlobAsync(other);
        await Eventually.TrueAsync(
            () =>
            {
                a.Host.Clock.Advance(TimeSpan.FromSeconds(1));
                return waiting.IsCompleted;
            },
            Patience,
            () => "no room was made");
        await waiting;
        await slow.WriteAsync(blob.Bytes[1000..]);
        (await slow.ReadAnswerAsync()).MustBe(HttpStatusCode.Created);
        await MustHoldAsync(a, blob);
        await MustHoldAsync(a, other);
        Assert.Equal(2, (await ObjectsAsync()).Count);
    }

    [Fact]
    public async Task The_uploads_of_an_account_are_counted_over_all_registries()
    {
        var (a, b) = await StartTwoAsync(o => o.Limits.UploadSessions = 2);
        var first = await a.StartUploadAsync();
        await b.StartUploadAsync();
        foreach (var repository in (Repository[])[a, b])
        {
            (await repository.PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        }

        (await b.DeleteAsync(first)).MustBe(HttpStatusCode.NoContent);
        await a.StartUploadAsync();
        Registries[1].Host.Clock.Advance(TimeSpan.FromHours(2)); // one that lay untouched gives way
        await b.As("alice").StartUploadAsync();
    }

    [Fact]
    public async Task Abandoned_uploads_are_swept_with_all_they_left_and_blobs_stay()
    {
        var (a, _) = await StartTwoAsync();
        var (blob, small, left) = (Content.Random(PartSize + 1), Content.Random(1000), Content.Random(PartSize + 1000));
        foreach (var kept in (Content[])[blob, small])
        {
            var closed = await a.StartUploadAsync();
            await MustTakeAsync(a, closed, kept, 0, kept.Bytes.Length);
            await MustCloseAsync(a, closed, kept);
        }

        await MustTakeAsync(a, await a.StartUploadAsync(), left, 0, left.Bytes.Length);
        var objects = Registries[1].Host.Service<ObjectStore>();
        await objects.BeginAsync($"data/aa/{new string('a', 32)}", Cancellation); // of a process that died right then
        var others = $"others/{new string('b', 32)}";
        await objects.BeginAsync(others, Cancellation);

        var uploads = Registries[1].Host.Service<IUploadStore>();
        Assert.Equal(0, await uploads.SweepAsync(TimeSpan.FromDays(1), Cancellation));
        Registries[1].Host.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(Shared.NamesUploads ? 2 : 1, await uploads.SweepAsync(TimeSpan.FromDays(1), Cancellation));
        Assert.Equal(2, (await ObjectsAsync()).Count);
        Assert.Equal(Shared.NamesUploads ? [others] : [], (await objects.ListOpenAsync(Cancellation).ToListAsync(Cancellation)).Select(o => o.Key));
        await MustHoldAsync(a, blob);
        await MustHoldAsync(a, small);
    }

    [Fact]
    public async Task A_closing_request_waits_for_the_one_before_it_whose_client_has_sent_all()
    {
        var bucket = await BehindRelayAsync();
        var (a, b) = (await StartAsync(bucket), await StartAsync(bucket));
        var blob = Content.Random(1000);
        var location = await a.StartUploadAsync();
        var first = await HoldClosingAsync(a, location, blob);
        var row = await RowAsync(r => r.IsLeaving);
        var second = b.PutAsync($"{location}?digest={blob.Digest}", []);
        await RowAsync(r => r.HeldUntil > row.HeldUntil); // the first is still at it
        Assert.False(second.IsCompleted);
        Relay.Release();
        (await first).MustBe(HttpStatusCode.Created);
        (await second).MustBe(HttpStatusCode.Created);

        async Task<UploadRow> RowAsync(Func<UploadRow, bool> condition)
        {
            UploadRow? found = null;
            await Eventually.TrueAsync(
                async () => condition((found = await Registries[1].State.Uploads.FindAsync(IdOf(location)))!), Patience, () => $"{found}");
            return found!;
        }
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Who_loses_the_session_at_its_very_end_is_answered_as_if_the_other_had_come_first(bool otherCloses)
    {
        var bucket = await BehindRelayAsync();
        var (a, b) = (await StartAsync(bucket), await StartAsync(bucket));
        var blob = Content.Random(1000);
        var location = await a.StartUploadAsync();
        var first = await HoldClosingAsync(a, location, blob);
        await ChangeAsync("UPDATE uploads SET holder = 'nobody', held_until = clock_timestamp()"); // as if the process had hung
        if (otherCloses) (await b.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes)).MustBe(HttpStatusCode.Created);
        else await MustTakeAsync(b, location, blob, 0, 500);
        Relay.Release();
        if (otherCloses)
        {
            (await first).MustBe(HttpStatusCode.Created);
        }
        else
        {
            (await first).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");
            await MustTakeAsync(a, location, blob, 500, 1000);
            await MustCloseAsync(a, location, blob);
        }

        await MustHoldAsync(b, blob);
    }

    [Fact]
    public async Task Of_what_a_slow_request_or_small_chunks_have_rewritten_nothing_piles_up()
    {
        var (a, _) = await StartTwoAsync();
        var blob = Content.Random(2000);
        var location = await a.StartUploadAsync();
        foreach (var end in (int[])[100, 200, 300])
        {
            await MustTakeAsync(a, location, blob, end - 100, end);
            Assert.Single(await ObjectsAsync());
        }

        using var slow = await a.BeginPatchAsync(location, length: 1700);
        for (var sent = 300; sent < 1500; sent += 400)
        {
            await slow.WriteAsync(blob.Bytes[sent..(sent + 400)]);
            await Eventually.TrueAsync(
                async () =>
                {
                    Registries[0].Host.Clock.Advance(TimeSpan.FromSeconds(1));
                    return (await a.GetAsync(location))["Range"] == $"0-{sent + 399}";
                },
                Patience,
                () => "what has come is not there");
        }

        Assert.InRange((await ObjectsAsync()).Count, 1, 2); // with what there was when the request began
        await slow.WriteAsync(blob.Bytes[1500..]);
        (await slow.ReadAnswerAsync()).MustBe(HttpStatusCode.Accepted);
        Assert.Single(await ObjectsAsync());
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
    }

    [Fact]
    public async Task Old_objects_that_no_row_names_go_by_command_and_neither_uploads_nor_blobs_nor_what_others_keep_there()
    {
        var (a, _) = await StartTwoAsync();
        var (image, upload) = (await a.PushImageAsync("v1"), await a.StartUploadAsync());
        (await a.PatchAsync(upload, [1, 2, 3])).MustBe(HttpStatusCode.Accepted);
        var kept = await ObjectsAsync();
        var (store, collector) = (Registries[1].Host.Service<ObjectStore>(), Registries[1].Host.Service<GarbageCollector>());
        var id = new string('a', 32);
        string[] left = [$"data/aa/{id}", $"data/aa/{id}-{new string('b', 16)}-7", "probe-0123456789abcdef"];
        string[] others = ["data/bb/notes.txt", "probe-0123456789abcdef.txt", "probe-results/0123456"];
        foreach (var key in (string[])[.. left, .. others]) await store.PutAsync(key, new byte[] { 1, 2 }, Cancellation);

        Assert.Equal(0, (await CollectAsync()).Leftovers); // they may be some registry's that is about to name them
        Registries[1].Host.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(0, (await collector.RunAsync(isDryRun: false, Cancellation)).Leftovers);
        Assert.Equal((3, 6L), Sum(await CollectAsync(isDryRun: true)));
        Assert.Equal(kept.Count + 6, (await ObjectsAsync()).Count);
        Assert.Equal((3, 6L), Sum(await CollectAsync()));
        Assert.Equal([.. kept.Concat(others).Order(StringComparer.Ordinal)], await ObjectsAsync());
        Assert.Equal((0, 0L), Sum(await CollectAsync()));
        (await a.GetAsync($"manifests/{image.Digest}")).MustBe(HttpStatusCode.OK);

        Task<CollectionReport> CollectAsync(bool isDryRun = false) => collector.RunAsync(isDryRun, Cancellation, withUnexplained: true);
        static (int, long) Sum(CollectionReport report) => (report.Leftovers, report.LeftoverBytes);
    }

    [Fact]
    public async Task A_large_blob_is_answered_with_a_redirect_to_GET_and_never_to_HEAD()
    {
        var bucket = await BucketAsync();
        bucket.Redirect = new RedirectOptions { Above = new(10_000) };
        var a = await StartAsync(bucket);
        var (large, small) = (Content.Random(10_000), Content.Random(9_999));
        await a.PushBlobAsync(large);
        await a.PushBlobAsync(small);
        await MustHoldAsync(a, small);
        Assert.Equal("10000", (await a.HeadAsync($"blobs/{large.Digest}")).MustBe(HttpStatusCode.OK)["Content-Length"]);

        var redirect = (await a.GetAsync($"blobs/{large.Digest}")).MustBe(HttpStatusCode.TemporaryRedirect);
        using var http = new HttpClient();
        Assert.Equal(large.Bytes, await http.GetByteArrayAsync(new Uri(redirect["Location"]), Cancellation));
        (await a.As("bob", "push").GetAsync($"blobs/{large.Digest}")).MustBe(HttpStatusCode.Unauthorized);

        bucket.Redirect.Except.Add(IPNetwork.Parse("127.0.0.0/8"));
        await MustHoldAsync(a, large);
    }

    [Fact]
    public async Task An_object_store_beside_SQLite_is_refused_with_the_reason()
    {
        var bucket = await BucketAsync();
        var error = await Assert.ThrowsAsync<OperatorException>(() => RegistryHost.StartAsync(o => SharedReplica.Use(o, bucket)));
        Assert.Contains("needs a PostgreSQL database", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_refuses_stops_the_start()
    {
        var bucket = await BucketAsync();
        var reason = Shared.Misname(bucket);
        var error = await Assert.ThrowsAsync<OperatorException>(() => StartAsync(bucket));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("images.example.com", "images.example.com", true)]
    [InlineData("example.com", "s3.Example.com", true)]
    [InlineData("images.example.com", "s3.example.com", false)]
    [InlineData("example.com", "myexample.com", false)]
    [InlineData(null, "s3.example.com", false)]
    [InlineData("example.com", null, false)]
    public void Clients_send_their_token_along_to_hosts_under_the_registrys(string? registry, string? store, bool expected) =>
        Assert.Equal(expected, new RedirectHosts(registry, store).LeakTokens);

    /// <summary>A closing request with a whole small blob, which has the session until the relay releases it.</summary>
    private async Task<Task<Answer>> HoldClosingAsync(Repository repository, string location, Content blob)
    {
        var isHeld = 0;
        Relay.Fault = (method, path, _) =>
            method == "PUT" && path.Contains(IdOf(location), StringComparison.Ordinal) && Interlocked.Exchange(ref isHeld, 1) == 0
                ? StoreFault.Held
                : StoreFault.None;
        var closing = repository.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes);
        await Eventually.TrueAsync(() => Volatile.Read(ref isHeld) == 1, Patience, () => "nothing was written");
        return closing;
    }
}
