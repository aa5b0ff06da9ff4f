using System.Net;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Uploads;

/// <summary>Uploads as clients see them, wherever their bytes are kept.</summary>
public abstract class UploadEndpointSuite(SharedRegistry registry)
{
    private protected SharedRegistry Registry => registry;

    [Fact]
    public async Task A_session_begins_with_a_location_an_id_and_an_empty_range()
    {
        var repository = registry.New();
        foreach (var tail in (string[])["blobs/uploads/", "blobs/uploads"])
        {
            var answer = (await repository.PostAsync(tail)).MustBe(HttpStatusCode.Accepted);
            Assert.StartsWith(repository.PathOf("blobs/uploads/"), answer["Location"], StringComparison.Ordinal);
            Assert.EndsWith("/" + answer["Docker-Upload-UUID"], answer["Location"], StringComparison.Ordinal);
            Assert.Equal("0-0", answer["Range"]);
        }
    }

    [Fact]
    public async Task Docker_streams_a_blob_without_saying_its_length_and_closes_with_an_empty_PUT()
    {
        var repository = registry.New();
        var blob = Content.Random(300_000);
        var location = await repository.StartUploadAsync();
        var patched = (await repository.SendAsync(HttpMethod.Patch, location, Chunked(blob.Bytes))).MustBe(HttpStatusCode.Accepted);
        Assert.Equal(("0-299999", location), (patched["Range"], patched["Location"]));
        MustBeStored(await repository.PutAsync($"{patched["Location"]}?digest={blob.Digest}", []), repository, blob);
        await MustHoldAsync(repository, blob);
    }

    [Fact]
    public async Task Chunks_with_their_ranges_are_put_together()
    {
        var repository = registry.New();
        var blob = Content.Random(250_000);
        var location = await repository.StartUploadAsync();
        for (var at = 0; at < 200_000; at += 100_000)
        {
            var answer = await repository.PatchAsync(location, blob.Bytes[at..(at + 100_000)], ("Content-Range", $"{at}-{at + 99_999}"));
            Assert.Equal($"0-{at + 99_999}", answer.MustBe(HttpStatusCode.Accepted)["Range"]);
            location = answer["Location"];
        }

        var closed = await repository.PutAsync(
            $"{location}?digest={blob.Digest}", blob.Bytes[200_000..], ("Content-Range", "200000-249999"));
        MustBeStored(closed, repository, blob);
        await MustHoldAsync(repository, blob);
    }

    [Fact]
    public async Task The_last_chunk_may_come_with_the_PUT()
    {
        var repository = registry.New();
        var blob = Content.Random();
        var location = await repository.StartUploadAsync();
        await repository.PatchAsync(location, blob.Bytes[..400]);
        MustBeStored(
            await repository.SendAsync(HttpMethod.Put, $"{location}?digest={blob.Digest}", Chunked(blob.Bytes[400..])), repository, blob);
        await MustHoldAsync(repository, blob);
    }

    [Fact]
    public async Task The_whole_blob_may_come_with_the_PUT()
    {
        var repository = registry.New();
        var blob = Content.Random();
        MustBeStored(
            await repository.PutAsync($"{await repository.StartUploadAsync()}?digest={blob.Digest}", blob.Bytes), repository, blob);
        await MustHoldAsync(repository, blob);
    }

    [Fact]
    public async Task The_whole_blob_may_come_with_the_POST()
    {
        var repository = registry.New();
        foreach (var isChunked in (bool[])[false, true])
        {
            var blob = Content.Random();
            var answer = await repository.SendAsync(
                HttpMethod.Post, $"blobs/uploads/?digest={blob.Digest}", isChunked
                ? Chunked(blob.Bytes)
                : new ByteArrayContent(blob.Bytes));
            MustBeStored(answer, repository, blob);
            await MustHoldAsync(repository, blob);
        }
    }

    [Fact]
    public async Task A_blob_of_no_bytes_is_a_blob()
    {
        var empty = new Content([]);
        var (posted, closed, patched) = (registry.New(), registry.New(), registry.New());
        MustBeStored(await posted.PostAsync($"blobs/uploads/?digest={empty.Digest}", []), posted, empty);
        MustBeStored(await closed.PutAsync($"{await closed.StartUploadAsync()}?digest={empty.Digest}", []), closed, empty);
        var location = await patched.StartUploadAsync();
        Assert.Equal("0-0", (await patched.PatchAsync(location, [])).MustBe(HttpStatusCode.Accepted)["Range"]);
        MustBeStored(await patched.PutAsync($"{location}?digest={empty.Digest}", []), patched, empty);
        foreach (var repository in (Repository[])[posted, closed, patched]) await MustHoldAsync(repository, empty);
    }

