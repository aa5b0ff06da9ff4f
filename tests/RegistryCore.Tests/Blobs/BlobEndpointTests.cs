using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using FsCheck.Fluent;

namespace AuthIndex.RegistryCore.Tests.Blobs;

/// <summary>Blobs as clients see them, wherever their bytes are kept.</summary>
public abstract class BlobEndpointSuite(SharedRegistry registry)
{
    [Fact]
    public async Task GET_and_HEAD_describe_a_blob_alike()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        var get = (await repository.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK);
        var head = (await repository.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK);
        Assert.Equal(blob.Bytes, get.Body);
        Assert.Empty(head.Body);
        foreach (var answer in (Answer[])[get, head])
        {
            Assert.Equal("1000", answer["Content-Length"]);
            Assert.Equal("application/octet-stream", answer["Content-Type"]);
            Assert.Equal("bytes", answer["Accept-Ranges"]);
            Assert.Equal(blob.Digest, answer["Docker-Content-Digest"]);
            Assert.Equal($"\"{blob.Digest}\"", answer["ETag"]);
        }
    }

    [Fact]
    public async Task A_blob_of_many_buffers_comes_whole()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync(Content.Random(5_000_001));
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest}")).Body);
    }

    [Theory]
    [InlineData("bytes=0-0", 0, 0)]
    [InlineData("bytes=10-19", 10, 19)]
    [InlineData("bytes=990-", 990, 999)] // docker resumes so
    [InlineData("bytes=0-", 0, 999)]
    [InlineData("bytes=-5", 995, 999)]
    [InlineData("bytes=-5000", 0, 999)]
    [InlineData("bytes=900-99999999999999999999", 900, 999)]
    [InlineData("bytes=5-9,2000-", 5, 9)]
    public async Task One_range_is_answered_with_206_and_just_these_bytes(string range, int first, int last)
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        var get = (await repository.GetAsync($"blobs/{blob.Digest}", ("Range", range))).MustBe(HttpStatusCode.PartialContent);
        Assert.Equal(blob.Bytes[first..(last + 1)], get.Body);
        Assert.Equal(($"bytes {first}-{last}/1000", $"{last - first + 1}"), (get["Content-Range"], get["Content-Length"]));
    }

    [Theory]
    [InlineData("bytes=0-9")]
    [InlineData("bytes=0-0,5-9")]
    [InlineData("bytes=5000-")]
    public async Task A_range_means_nothing_for_HEAD(string range)
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        var head = (await repository.HeadAsync($"blobs/{blob.Digest}", ("Range", range))).MustBe(HttpStatusCode.OK);
        Assert.Equal(("", "1000"), (head["Content-Range"], head["Content-Length"]));
    }

    [Theory]
    [InlineData("bytes=1000-", 1000)]
    [InlineData("bytes=-0", 1000)]
    [InlineData("bytes=9-0", 1000)]
    [InlineData("bytes=99999999999999999999-", 1000)]
    [InlineData("bytes=0-", 0)]
    public async Task An_impossible_range_is_answered_with_416_and_the_size(string range, int size)
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync(Content.Random(size));
        var answer = (await repository.GetAsync($"blobs/{blob.Digest}", ("Range", range))).MustBe(
            HttpStatusCode.RequestedRangeNotSatisfiable, "RANGE_INVALID");
        Assert.Equal($"bytes */{size}", answer["Content-Range"]);
    }

    [Theory]
    [InlineData("bytes=x")]
    [InlineData("lines=0-1")]
    [InlineData("bytes=0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0,0-0")] // one more than are answered one by one
    public async Task What_is_no_range_and_too_many_ranges_get_the_whole_blob(string range)
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest}", ("Range", range))).MustBe(HttpStatusCode.OK).Body);
    }

    [Theory]
    [InlineData("bytes=0-9,20-29", "0-9 20-29")]
    [InlineData("bytes=500-,0-0,-3", "500-999 0-0 997-999")]
    [InlineData("bytes=10-20,15-25,10-20", "10-20 15-25 10-20")]
    [InlineData("bytes=0-9,2000-,990-5000", "0-9 990-999")]
    public async Task Several_ranges_come_as_parts_in_the_order_asked(string header, string expected)
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        var answer = (await repository.GetAsync($"blobs/{blob.Digest}", ("Range", header))).MustBe(HttpStatusCode.PartialContent);
        Assert.Equal("", answer["Content-Range"]);
        var parts = Parts(answer);
        Assert.Equal(expected, string.Join(' ', parts.Select(p => p.Range.Split(' ', '/')[1])));
        foreach (var (type, range, bytes) in parts)
        {
            var ends = range.Split(' ', '/')[1].Split('-').Select(int.Parse).ToArray();
            Assert.Equal(("application/octet-stream", $"bytes {ends[0]}-{ends[1]}/1000"), (type, range));
            Assert.Equal(blob.Bytes[ends[0]..(ends[1] + 1)], bytes);
        }
    }

    [Fact]
    public async Task Ranges_of_any_cut_put_the_blob_together_again()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync(Content.Random(700_000));
        foreach (var cut in Gen.Choose(1, 699_999).Sample(10, 5))
        {
            var head = await repository.GetAsync($"blobs/{blob.Digest}", ("Range", $"bytes=0-{cut - 1}"));
            var tail = await repository.GetAsync($"blobs/{blob.Digest}", ("Range", $"bytes={cut}-"));
            Assert.Equal(blob.Bytes, head.Body.Concat(tail.Body));
        }
    }

    [Fact]
    public async Task A_copy_that_the_client_has_is_not_sent_again()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        foreach (var tag in (string[])[$"\"{blob.Digest}\"", "*", $"W/\"{blob.Digest}\"", $"\"other\", \"{blob.Digest}\""])
        {
            var answer = (await repository.GetAsync($"blobs/{blob.Digest}", ("If-None-Match", tag))).MustBe(HttpStatusCode.NotModified);
            Assert.Empty(answer.Body);
            Assert.Equal($"\"{blob.Digest}\"", answer["ETag"]);
        }

        (await repository.GetAsync($"blobs/{blob.Digest}", ("If-None-Match", "\"other\""))).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_range_under_a_condition_is_sent_only_of_the_same_content()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        var same = await repository.GetAsync($"blobs/{blob.Digest}", ("Range", "bytes=0-9"), ("If-Range", $"\"{blob.Digest}\""));
        Assert.Equal(blob.Bytes[..10], same.MustBe(HttpStatusCode.PartialContent).Body);
        foreach (var other in (string[])["\"other\"", $"W/\"{blob.Digest}\"", "Sat, 01 Jan 2028 00:00:00 GMT"])
        {
            var answer = await repository.GetAsync($"blobs/{blob.Digest}", ("Range", "bytes=0-9"), ("If-Range", other));
            Assert.Equal(blob.Bytes, answer.MustBe(HttpStatusCode.OK).Body);
        }
    }

    [Fact]
    public async Task A_blob_is_never_compressed()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync(new Content(new byte[100_000]));
        var answer = (await repository.GetAsync($"blobs/{blob.Digest}", ("Accept-Encoding", "gzip, zstd, br, deflate"))).MustBe(
            HttpStatusCode.OK);
        Assert.Equal(("", "100000"), (answer["Content-Encoding"], answer["Content-Length"]));
        Assert.Equal(blob.Bytes, answer.Body);
    }

    [Fact]
    public async Task The_parameter_by_which_containerd_names_its_source_changes_nothing()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest}?ns=docker.io")).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(
            blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest.Replace(":", "%3A", StringComparison.Ordinal)}")).MustBe(
                HttpStatusCode.OK).Body);
    }

    [Fact]
    public async Task A_blob_of_another_repository_is_not_here()
    {
        var (owner, other) = (registry.New(), registry.New());
        var blob = await owner.PushBlobAsync();
        await other.PushBlobAsync();
        var answers = new[] { await other.GetAsync($"blobs/{blob.Digest}"), await other.GetAsync($"blobs/{Content.Random().Digest}") };
        Assert.All(answers, answer => answer.MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN"));
        (await other.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
        (await other.GetAsync($"blobs/{blob.Digest}", ("Range", "bytes=0-1"))).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        (await other.GetAsync($"blobs/{blob.Digest}", ("If-None-Match", $"\"{blob.Digest}\""))).MustBe(
            HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        (await other.DeleteAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        (await owner.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task The_same_blob_pushed_elsewhere_does_not_open_it_here()
    {
        var (owner, other, third) = (registry.New(), registry.New(), registry.New());
        var blob = await owner.PushBlobAsync();
        await other.PushBlobAsync(blob);
        (await third.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
        (await other.DeleteAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await other.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
        Assert.Equal(blob.Bytes, (await owner.GetAsync($"blobs/{blob.Digest}")).Body);
    }

    [Theory]
    [InlineData("sha256:abc")]
    [InlineData("abcdef")]
    [InlineData("sha256")]
    [InlineData("latest")]
    [InlineData("sha512:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")] // cut short
    [InlineData("sha256:0123456789ABCDEF0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("sha256:..%2F..%2F..%2F..%2F..%2F..%2F..%2F..%2F..%2F..%2F..%2Fetc%2Fpasswd12345")]
    public async Task What_is_no_digest_is_refused(string digest)
    {
        var repository = registry.New();
        (await repository.GetAsync($"blobs/{digest}")).MustBe(HttpStatusCode.BadRequest, "DIGEST_INVALID");
        (await repository.DeleteAsync($"blobs/{digest}")).MustBe(HttpStatusCode.BadRequest, "DIGEST_INVALID");
    }

    [Fact]
    public async Task A_deleted_blob_is_gone_until_it_is_pushed_again()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync();
        (await repository.DeleteAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await repository.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        (await repository.DeleteAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        await repository.PushBlobAsync(blob);
        Assert.Equal(blob.Bytes, (await repository.GetAsync($"blobs/{blob.Digest}")).Body);
    }

    [Fact]
    public async Task A_pull_that_runs_while_its_blob_is_deleted_gets_all_of_it()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync(Content.Random(20_000_000)); // more than the buffers on the way hold
        using var request = new HttpRequestMessage(HttpMethod.Get, repository.PathOf($"blobs/{blob.Digest}"));
        using var response = await repository.Client.SendAsync(
            request, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        (await repository.DeleteAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.Accepted);
        Assert.Equal(blob.Digest, new Content(await response.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken)).Digest);
    }

    [Fact]
    public async Task Pulls_that_are_hung_up_early_leave_the_registry_serving()
    {
        var repository = registry.New();
        var blob = await repository.PushBlobAsync(Content.Random(20_000_000));
        var token = registry.Host.Tokens.Make("alice", $"repository:{repository.Name}:pull");
        for (var i = 0; i < 5; i++)
        {
            using var connection = await RawConnection.OpenAsync(registry.Host.Client);
            await connection.WriteAsync(
                $"GET {repository.PathOf($"blobs/{blob.Digest}")} HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer "
                + $"{token}\r\nRange: bytes={i}-\r\n\r\n");
            connection.HangUp();
        }

        Assert.Equal(blob.Digest, new Content((await repository.GetAsync($"blobs/{blob.Digest}")).Body).Digest);
    }

    /// <summary>Reads a <c>multipart/byteranges</c> body by its grammar (RFC 2046 section 5.1.1), byte for byte.</summary>
    private static List<(string Type, string Range, byte[] Bytes)> Parts(Answer answer)
    {
        var boundary = Regex.Match(
            answer["Content-Type"], "^multipart/byteranges; boundary=(?<boundary>[0-9A-Za-z]{1,70})$", RegexOptions.ExplicitCapture,
            TimeSpan.FromSeconds(5)).Groups["boundary"].Value;
        Assert.NotEqual("", boundary);
        var text = Encoding.Latin1.GetString(answer.Body); // one character for each byte
        var pieces = text.Split($"\r\n--{boundary}");
        Assert.Equal("", pieces[0]);
        Assert.Equal("--\r\n", pieces[^1]);
        return
        [
            .. pieces[1..^1].Select(piece =>
            {
                var end = piece.IndexOf("\r\n\r\n", StringComparison.Ordinal);
                var headers = piece[..end].Split("\r\n", StringSplitOptions.RemoveEmptyEntries).Select(h => h.Split(": "))
                    .ToDictionary(h => h[0], h => h[1]);
                return (headers["Content-Type"], headers["Content-Range"], Encoding.Latin1.GetBytes(piece[(end + 4)..]));
            }),
        ];
    }
}

/// <summary>Blobs in files.</summary>
public sealed class BlobEndpointTests(SharedRegistry registry) : BlobEndpointSuite(registry), IClassFixture<SharedRegistry>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_missing_or_shortened_file_is_the_registrys_failure_and_never_a_404(bool isMissing)
    {
        await using var host = await TestKit.RegistryHost.StartAsync(o => o.LogLevel = "error");
        var repository = new Repository(host, "some/repo");
        var blob = await repository.PushBlobAsync();
        var file = Path.Combine(host.Root, "blobs", "sha256", blob.Digest[7..9], blob.Digest[7..]);
        if (isMissing) File.Delete(file);
        else await File.WriteAllBytesAsync(file, blob.Bytes[..500], TestContext.Current.CancellationToken);

        foreach (var headers in ((string, string)[][])[[], [("Range", "bytes=0-9")]])
        {
            var answer = (await repository.GetAsync($"blobs/{blob.Digest}", headers)).MustBe(HttpStatusCode.InternalServerError, "UNKNOWN");
            Assert.DoesNotContain(host.Root, Encoding.UTF8.GetString(answer.Body), StringComparison.Ordinal);
            Assert.DoesNotContain("IOException", Encoding.UTF8.GetString(answer.Body), StringComparison.Ordinal);
        }
    }
}
