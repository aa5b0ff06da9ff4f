using System.Net;
using AuthIndex.Hosting;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>The object store is S3.</summary>
public sealed class S3StoreTests(SharedS3 shared) : ObjectStoreSuite(shared)
{
    private readonly SharedS3 shared = shared;

    [Theory]
    [InlineData("secret", "the secret key does not belong to the access key")]
    [InlineData("access", "it does not know the access key")]
    [InlineData("bucket", "there is no such bucket")]
    public async Task A_store_that_refuses_is_named_with_the_reason_at_startup(string wrong, string reason)
    {
        var options = await shared.CreateBucketAsync();
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(folder["key"], "wrong", Cancellation);
        File.SetUnixFileMode(folder["key"], UnixFileMode.UserRead);
        if (wrong == "secret") options.SecretKeyFile = folder["key"];
        else if (wrong == "access") options.AccessKeyFile = folder["key"];
        else options.Bucket = "no-such-bucket";

        var store = Open(options);
        var error = await Assert.ThrowsAsync<OperatorException>(() => store.TryOutAsync(Cancellation));
        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.Contains(reason, store.Problem, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("POST", "?uploads")]
    [InlineData("DELETE", "uploadId=")]
    [InlineData("GET", "?uploads")]
    public async Task A_store_that_refuses_multipart_uploads_is_named_at_startup(string method, string query)
    {
        var store = await BehindRelayAsync();
        Relay.Fault = (asked, path, _) =>
            asked == method && path.Contains(query, StringComparison.Ordinal) ? StoreFault.InvalidPart : StoreFault.None;
        var refused = await Assert.ThrowsAsync<OperatorException>(() => store.TryOutAsync(Cancellation));
        Assert.Contains("multipart", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_presigned_url_is_for_GET_and_not_for_HEAD()
    {
        var store = Open(await shared.CreateBucketAsync());
        await store.PutAsync("key", new byte[] { 1 }, Cancellation);
        using var http = new HttpClient();
        using var request = new HttpRequestMessage(HttpMethod.Head, store.Presign("key", TimeSpan.FromMinutes(1)));
        using var head = await http.SendAsync(request, Cancellation);
        Assert.Equal(HttpStatusCode.Forbidden, head.StatusCode);
    }
}
