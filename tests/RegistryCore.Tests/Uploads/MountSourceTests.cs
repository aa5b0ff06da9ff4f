using System.Net;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.Uploads;

/// <summary>Mounts by clients that asked for no token on the source: what they are told depends on what the index says they may.</summary>
public sealed class MountSourceTests : IAsyncLifetime
{
    private StandIn index = null!;
    private RegistryHost host = null!;
    private Repository source = null!;
    private Repository target = null!;
    private string pullable = "";

    public async ValueTask InitializeAsync()
    {
        index = await StandIn.StartAsync();
        index.Answer = http => http.Response.WriteAsJsonAsync(
            new { repositories = pullable.Split(' ', StringSplitOptions.RemoveEmptyEntries) });
        host = await RegistryHost.StartAsync(o =>
        {
            o.TokenServer.Url = index.Url;
            o.Reporting.Enabled = true;
        });
        OwnerOnlyFile.Write(Path.Combine(Path.GetDirectoryName(host.Root)!, "registry-credential"), "s3cret\n");
        (source, target) = (new Repository(host, "team/source"), new Repository(host, "team/target"));
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await index.DisposeAsync();
    }

    [Fact]
    public async Task Without_a_token_a_mount_is_challenged_for_its_source_too()
    {
        var challenge = await ChallengeAsync($"/v2/team/target/blobs/uploads/?mount={Content.Random().Digest}&from=team/source");
        Assert.Contains("scope=\"repository:team/target:pull,push repository:team/source:pull\"", challenge, StringComparison.Ordinal);
        foreach (var query in (string[])[
            "", "?from=team/source", $"?mount={Content.Random().Digest}", $"?mount={Content.Random().Digest}&from=NO%22NAME"])
        {
            Assert.Contains(
                "scope=\"repository:team/target:pull,push\"", await ChallengeAsync("/v2/team/target/blobs/uploads/" + query),
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Who_may_pull_from_the_source_is_told_to_fetch_a_token_that_says_so_and_mounts_with_it()
    {
        pullable = "team/source";
        var blob = await source.PushBlobAsync();
        var refused = (await target.PostAsync($"blobs/uploads/?mount={blob.Digest}&from=team/source")).MustBe(
            HttpStatusCode.Unauthorized, "DENIED");
        Assert.Contains(
            "scope=\"repository:team/target:pull,push repository:team/source:pull\",error=\"insufficient_scope\"",
            refused["WWW-Authenticate"], StringComparison.Ordinal);
        (await target.HeadAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.NotFound);
        (await target.As("alice", "pull,push", "repository:team/source:pull")
            .PostAsync($"blobs/uploads/?mount={blob.Digest}&from=team/source")).MustBe(HttpStatusCode.Created);
    }

    [Theory]
    [InlineData("")]
    [InlineData("team/other")]
    public async Task Who_may_not_pull_from_it_gets_an_ordinary_session(string others)
    {
        pullable = others;
        var blob = await source.PushBlobAsync();
        (await target.PostAsync($"blobs/uploads/?mount={blob.Digest}&from=team/source")).MustBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task A_blob_that_is_not_there_or_an_index_that_is_away_gives_an_ordinary_session()
    {
        pullable = "team/source";
        (await target.PostAsync($"blobs/uploads/?mount={Content.Random().Digest}&from=team/source")).MustBe(HttpStatusCode.Accepted);

        var blob = await source.PushBlobAsync();
        await index.StopAsync();
        (await target.PostAsync($"blobs/uploads/?mount={blob.Digest}&from=team/source")).MustBe(HttpStatusCode.Accepted);
        await index.StartAgainAsync();
    }

    [Fact]
    public async Task Whether_a_private_source_holds_the_blob_is_not_looked_at_before_the_right_to_it()
    {
        var held = await source.PushBlobAsync();
        foreach (var (digest, asked) in new[] { (held.Digest, 1), (Content.Random().Digest, 2) })
        {
            (await target.PostAsync($"blobs/uploads/?mount={digest}&from=team/source")).MustBe(HttpStatusCode.Accepted);
            Assert.Equal(asked, index.Asked.Count(path => path == "/index/v1/pullable"));
        }
    }

    private async Task<string> ChallengeAsync(string path)
    {
        using var response = await host.Client.PostAsync(new Uri(path, UriKind.Relative), null, TestContext.Current.CancellationToken);
        return (await Answer.ReadAsync(response)).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED")["WWW-Authenticate"];
    }
}
