using System.Net;
using AuthIndex.RegistryCore.Storage.S3;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.S3;

/// <summary>Registries whose object store fails, wholly or in one object.</summary>
public sealed class S3FaultTests(SharedPostgres postgres, SharedObjectStore shared) : ReplicaTests(postgres, shared)
{
    [Theory]
    [InlineData(S3Fault.InternalError)]
    [InlineData(S3Fault.SlowDown)]
    [InlineData(S3Fault.Cut)]
    public async Task While_the_store_fails_clients_are_told_to_come_again_and_nothing_acknowledged_is_lost(S3Fault fault)
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

        Relay.Fault = (_, _, _) => S3Fault.None;
        await MustTakeAsync(a, location, blob, 1000, blob.Bytes.Length);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
        await MustHoldAsync(a, kept);
    }

    [Theory]
    [InlineData(S3Fault.LostAnswer)]
    [InlineData(S3Fault.HalfAnswer)]
    [InlineData(S3Fault.InternalError)]
    public async Task A_fault_at_any_one_request_to_the_store_harms_no_push(S3Fault fault)
    {
        var a = await StartAsync(await BehindRelayAsync());
        for (var at = 0; at < 8; at++)
        {
            var blob = Content.Random(PartSize + 1000);
            var first = Relay.Requests + at;
            Relay.Fault = (_, _, before) => before == first ? fault : S3Fault.None;
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
        Relay.Fault = (method, path, _) => method == "POST" && path.Contains("uploadId", StringComparison.Ordinal)
            ? S3Fault.InternalError
            : S3Fault.None;
        var first = await a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes);
        Assert.Equal(size > PartSize ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.Created, first.Status);
        Relay.Fault = (_, _, _) => S3Fault.None;
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
        Relay.Fault = (_, path, _) => path.Contains("partNumber=2", StringComparison.Ordinal) ? S3Fault.InternalError : S3Fault.None;
        Task<Answer> SendAsync() => isClosing
            ? a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes[1000..])
            : a.PatchAsync(location, blob.Bytes[1000..]);
        (await SendAsync()).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await MustStandAtAsync(a, location, 1000);

        Relay.Fault = (_, _, _) => S3Fault.None;
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
            await foreach (var open in store.ListOpenAsync(Cancellation)) await store.AbortAsync(open.Key, open.UploadId, Cancellation);
        }
        else if (fault == "the tail is gone")
        {
            await store.DeleteAsync(await ObjectsAsync(), Cancellation);
        }
        else
        {
            Relay.Fault = (method, path, _) =>
                method == "POST" && path.Contains("uploadId", StringComparison.Ordinal) ? S3Fault.InvalidPart : S3Fault.None;
        }

        var rest = blob.Bytes[(PartSize + 1000)..];
        var answer = fault == "lost, then a part"
            ? await a.PatchAsync(location, rest)
            : await a.PutAsync($"{location}?digest={blob.Digest}", rest);
        answer.MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await a.GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        await MustBeReadyAsync(a, true);

        Relay.Fault = (_, _, _) => S3Fault.None;
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
        if (isCut) await a.Host.Service<ObjectStore>().PutAsync(key, blob.Bytes.AsMemory(0, 99_999), Cancellation);
        else
        {
            Relay.Fault = (method, path, _) =>
                method == "GET" && path.Contains(key, StringComparison.Ordinal) ? S3Fault.InternalError : S3Fault.None;
        }


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

    [Fact]
    public async Task What_one_upload_has_left_and_cannot_be_removed_keeps_no_other_from_being_swept()
    {
        var a = await StartAsync(await BehindRelayAsync(), o => o.LogLevel = "warning");
        string[] locations = [await a.StartUploadAsync(), await a.StartUploadAsync(), await a.StartUploadAsync()];
        foreach (var location in locations) (await a.PatchAsync(location, Content.Random(1000).Bytes)).MustBe(HttpStatusCode.Accepted);
        var log = a.Host.RecordLog();
        Relay.Fault = (_, path, _) => path.Contains(IdOf(locations[1]), StringComparison.Ordinal) ? S3Fault.InternalError : S3Fault.None;
        a.Host.Clock.Advance(TimeSpan.FromDays(2));
        var uploads = a.Host.Service<IUploadStore>();
        Assert.Equal(2, await uploads.SweepAsync(TimeSpan.FromDays(1), Cancellation));
        Assert.Contains(IdOf(locations[1]), Assert.Single(await ObjectsAsync()), StringComparison.Ordinal);
        Assert.Contains("cannot be removed now and is tried again later", log.Text, StringComparison.Ordinal);
        await MustBeReadyAsync(a, true);

        Relay.Fault = (_, _, _) => S3Fault.None;
        await ChangeAsync("UPDATE uploads SET held_until = clock_timestamp()"); // the pause after it was tried
        Assert.Equal(1, await uploads.SweepAsync(TimeSpan.FromDays(1), Cancellation));
        Assert.Empty(await ObjectsAsync());
    }
}