    [Theory]
    [InlineData("?digest-algorithm=sha512")]
    [InlineData("")]
    public async Task A_blob_may_be_named_by_sha512_declared_or_not(string declared)
    {
        var repository = registry.New();
        var blob = Content.Random();
        var started = (await repository.PostAsync("blobs/uploads/" + declared)).MustBe(HttpStatusCode.Accepted);
        await repository.PatchAsync(started["Location"], blob.Bytes[..300]);
        var closed = (await repository.PutAsync($"{started["Location"]}?digest={blob.Digest512}", blob.Bytes[300..])).MustBe(
            HttpStatusCode.Created);
        Assert.Equal(blob.Digest512, closed["Docker-Content-Digest"]);
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest512}")).MustBe(HttpStatusCode.OK).Body);
        (await repository.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_session_declared_for_sha512_can_still_be_closed_with_sha256()
    {
        var repository = registry.New();
        var blob = Content.Random();
        var started = await repository.PostAsync("blobs/uploads/?digest-algorithm=sha512");
        MustBeStored(await repository.PutAsync($"{started["Location"]}?digest={blob.Digest}", blob.Bytes), repository, blob);
    }

    [Theory]
    [InlineData("md5")]
    [InlineData("SHA512")]
    [InlineData("sha512%0d%0aX-Evil:%20y")]
    public async Task An_algorithm_that_is_not_supported_is_refused(string algorithm) =>
        (await registry.New().PostAsync($"blobs/uploads/?digest-algorithm={algorithm}")).MustBe(
            HttpStatusCode.BadRequest, "DIGEST_INVALID");

    [Fact]
    public async Task A_wrong_digest_is_refused_and_nothing_of_it_stays()
    {
        var repository = registry.New();
        var (blob, other) = (Content.Random(), Content.Random());
        var location = await repository.StartUploadAsync();
        await repository.PatchAsync(location, blob.Bytes);
        var refused = (await repository.PutAsync($"{location}?digest={other.Digest}", [])).MustBe(
            HttpStatusCode.BadRequest, "DIGEST_INVALID");
        Assert.Contains(blob.Digest, refused.ErrorMessage, StringComparison.Ordinal);
        (await repository.PostAsync($"blobs/uploads/?digest={other.Digest}", blob.Bytes)).MustBe(
            HttpStatusCode.BadRequest, "DIGEST_INVALID");

        (await repository.GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        foreach (var digest in (string[])[blob.Digest, other.Digest])
        {
            (await repository.GetAsync($"blobs/{digest}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        }

        Assert.Empty(await registry.PlacesHoldingAsync(blob));
    }

    [Theory]
    [InlineData("")]
    [InlineData("?digest=")]
    [InlineData("?digest=sha256:abc")]
    [InlineData("?digest=../../../etc/passwd")]
    [InlineData("?digest=sha256:../../../../../../../../../../../../../../../../../../../etc/passwd")]
    public async Task A_PUT_without_a_digest_is_refused_and_the_session_goes_on(string query)
    {
        var repository = registry.New();
        var blob = Content.Random();
        var location = await repository.StartUploadAsync();
        await repository.PatchAsync(location, blob.Bytes);
        (await repository.PutAsync(location + query, [])).MustBe(HttpStatusCode.BadRequest, "DIGEST_INVALID");
        MustBeStored(await repository.PutAsync($"{location}?digest={blob.Digest}", []), repository, blob);
    }

    [Theory]
    [InlineData("500-999", "PATCH")] // a gap
    [InlineData("0-99", "PATCH")] // sent again
    [InlineData("50-149", "PATCH")] // overlapping
    [InlineData("101-200", "PUT")]
    public async Task A_chunk_that_does_not_begin_where_the_session_ends_is_told_where_that_is(string range, string method)
    {
        var repository = registry.New();
        var blob = Content.Random();
        var location = await repository.StartUploadAsync();
        await repository.PatchAsync(location, blob.Bytes[..100]);
        var refused = await repository.SendAsync(
            new HttpMethod(method), $"{location}?digest={blob.Digest}", new ByteArrayContent(blob.Bytes[..100]), ("Content-Range", range));
        refused.MustBe(HttpStatusCode.RequestedRangeNotSatisfiable, "BLOB_UPLOAD_INVALID");
        Assert.Equal(("0-99", location), (refused["Range"], refused["Location"]));
        MustBeStored(
            await repository.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes[100..], ("Content-Range", "100-999")), repository,
            blob);
    }

    [Theory]
    [InlineData("100-149")] // the body is longer
    [InlineData("100-999")] // the body is shorter
    public async Task A_chunk_of_another_length_than_it_says_is_refused_and_nothing_of_it_is_kept(string range)
    {
        var repository = registry.New();
        var blob = Content.Random(200);
        var location = await repository.StartUploadAsync();
        await repository.PatchAsync(location, blob.Bytes[..100]);
        (await repository.PatchAsync(location, blob.Bytes[100..], ("Content-Range", range))).MustBe(
            HttpStatusCode.BadRequest, "SIZE_INVALID");
        Assert.Equal("0-99", (await repository.GetAsync(location)).MustBe(HttpStatusCode.NoContent)["Range"]);
        MustBeStored(await repository.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes[100..]), repository, blob);
        await MustHoldAsync(repository, blob);
    }

    [Theory]
    [InlineData("a-b")]
    [InlineData("5-1")]
    [InlineData("0-")]
    [InlineData("0-9223372036854775807")]
    public async Task A_content_range_of_another_form_is_refused(string range)
    {
        var repository = registry.New();
        (await repository.PatchAsync(await repository.StartUploadAsync(), [1, 2, 3], ("Content-Range", range))).MustBe(
            HttpStatusCode.BadRequest, "BLOB_UPLOAD_INVALID");
    }

    [Fact]
    public async Task The_status_says_where_the_session_stands()
    {
        var repository = registry.New();
        var location = await repository.StartUploadAsync();
        Assert.Equal("0-0", (await repository.GetAsync(location)).MustBe(HttpStatusCode.NoContent)["Range"]);
        await repository.PatchAsync(location, new byte[700]);
        var status = (await repository.GetAsync(location)).MustBe(HttpStatusCode.NoContent);
        Assert.Equal(("0-699", location), (status["Range"], status["Location"]));
        Assert.EndsWith(status["Docker-Upload-UUID"], location, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_cancelled_session_is_gone_with_its_bytes_and_needs_no_right_to_delete()
    {
        var repository = registry.New().As("alice", "push");
        var blob = Content.Random();
        var location = await repository.StartUploadAsync();
        await repository.PatchAsync(location, blob.Bytes);
        Assert.NotEmpty(await registry.PlacesHoldingAsync(blob));
        (await repository.DeleteAsync(location)).MustBe(HttpStatusCode.NoContent);
        Assert.Empty(await registry.PlacesHoldingAsync(blob));
        (await repository.GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await repository.DeleteAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await repository.PatchAsync(location, blob.Bytes)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await repository.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
    }

    [Fact]
    public async Task A_closed_session_is_gone()
    {
        var repository = registry.New();
        var blob = Content.Random();
        var location = await repository.StartUploadAsync();
        MustBeStored(await repository.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes), repository, blob);
        (await repository.GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await repository.PatchAsync(location, blob.Bytes)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await repository.DeleteAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        await MustHoldAsync(repository, blob);
    }

    [Fact]
    public async Task A_closing_PUT_that_is_sent_again_is_answered_again_as_long_as_the_blob_is_there()
    {
        var (repository, other) = (registry.New(), registry.New());
        var blob = Content.Random();
        var location = await repository.StartUploadAsync();
        var put = $"{location}?digest={blob.Digest}";
        MustBeStored(await repository.PutAsync(put, blob.Bytes), repository, blob);
        MustBeStored(await repository.PutAsync(put, blob.Bytes), repository, blob);
        MustBeStored(await repository.PutAsync(put, []), repository, blob);
        await MustHoldAsync(repository, blob);

        // Nobody else, nowhere else, and for no other digest.
        await other.PushBlobAsync(blob);
        var held = await repository.PushBlobAsync();
        var elsewhere = $"blobs/uploads/{location.Split('/')[^1]}?digest={blob.Digest}";
        foreach (var answer in new[]
        {
            await repository.As("bob").PutAsync(put, blob.Bytes),
            await other.PutAsync(elsewhere, blob.Bytes),
            await repository.PutAsync($"{location}?digest={held.Digest}", []),
            await repository.PutAsync(location, []),
        }) answer.MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");

        (await repository.DeleteAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await repository.PutAsync(put, [])).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
    }

    [Fact]
    public async Task A_session_of_another_repository_or_account_does_not_exist()
    {
        var repository = registry.New();
        var id = (await repository.StartUploadAsync()).Split('/')[^1];
        foreach (var intruder in (Repository[])[registry.New(), repository.As("mallory"), repository.As("")])
        {
            var location = intruder.PathOf($"blobs/uploads/{id}");
            (await intruder.GetAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
            (await intruder.PatchAsync(location, [1])).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
            (await intruder.PutAsync($"{location}?digest={new Content([]).Digest}", [])).MustBe(
                HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
            (await intruder.DeleteAsync(location)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        }

        Assert.Equal("0-0", (await repository.GetAsync($"blobs/uploads/{id}")).MustBe(HttpStatusCode.NoContent)["Range"]);
    }

    [Theory]
    [InlineData("..")]
    [InlineData("%2e%2e")]
    [InlineData("..%2F..%2Fregistry.db")]
    [InlineData("00000000000000000000000000000000")]
    [InlineData("00000000000000000000000000000000.data")]
    [InlineData("x")]
    public async Task An_id_that_names_no_session_finds_nothing(string id)
    {
        var repository = registry.New();
        var token = registry.Host.Tokens.Make("alice", $"repository:{repository.Name}:push");
        foreach (var method in (string[])["GET", "DELETE"])
        {
            var answer = await RawConnection.SendAsync(
                registry.Host.Client, $"{method} {repository.PathOf($"blobs/uploads/{id}")}", $"Authorization: Bearer {token}");
            answer.MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        }

        Assert.True(File.Exists(Path.Combine(registry.Host.Root, "registry.db")));
    }

    [Fact]
    public async Task Two_requests_cannot_write_to_one_session_at_once()
    {
        var repository = registry.New();
        var blob = Content.Random(2000);
        var location = await repository.StartUploadAsync();
        using var slow = await repository.BeginPatchAsync(location, length: 1000);
        await slow.WriteAsync(blob.Bytes[..500]);
        (await repository.PatchAsync(location, [])).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");
        (await repository.PatchAsync(location, blob.Bytes)).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");
        (await repository.PutAsync($"{location}?digest={blob.Digest}", [])).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");
        (await repository.DeleteAsync(location)).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");
        (await repository.GetAsync(location)).MustBe(HttpStatusCode.NoContent);

        await slow.WriteAsync(blob.Bytes[500..1000]);
        Assert.Equal("0-999", (await slow.ReadAnswerAsync()).MustBe(HttpStatusCode.Accepted)["Range"]);
        MustBeStored(await repository.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes[1000..]), repository, blob);
    }

    [Fact]
    public async Task A_blob_pushed_twice_at_once_is_there_once()
    {
        var repository = registry.New();
        var blob = Content.Random(500_000);
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 8).Select(_ => repository.PostAsync($"blobs/uploads/?digest={blob.Digest}", blob.Bytes)));
        Assert.All(answers, answer => MustBeStored(answer, repository, blob));
        await MustHoldAsync(repository, blob);
        Assert.Single(await registry.PlacesHoldingAsync(blob));
    }

    [Fact]
    public async Task A_session_closed_twice_at_once_is_closed_once()
    {
        var repository = registry.New();
        for (var i = 0; i < 10; i++)
        {
            var blob = Content.Random();
            var location = await repository.StartUploadAsync();
            var answers = await Task.WhenAll(
                Enumerable.Range(0, 4).Select(_ => repository.PutAsync($"{location}?digest={blob.Digest}", blob.Bytes)));
            Assert.Contains(answers, a => a.Status == HttpStatusCode.Created);
            Assert.All(answers, a => Assert.Contains(a.Status, (HttpStatusCode[])[HttpStatusCode.Created, HttpStatusCode.Conflict]));
            await MustHoldAsync(repository, blob);
        }
    }

    private static PushedContent Chunked(byte[] bytes) => new PushedContent(bytes);

    private protected static async Task<int> OffsetAsync(Repository repository, string location)
    {
        var last = int.Parse((await repository.GetAsync(location)).MustBe(HttpStatusCode.NoContent)["Range"]["0-".Length..]);
        return last == 0 ? 0 : last + 1;
    }

    private protected static Task Eventually(Func<Task<bool>> condition) =>
        AuthIndex.TestKit.Eventually.TrueAsync(condition, TimeSpan.FromSeconds(60), () => "it never came true");

    private protected static void MustBeStored(Answer answer, Repository repository, Content blob)
    {
        answer.MustBe(HttpStatusCode.Created);
        Assert.Equal((repository.PathOf($"blobs/{blob.Digest}"), blob.Digest), (answer["Location"], answer["Docker-Content-Digest"]));
    }

    private protected static async Task MustHoldAsync(Repository repository, Content blob) =>
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK).Body);

    /// <summary>A body of unknown length, so that it travels chunked.</summary>
    private sealed class PushedContent(byte[] bytes) : HttpContent
    {
        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            for (var at = 0; at < bytes.Length; at += 70_000)
            {
                await stream.WriteAsync(bytes.AsMemory(at, Math.Min(70_000, bytes.Length - at)));
            }
        }

        protected override bool TryComputeLength(out long length)
        {
            length = 0;
            return false;
        }
    }
}

/// <summary>Uploads into files.</summary>
public sealed class UploadEndpointTests(SharedRegistry registry) : UploadEndpointSuite(registry), IClassFixture<SharedRegistry>
{
    [Theory]
    [InlineData("PATCH", HttpStatusCode.Accepted)]
    [InlineData("PUT", HttpStatusCode.Created)]
    [InlineData("DELETE", HttpStatusCode.NoContent)]
    public async Task A_newer_request_takes_over_from_one_whose_client_has_fallen_silent(string method, HttpStatusCode expected)
    {
        await using var host = await RegistryHost.StartAsync();
        var repository = new Repository(host, "some/repo");
        var blob = Content.Random(2000);
        var location = await repository.StartUploadAsync();
        using var silent = await repository.BeginPatchAsync(location, length: 1500);
        await silent.WriteAsync(blob.Bytes[..700]);
        await Eventually(async () => await OffsetAsync(repository, location) == 700); // what has come is kept, however little it is

        var body = method == "DELETE" ? [] : blob.Bytes[700..];
        var range = method == "DELETE" ? Array.Empty<(string, string)>() : [("Content-Range", "700-1999")];
        (await repository.SendAsync(new HttpMethod(method), $"{location}?digest={blob.Digest}", new ByteArrayContent(body), range)).MustBe(
            HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");
        host.Clock.Advance(TimeSpan.FromSeconds(3));
        (await repository.SendAsync(new HttpMethod(method), $"{location}?digest={blob.Digest}", new ByteArrayContent(body), range)).MustBe(
            expected);
        (await silent.ReadAnswerAsync()).MustBe(HttpStatusCode.Conflict, "BLOB_UPLOAD_INVALID");

        if (method == "PATCH") MustBeStored(await repository.PutAsync($"{location}?digest={blob.Digest}", []), repository, blob);
        if (method != "DELETE") await MustHoldAsync(repository, blob);
    }

    [Fact]
    public async Task After_a_client_hung_up_the_session_goes_on_from_what_it_says()
    {
        var repository = Registry.New();
        var blob = Content.Random(2_000_000);
        var location = await repository.StartUploadAsync();
        using (var lost = await repository.BeginPatchAsync(location, blob.Bytes.Length))
        {
            await lost.WriteAsync(blob.Bytes[..1_200_000]);
            await Eventually(async () => await OffsetAsync(repository, location) > 0);
            lost.HangUp();
        }

        await Eventually(async () => (await repository.PatchAsync(location, [])).Status == HttpStatusCode.Accepted);
        var offset = await OffsetAsync(repository, location);
        Assert.InRange(offset, 1, 1_200_000);
        (await repository.PatchAsync(location, blob.Bytes[offset..], ("Content-Range", $"{offset}-{blob.Bytes.Length - 1}"))).MustBe(
            HttpStatusCode.Accepted);
        MustBeStored(await repository.PutAsync($"{location}?digest={blob.Digest}", []), repository, blob);
        await MustHoldAsync(repository, blob);
    }

    [Fact]
    public async Task A_whole_blob_whose_client_hung_up_leaves_no_file()
    {
        var repository = Registry.New();
        var blob = Content.Random(2_000_000);
        using (var lost = await RawConnection.OpenAsync(Registry.Host.Client))
        {
            var token = Registry.Host.Tokens.Make("alice", $"repository:{repository.Name}:push");
            await lost.WriteAsync(
                $"POST {repository.PathOf($"blobs/uploads/?digest={blob.Digest}")} HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer "
                + $"{token}\r\nContent-Length: 2000000\r\n\r\n");
            await lost.WriteAsync(blob.Bytes[..1_000_000]);
            await Eventually(() => Task.FromResult(Registry.FilesHolding(blob).Count > 0));
            lost.HangUp();
        }

        await Eventually(() => Task.FromResult(Registry.FilesHolding(blob).Count == 0));
        (await repository.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task Bytes_pushed_over_a_blob_heal_it()
    {
        var repository = Registry.New();
        var blob = await repository.PushBlobAsync();
        File.Delete(FileOf(blob.Digest));
        await repository.PushBlobAsync(blob);
        await MustHoldAsync(repository, blob);
    }

    private string FileOf(string digest) => Path.Combine(Registry.Host.Root, "blobs", digest[..6], digest[7..9], digest[7..]);
}
