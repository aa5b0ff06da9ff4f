using System.Net;

namespace AuthIndex.RegistryCore.Tests.Uploads;

/// <summary>Mounting a blob of another repository (OCI distribution-spec 1.1, "Mounting a blob from another repository").</summary>
public sealed class MountTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    [Fact]
    public async Task A_blob_that_the_token_can_pull_is_linked()
    {
        var (source, target) = (registry.New(), registry.New());
        var blob = await source.PushBlobAsync();
        var mounted =
            (await target.As("alice", "pull,push", $"repository:{source.Name}:pull")
                .PostAsync($"blobs/uploads/?mount={blob.Digest}&from={source.Name}")).MustBe(HttpStatusCode.Created);
        Assert.Equal((target.PathOf($"blobs/{blob.Digest}"), blob.Digest), (mounted["Location"], mounted["Docker-Content-Digest"]));
        Assert.Equal(blob.Bytes, (await target.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK).Body);
    }

    [Theory]
    [InlineData("")]
    [InlineData("push,delete")]
    public async Task A_source_that_the_token_cannot_pull_gives_an_ordinary_session_and_shows_nothing(string actions)
    {
        var (source, target) = (registry.New(), registry.New());
        var blob = await source.PushBlobAsync();
        var pusher = target.As("mallory", "pull,push", actions.Length == 0 ? [] : [$"repository:{source.Name}:{actions}"]);
        var present = (await pusher.PostAsync($"blobs/uploads/?mount={blob.Digest}&from={source.Name}")).MustBe(HttpStatusCode.Accepted);
        var absent = (await pusher.PostAsync($"blobs/uploads/?mount={Content.Random().Digest}&from={source.Name}")).MustBe(
            HttpStatusCode.Accepted);
        Assert.Equal(present.Headers.Keys.Order(StringComparer.Ordinal), absent.Headers.Keys.Order(StringComparer.Ordinal));
        (await target.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);

        (await pusher.PutAsync($"{present["Location"]}?digest={blob.Digest}", blob.Bytes)).MustBe(HttpStatusCode.Created);
    }

    [Theory]
    [InlineData("never/used")]
    [InlineData("NOT%20A%20NAME")]
    [InlineData("..%2F..")]
    [InlineData("")]
    public async Task A_source_that_is_not_there_gives_an_ordinary_session(string from)
    {
        var target = registry.New();
        (await target.As("alice", "pull,push", "repository:never/used:pull")
            .PostAsync($"blobs/uploads/?mount={Content.Random().Digest}&from={from}")).MustBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task Without_a_source_any_repository_that_the_token_can_pull_will_do()
    {
        var (unreadable, source, target) = (registry.New(), registry.New(), registry.New());
        var (hidden, blob) = (await unreadable.PushBlobAsync(), await source.PushBlobAsync());
        var pusher = target.As("alice", "pull,push", $"repository:{source.Name}:pull", $"repository:{unreadable.Name}:push");
        (await pusher.PostAsync($"blobs/uploads/?mount={blob.Digest}")).MustBe(HttpStatusCode.Created);
        (await pusher.PostAsync($"blobs/uploads/?mount={hidden.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await target.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK);
        (await target.HeadAsync($"blobs/{hidden.Digest}")).MustBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_blob_that_is_already_in_the_repository_is_mounted_from_itself()
    {
        var target = registry.New();
        var blob = await target.PushBlobAsync();
        (await target.PostAsync($"blobs/uploads/?mount={blob.Digest}")).MustBe(HttpStatusCode.Created);
    }

    [Theory]
    [InlineData("")]
    [InlineData("sha256:abc")]
    [InlineData("..%2F..%2Fetc")]
    public async Task What_is_no_digest_cannot_be_mounted(string digest) =>
        (await registry.New().PostAsync($"blobs/uploads/?mount={digest}&from=some/repo")).MustBe(
            HttpStatusCode.BadRequest, "DIGEST_INVALID");

    [Fact]
    public async Task A_mounted_blob_outlives_the_link_it_came_from()
    {
        var (source, target) = (registry.New(), registry.New());
        var blob = await source.PushBlobAsync();
        await target.As("alice", "pull,push", $"repository:{source.Name}:pull")
            .PostAsync($"blobs/uploads/?mount={blob.Digest}&from={source.Name}");
        (await source.DeleteAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await source.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
        Assert.Equal(blob.Bytes, (await target.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK).Body);
    }
}
