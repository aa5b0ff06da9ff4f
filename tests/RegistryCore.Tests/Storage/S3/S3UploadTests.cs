using System.Net;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.S3;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.RegistryCore.Tests.State;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.S3;

/// <summary>Uploads through several registries on one database and one object store.</summary>
public sealed class S3UploadTests(SharedPostgres postgres, SharedObjectStore shared) : IAsyncLifetime
{
    private const int PartSize = 5 * 1024 * 1024;

    private readonly List<(RegistryHost Host, PostgresRegistryState State)> registries = [];
    private S3Relay? relay;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    /// <inheritdoc/>
    public ValueTask InitializeAsync() => ValueTask.CompletedTask;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var (host, _) in registries) await host.DisposeAsync();

        if (relay is not null) await relay.DisposeAsync();
    }

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

        await SharedReplica.DeleteQueuedAsync(registries[1].Host); // of what was written on the way nothing stays but the blob
        Assert.Single(await ObjectsAsync());
    }

    [Fact]
    public async Task A_small_blob_is_written_once_and_without_parts()
    {
        var bucket = await BehindRelayAsync();
        var a = await StartAsync(await postgres.CreateDatabaseAsync(), bucket);
        var written = new List<string>();
        relay!.Fault = (method, path, _) =>
        {
            if (method is "PUT" or "POST") lock (written) written.Add($"{method} {path}");
            return S3Fault.None;
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
        Assert.NotNull(await registries[0].State.Uploads.TryTakeAsync(location.Split('/')[^1], "dead"));
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

        registries[0].Host.Clock.Advance(TimeSpan.FromSeconds(3));
        await Eventually.TrueAsync(
            async () => (await b.GetAsync(location))["Range"] == "0-699", TimeSpan.FromSeconds(30), () => "what has come is not there");
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
                registries[0].Host.Clock.Advance(TimeSpan.FromSeconds(1));
                return (await a.GetAsync(location))["Range"] == "0-699";
            },
            TimeSpan.FromSeconds(30),
            () => "what has come is not there");
        await silent.WriteAsync(blob.Bytes[700..]);
        (await silent.ReadAnswerAsync()).MustBe(HttpStatusCode.Accepted);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
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
                async () => (await b.GetAsync(location))["Range"] == $"0-{PartSize - 1}", TimeSpan.FromSeconds(30), () => "no part");
            lost.HangUp();
        }

        await Eventually.TrueAsync(
            async () => (await b.PatchAsync(location, [])).Status == HttpStatusCode.Accepted,
            TimeSpan.FromSeconds(30),
            () => "the session is still held");
        var offset = int.Parse((await b.GetAsync(location))["Range"]["0-".Length..]) + 1;
        Assert.InRange(offset, PartSize, PartSize + 100);
        await MustTakeAsync(b, location, blob, offset, blob.Bytes.Length);
        await MustCloseAsync(a, location, blob);
        await MustHoldAsync(a, blob);
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
        registries[1].Host.Clock.Advance(TimeSpan.FromHours(2)); // one that lay untouched gives way
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
        var objects = registries[1].Host.Service<ObjectStore>();
        await objects.BeginAsync($"data/aa/{new string('a', 32)}", Cancellation); // of a process that died right then

        var uploads = registries[1].Host.Service<IUploadStore>();
        Assert.Equal(0, await uploads.SweepAsync(TimeSpan.FromDays(1), Cancellation));
        registries[1].Host.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(2, await uploads.SweepAsync(TimeSpan.FromDays(1), Cancellation));
        Assert.Equal(2, (await ObjectsAsync()).Count);
        await foreach (var open in objects.ListOpenAsync(Cancellation)) Assert.Fail($"{open} was not aborted");
        await MustHoldAsync(a, blob);
        await MustHoldAsync(a, small);
    }

    [Theory]
    [InlineData(S3Fault.InternalError)]
    [InlineData(S3Fault.SlowDown)]
    [InlineData(S3Fault.Cut)]
    public async Task While_the_store_fails_clients_are_told_to_come_again_and_nothing_acknowledged_is_lost(S3Fault fault)
    {
        var bucket = await BehindRelayAsync();
        var a = await StartAsync(await postgres.CreateDatabaseAsync(), bucket);
        var (blob, kept) = (Content.Random(PartSize + 1000), Content.Random(1000));
        await a.PushBlobAsync(kept);
        var location = await a.StartUploadAsync();
        await MustTakeAsync(a, location, blob, 0, 1000);

        relay!.Fault = (_, _, _) => fault;
        Answer[] answers = [
            await a.PatchAsync(location, blob.Bytes[1000..]),
            await a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes[1000..]),
            await a.GetAsync($"blobs/{kept.Digest}"),
            await a.PostAsync($"blobs/uploads/?digest={blob.Digest}", blob.Bytes)];
        Assert.All(answers, answer => Assert.NotEqual("", answer.MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE")["Retry-After"]));
        Assert.Equal("0-999", (await a.GetAsync(location)).MustBe(HttpStatusCode.NoContent)["Range"]);
        (await a.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
        using (var ready = await a.Host.Client.GetAsync(new Uri("/healthz/ready", UriKind.Relative), Cancellation))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
            Assert.Contains("objectStore", await ready.Content.ReadAsStringAsync(Cancellation), StringComparison.Ordinal);
        }

        relay.Fault = (_, _, _) => S3Fault.None;
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
        var bucket = await BehindRelayAsync();
        var a = await StartAsync(await postgres.CreateDatabaseAsync(), bucket);
        for (var at = 0; at < 8; at++)
        {
            var blob = Content.Random(PartSize + 1000);
            var first = relay!.Requests + at;
            relay.Fault = (_, _, before) => before == first ? fault : S3Fault.None;
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
        var bucket = await BehindRelayAsync();
        var a = await StartAsync(await postgres.CreateDatabaseAsync(), bucket);
        var blob = Content.Random(size);
        var location = await a.StartUploadAsync();
        relay!.Fault = (method, path, _) => method == "POST" && path.Contains("uploadId", StringComparison.Ordinal)
            ? S3Fault.InternalError
            : S3Fault.None;
        var first = await a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes);
        Assert.Equal(size > PartSize ? HttpStatusCode.ServiceUnavailable : HttpStatusCode.Created, first.Status);
        relay.Fault = (_, _, _) => S3Fault.None;
        (await a.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes)).MustBe(HttpStatusCode.Created);
        await MustHoldAsync(a, blob);
    }

    [Fact]
    public async Task A_large_blob_is_answered_with_a_redirect_to_GET_and_never_to_HEAD()
    {
        var bucket = await shared.CreateBucketAsync();
        bucket.Redirect = new RedirectOptions { Above = new(10_000) };
        var a = await StartAsync(await postgres.CreateDatabaseAsync(), bucket);
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
        var bucket = await shared.CreateBucketAsync();
        var error = await Assert.ThrowsAsync<OperatorException>(() => RegistryHost.StartAsync(o => o.Storage.S3 = bucket));
        Assert.Contains("needs a PostgreSQL database", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_store_that_refuses_stops_the_start()
    {
        var (database, bucket) = (await postgres.CreateDatabaseAsync(), await shared.CreateBucketAsync());
        bucket.Bucket = "no-such-bucket";
        var error = await Assert.ThrowsAsync<OperatorException>(() => SharedReplica.StartAsync(database, bucket));
        Assert.Contains("there is no such bucket", error.Message, StringComparison.Ordinal);
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

    private async Task<(Repository A, Repository B)> StartTwoAsync(Action<RegistryOptions>? configure = null)
    {
        var (database, bucket) = (await postgres.CreateDatabaseAsync(), await shared.CreateBucketAsync());
        return (await StartAsync(database, bucket, configure), await StartAsync(database, bucket, configure));
    }

    private async Task<Repository> StartAsync(string database, S3Options bucket, Action<RegistryOptions>? configure = null)
    {
        bucket.PartSize = new(PartSize);
        registries.Add(await SharedReplica.StartAsync(database, bucket, configure));
        return new Repository(registries[^1].Host, "team/app");
    }

    private async Task<S3Options> BehindRelayAsync()
    {
        relay = await shared.RelayAsync();
        return await shared.CreateBucketAsync(relay.Address);
    }

    private async Task<List<string>> ObjectsAsync()
    {
        var keys = new List<string>();
        await foreach (var found in registries[0].Host.Service<ObjectStore>().ListAsync("", Cancellation)) keys.Add(found.Key);
        return keys;
    }

    private static async Task MustTakeAsync(Repository repository, string location, Content blob, int first, int end) =>
        Assert.Equal(
            $"0-{end - 1}",
            (await repository.PatchAsync(location, blob.Bytes[first..end], ("Content-Range", $"{first}-{end - 1}"))).MustBe(
                HttpStatusCode.Accepted)["Range"]);

    private static async Task MustCloseAsync(Repository repository, string location, Content blob) =>
        (await repository.PutAsync($"{location}?digest={blob.Digest}", [])).MustBe(HttpStatusCode.Created);

    private static async Task MustHoldAsync(Repository repository, Content blob) =>
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK).Body);
}
