using System.Net;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>What requests hold that is read alike by every operation.</summary>
public sealed class V2QueryTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    [Theory]
    [InlineData("application/spdx+json")]
    [InlineData("application/spdx%2Bjson")]
    public async Task A_plus_in_a_query_is_a_plus_written_out_or_not(string type)
    {
        var repository = registry.New();
        var subject = await repository.PushManifestAsync(Manifest.Empty(), "v1");
        var bill = Content.Text(
            $$"""{"schemaVersion":2,"mediaType":"{{Manifest.Index}}","artifactType":"application/spdx+json","manifests":[],"subject":{{subject.Descriptor(Manifest.Index)}}}""");
        await repository.PushManifestAsync(bill);
        var listed = (await repository.GetAsync($"referrers/{subject.Digest}?artifactType={type}")).MustBe(HttpStatusCode.OK);
        Assert.Equal("artifactType", listed["OCI-Filters-Applied"]);
        Assert.Equal(bill.Digest, Assert.Single(listed.Json.GetProperty("manifests").EnumerateArray()).GetProperty("digest").GetString());
    }

    [Theory]
    [InlineData("PATCH", "80000000")]
    [InlineData("PATCH", "7fffffffffffffff")]
    [InlineData("PUT", "ffffffffffffffffffff")]
    public async Task A_chunk_of_a_size_that_nobody_can_send_is_the_clients_fault(string method, string size)
    {
        var repository = registry.New();
        var location = await repository.StartUploadAsync();
        var token = registry.Host.Tokens.Make("alice", $"repository:{repository.Name}:push");
        using var connection = await RawConnection.OpenAsync(registry.Host.Client);
        await connection.WriteAsync(
            $"{method} {location}?digest={Content.Random().Digest} HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer "
            + $"{token}\r\nTransfer-Encoding: chunked\r\n\r\n{size}\r\nabc");
        (await connection.ReadAnswerAsync()).MustBe(HttpStatusCode.BadRequest, "UNSUPPORTED");
    }

    [Theory]
    [InlineData("tags/list")]
    [InlineData("referrers/{0}")]
    [InlineData("manifests/v1")]
    [InlineData("/v2/_catalog")]
    public async Task HEAD_says_what_GET_says(string path)
    {
        var repository = new Repository(registry.Host, registry.New().Name, otherScopes: "registry:catalog:*");
        var manifest = await repository.PushManifestAsync(Manifest.Empty(), "v1");
        path = path.Replace("{0}", manifest.Digest, StringComparison.Ordinal);
        if (path == "/v2/_catalog") path += $"?n=1&last={repository.Name[..^1]}"; // other tests push meanwhile
        var (get, head) =
            ((await repository.GetAsync(path)).MustBe(HttpStatusCode.OK), (await repository.HeadAsync(path)).MustBe(HttpStatusCode.OK));
        Assert.Empty(head.Body);
        foreach (var header in (string[])["Content-Type", "Content-Length", "Link", "Docker-Content-Digest"])
        {
            Assert.Equal(get[header], head[header]);
        }

        Assert.Equal($"{get.Body.Length}", head["Content-Length"]);
    }

    [Fact]
    public async Task HEAD_of_an_upload_says_where_it_stands()
    {
        var repository = registry.New();
        var location = await repository.StartUploadAsync();
        await repository.PatchAsync(location, new byte[100]);
        Assert.Equal("0-99", (await repository.HeadAsync(location)).MustBe(HttpStatusCode.NoContent)["Range"]);
    }
}
