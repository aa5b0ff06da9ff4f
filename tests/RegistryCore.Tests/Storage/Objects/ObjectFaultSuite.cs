using System.Net;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>Registries whose object store fails, wholly or in one object.</summary>
public abstract class ObjectFaultSuite(SharedPostgres postgres, SharedObjectStore shared) : ReplicaTests(postgres, shared)
{
    [Theory]
    [InlineData(StoreFault.InternalError)]
    [InlineData(StoreFault.SlowDown)]
    [InlineData(StoreFault.Cut)]
    public async Task While_the_store_fails_clients_are_told_to_come_again_and_nothing_acknowledged_is_lost(StoreFault fault)
    {
        var a = await StartAsync(await BehindRelayAsync());
        var (blob, kept) = (Content.Random(PartSize + 1000), Content.Random(1000));
        await a.PushBlobAsync(kept);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, 1000);

        Relay.Fault = (_, _, _) => fault;
        Answer[] answers = [
            await a.PatchAsync(location, blob.Bytes[1000..]),
            await a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes[1000..]),
            await a.GetAsync($"blobs/{kept.Digest}"),
            await a.PostAsync($"blobs/uploads/?digest={blob.Digest}", blob.Bytes)];
        Assert.All(answers, answer => Assert.NotEqual("", answer.MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE")["Retry-After"]));
        await MustStandAtAsync(a, location, 1000);
        (await a.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
        await MustBeReadyAsync(a, false);

        Relay.Fault = (_, _, _) => StoreFault.None;
        await MustTakeAsync(a, location, blob, 1000, blob.Bytes.Length);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
        await MustHoldAsync(a, kept);
    }

    [Theory]
    [InlineData(StoreFault.LostAnswer)]
    [InlineData(StoreFault.HalfAnswer)]
    [InlineData(StoreFault.InternalError)]
    public async Task A_fault_at_any_one_request_to_the_store_harms_no_push(StoreFault fault)
    {
        var a = await StartAsync(await BehindRelayAsync());
        for (var at = 0; at < 8; at++)
        {
            var blob = Content.Random(PartSize + 1000);
            var first = Relay.Requests + at;
            Relay.Fault = (_, _, before) => before == first ? fault : StoreFault.None;
            var location = await a.StartUploadAsync();
            await MustTakeAsync(a, location, blob, 0, blob.Bytes.Length);
            await MustCloseAsync(a, location, blob);
            await MustHoldAsync(a, blob);
        }
    }

    [Theory]
    [InlineData(1000)]
    [InlineData(PartSize + 1000)]
    public async Task A_closing_request_with_the_whole_blob_is_taken_again_after_it_could_not_be_stored(int size)
    {
        var a = await StartAsync(await BehindRelayAsync());
        var blob = Content.Random(size);
        var location = await a.StartUploadAsync();
        Relay.Fault = (method, path, _) => Shared.Completes(method, path) ? StoreFault.InternalError : StoreFault.None;
        var first = await a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes);
        Assert.Equal(size > PartSize ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.Created, first.Status);
        Relay.Fault = (_, _, _) => StoreFault.None;
        (await a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes)).MustBe(HttpStatusCode.Created);
        await MustHoldAsync(a, blob);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_session_whose_request_failed_half_way_stands_where_the_request_began(bool isClosing)
    {
        var a = await StartAsync(await BehindRelayAsync());
        var blob = Content.Random((2 * PartSize) + 1000);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, 1000);
        Relay.Fault = (_, path, _) => Shared.IsPart(path, 2) ? StoreFault.InternalError : StoreFault.None;
        Task<Answer> SendAsync() => isClosing
            ? a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes[1000..])
            : a.PatchAsync(location, blob.Bytes[1000..]);
        (await SendAsync()).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await MustStandAtAsync(a, location, 1000);

        Relay.Fault = (_, _, _) => StoreFault.None;
        (await SendAsync()).MustBe(isClosing ? HttpStatusCode.Created : HttpStatusCode.Accepted);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
    }

    [Theory]
    [InlineData("lost, then a part")]
    [InlineData("lost, then the end")]
    [InlineData("a part is refused")]
    [InlineData("the tail is gone")]
    public async Task An_upload_that_the_store_has_lost_or_refuses_begins_again_and_the_registry_stays_ready(string fault)
    {
        var a = await StartAsync(await BehindRelayAsync());
        var (store, blob) = (a.Host.Service<ObjectStore>(), Content.Random((2 * PartSize) + 1000));
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, PartSize + 1000);
        if (fault.StartsWith("lost", StringComparison.Ordinal))
        {
            await LosePartsAsync(store, location);
        }
        else if (fault == "the tail is gone")
        {
            await store.DeleteAsync(await ObjectsAsync(), Cancellation);
        }
        else
        {
            var isRefused = 0; // once: what is left is removed by a request that may look the same
            Relay.Fault = (method, path, _) => Shared.Completes(method, path) && Interlocked.Exchange(ref isRefused, 1) == 0
                ? StoreFault.InvalidPart
                : StoreFault.None;
        }

        var rest = blob.Bytes[(PartSize + 1000)..];
        var answer = fault == "lost, then a part" && Shared.NamesUploads
            ? await a.PatchAsync(location, rest)
            : await a.PutAsync($"{location}?digest={blob.Digest}", rest);
        answer.MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await a.GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        await MustBeReadyAsync(a, true);

        Relay.Fault = (_, _, _) => StoreFault.None;
        Assert.Empty(await ObjectsAsync());
        location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, blob.Bytes.Length);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_damaged_object_is_that_blobs_failure_alone_and_heals_when_it_is_pushed_again(bool isCut)
    {
        var a = await StartAsync(await BehindRelayAsync());
        var (blob, other) = (Content.Random(100_000), Content.Random(1000));
        await a.PushBlobAsync(blob);
        var key = Assert.Single(await ObjectsAsync());
        await a.PushBlobAsync(other);
        var store = a.Host.Service<ObjectStore>();
        if (isCut) await store.PutAsync(key, blob.Bytes.AsMemory(0, 99_999), Cancellation);
        else await store.DeleteAsync([key], Cancellation);

        (await a.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.InternalServerError, "UNKNOWN");
        await MustBeReadyAsync(a, true);
        await MustHoldAsync(a, other);
        await Eventually.MetricsAsync(a.Host.Client, a.Host.Client.BaseAddress!, "authindex_registry_unreadable_total 1");

        var report = await a.Host.Service<Scrubber>().RunAsync(long.MaxValue, withManifests: false, bytesPerSecond: null, Cancellation);
        Assert.Equal([blob.Digest], report.Damaged);
        (await a.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        await a.PushBlobAsync(blob);
        await MustHoldAsync(a, blob);
    }

    [Theory]
    [InlineData("GET", StoreFault.SlowDown)]
    [InlineData("HEAD", StoreFault.InternalError)]
    public async Task An_object_that_the_store_does_not_give_for_a_while_is_no_damage_and_keeps_no_scrub_from_going_on(
        string request, StoreFault fault)
    {
        var a = await StartAsync(await BehindRelayAsync(), o => o.LogLevel = "warning");
        var (blob, other) = (Content.Random(100_000), Content.Random(1000));
        await a.PushBlobAsync(blob);
        var key = Assert.Single(await ObjectsAsync());
        await a.PushBlobAsync(other);
        Relay.Fault = (method, path, _) => method == request && path.Contains(key, StringComparison.Ordinal) ? fault : StoreFault.None;
        if (request == "GET")
        {
            var answer = await a.GetAsync($"blobs/{blob.Digest}");
            Assert.NotEqual("", answer.MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE")["Retry-After"]);
            await Eventually.MetricsAsync(a.Host.Client, a.Host.Client.BaseAddress!, "authindex_registry_unreadable_total 1");
        }

        var log = a.Host.RecordLog();
        a.Host.Clock.Advance(TimeSpan.FromSeconds(10));
        var now = a.Host.Clock.GetUtcNow().ToUnixTimeSeconds();
        var report = await ScrubAsync(a, long.MaxValue);
        Assert.Equal((2, 0), (report.Blobs, report.Damaged.Count));
        Assert.Equal([blob.Digest], report.Unread);
        Assert.Contains("could not read 1 blobs although the object store answers", log.Text, StringComparison.Ordinal);
        var compared = await a.Host.Service<Verifier>().RunAsync(withDigests: true, Cancellation);
        Assert.Equal([blob.Digest], compared.Unread);
        Assert.False(compared.Agrees);
        await MustHoldAsync(a, other);
        await MustBeReadyAsync(a, true);

        Relay.Fault = (_, _, _) => StoreFault.None;
        report = await ScrubAsync(a, now); // what was not read is still to be checked
        Assert.Equal((1, 0, 0), (report.Blobs, report.Damaged.Count, report.Unread.Count));
        await MustHoldAsync(a, blob);
    }

    [Fact]
    public async Task A_scrub_that_an_outage_ends_keeps_what_it_has_checked_and_a_marked_blob_that_is_sound_is_served_within_the_hour()
    {
        var a = await StartAsync(await BehindRelayAsync());
        var keys = new SortedDictionary<string, string>(StringComparer.Ordinal);
        foreach (var blob in (Content[])[Content.Random(), Content.Random()])
        {
            await a.PushBlobAsync(blob);
            keys[blob.Digest] = (await ObjectsAsync()).Except(keys.Values).Single();
        }

        var (last, isDown) = (keys.Last(), false);
        Relay.Fault = (_, path, _) =>
            (isDown |= path.Contains(last.Value, StringComparison.Ordinal)) ? StoreFault.InternalError : StoreFault.None;
        a.Host.Clock.Advance(TimeSpan.FromSeconds(10));
        var now = a.Host.Clock.GetUtcNow().ToUnixTimeSeconds();
        await Assert.ThrowsAsync<ObjectStoreException>(() => ScrubAsync(a, long.MaxValue));
        Relay.Fault = (_, _, _) => StoreFault.None;
        Assert.Equal(1, (await ScrubAsync(a, now)).Blobs);

        var content = Registries[0].State.Checked;
        await content.MarkAsync((await content.ByKeyAsync("", 10)).Single(b => b.Digest.Value == last.Key));
        (await a.GetAsync($"blobs/{last.Key}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        var report = await ScrubAsync(a, now);
        Assert.Equal((1, 1), (report.Blobs, report.Healed));
        (await a.GetAsync($"blobs/{last.Key}")).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_upload_whose_tail_the_store_does_not_give_for_a_while_goes_on_later()
    {
        var a = await StartAsync(await BehindRelayAsync());
        var blob = Content.Random(2000);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, 1000);
        Relay.Fault = (method, path, _) =>
            method == "GET" && path.Contains(IdOf(location), StringComparison.Ordinal) ? StoreFault.SlowDown : StoreFault.None;
        (await a.PatchAsync(location, blob.Bytes[1000..])).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await MustStandAtAsync(a, location, 1000);
        Relay.Fault = (_, _, _) => StoreFault.None;
        await MustTakeAsync(a, location, blob, 1000, 2000);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_closing_request_with_a_range_or_by_another_algorithm_is_taken_again_after_it_could_not_be_stored(bool hasRange)
    {
        var a = await StartAsync(await BehindRelayAsync());
        var blob = Content.Random(PartSize + 1000);
        var location = await a.StartUploadAsync();
        if (hasRange) await MustTakeAsync(a, location, blob, 0, 1000);
        Relay.Fault = (method, path, _) => Shared.Completes(method, path) ? StoreFault.InternalError : StoreFault.None;
        Task<Answer> CloseAsync() => hasRange
            ? a.PutAsync(
                $"{location}?digest={blob.Digest}", blob.Bytes[1000..], ("Content-Range", $"1000-{blob.Bytes.Length - 1}"))
            : a.PutAsync($"{location}?digest={blob.Digest512}", blob.Bytes);
        (await CloseAsync()).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Relay.Fault = (_, _, _) => StoreFault.None;
        (await CloseAsync()).MustBe(HttpStatusCode.Created);
        var digest = hasRange ? blob.Digest : blob.Digest512;
        Assert.Equal(blob.Bytes, (await a.GetAsync($"blobs/{digest}")).MustBe(HttpStatusCode.OK).Body);
    }

    [Fact]
    public async Task What_a_slow_request_has_left_to_others_stays_and_what_it_began_with_does_not()
    {
        var a = await StartAsync(await BehindRelayAsync());
        var blob = Content.Random(2000);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, 100);
        using var slow = await a.BeginPatchAsync(location, length: 1900);
        await slow.WriteAsync(blob.Bytes[100..700]);
        await Eventually.TrueAsync(
            async () =>
            {
                a.Host.Clock.Advance(TimeSpan.FromSeconds(1));
                return (await a.GetAsync(location))["Range"] == "0-699";
            },
            Patience,
            () => "what has come is not there");
        await Eventually.TrueAsync(async () => (await ObjectsAsync()).Count == 1, Patience, () => "two tails stay");

        Relay.Fault = (method, _, _) => method == "PUT" ? StoreFault.InternalError : StoreFault.None;
        await slow.WriteAsync(blob.Bytes[700..]);
        (await slow.ReadAnswerAsync()).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await MustStandAtAsync(a, location, 700);
        Relay.Fault = (_, _, _) => StoreFault.None;
        await MustTakeAsync(a, location, blob, 700, 2000);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
        Assert.Single(await ObjectsAsync());
    }

    [Fact]
    public async Task A_session_goes_back_to_where_the_request_began_although_the_database_failed_at_that_as_well()
    {
        var a = await StartAsync(await BehindRelayAsync());
        var blob = Content.Random((2 * PartSize) + 1000);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, 1000);

        // The second part cannot be noted, nor that the session goes back; the count stays though the transactions do not.
        await ChangeAsync(
            $"""
            CREATE SEQUENCE failures;
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF (NEW.received > {2 * PartSize - 1} OR NEW.received < OLD.received) AND nextval('failures') <= 2 THEN
                    RAISE EXCEPTION USING ERRCODE = '57P03';
                END IF;
                RETURN NEW;
            END $$;
            CREATE TRIGGER fail BEFORE UPDATE ON uploads FOR EACH ROW EXECUTE FUNCTION fail()
            """);
        (await a.PatchAsync(location, blob.Bytes[1000..])).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await MustStandAtAsync(a, location, 1000);
        (await a.PatchAsync(location, blob.Bytes[1000..])).MustBe(HttpStatusCode.Accepted);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
    }

    [Fact]
    public async Task An_upload_that_another_request_has_by_now_is_not_ended_for_what_the_store_refuses()
    {
        var a = await StartAsync(await BehindRelayAsync());
        var (store, blob, isHeld) = (a.Host.Service<ObjectStore>(), Content.Random(PartSize + 1000), 0);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, PartSize);
        Relay.Fault = (_, path, _) =>
            Shared.IsPart(path, 2) && Interlocked.Exchange(ref isHeld, 1) == 0
                ? StoreFault.Held
                : StoreFault.None;
        var log = a.Host.RecordLog();
        var closing = a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes[PartSize..]);
        await Eventually.TrueAsync(() => Volatile.Read(ref isHeld) == 1, Patience, () => "nothing was written");
        await ChangeAsync("UPDATE uploads SET holder = 'nobody', held_until = clock_timestamp() + interval '1 hour'");
        await LosePartsAsync(store, location);
        Relay.Release();
        (await closing).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");
        Assert.DoesNotContain("begins again", log.Text, StringComparison.Ordinal);
    }

    private static Task<ScrubReport> ScrubAsync(Repository repository, long before) =>
        repository.Host.Service<Scrubber>().RunAsync(before, withManifests: false, bytesPerSecond: null, Cancellation);

    [Fact]
    public async Task What_one_upload_has_left_and_cannot_be_removed_keeps_no_other_from_being_swept()
    {
        var a = await StartAsync(await BehindRelayAsync(), o => o.LogLevel = "warning");
        string[] locations = [await a.StartUploadAsync(), await a.StartUploadAsync(), await a.StartUploadAsync()];
        foreach (var location in locations) (await a.PatchAsync(location, Content.Random(1000).Bytes)).MustBe(HttpStatusCode.Accepted);
        var log = a.Host.RecordLog();
        Relay.Fault = (_, path, _) => path.Contains(IdOf(locations[1]), StringComparison.Ordinal) ? StoreFault.InternalError : StoreFault.None;
        a.Host.Clock.Advance(TimeSpan.FromDays(2));
        var uploads = a.Host.Service<IUploadStore>();

        // As if the round lasted so long that the pause after the vain attempt were over.
        await ChangeAsync(
            """
            CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                NEW.held_until := clock_timestamp() - interval '1 s'; RETURN NEW;
            END $$;
            CREATE TRIGGER forget BEFORE UPDATE ON uploads FOR EACH ROW WHEN (NEW.ended_at IS NOT NULL) EXECUTE FUNCTION forget()
            """);
        Assert.Equal(2, await uploads.SweepAsync(TimeSpan.FromDays(1), Cancellation).WaitAsync(Patience, Cancellation));
        Assert.Contains(IdOf(locations[1]), Assert.Single(await ObjectsAsync()), StringComparison.Ordinal);
        Assert.Contains("cannot be removed now and is tried again later", log.Text, StringComparison.Ordinal);
        await MustBeReadyAsync(a, true);

        Relay.Fault = (_, _, _) => StoreFault.None;
        Assert.Equal(1, await uploads.SweepAsync(TimeSpan.FromDays(1), Cancellation));
        Assert.Empty(await ObjectsAsync());
    }
}
