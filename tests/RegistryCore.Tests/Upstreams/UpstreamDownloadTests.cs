using System.Net;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Tests.Storage;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.RegistryCore.Upstreams.Filling;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>How many downloads there are at most, and what is left of one that ends with its process.</summary>
public sealed class UpstreamDownloadTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private StubUpstream upstream = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync() => upstream = await StubUpstream.StartAsync();

    public ValueTask DisposeAsync() => upstream.DisposeAsync();

    [Fact]
    public async Task Many_who_begin_the_same_download_at_once_begin_one()
    {
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [upstream.Options()]);
        var (fills, repository, client) = PartsOf(host);
        for (var i = 0; i < 20; i++)
        {
            var blob = Content.Random();
            upstream.Put("acme/app", blob);
            var go = new TaskCompletionSource();
            var started = Enumerable.Range(0, 16).Select(_ => Task.Run(
                async () =>
                {
                    await go.Task;
                    return await fills.GetAsync(repository, DigestOf(blob), client, Cancellation);
                },
                Cancellation)).ToList();
            go.SetResult();
            foreach (var fill in (await Task.WhenAll(started)).OfType<BlobFill>())
            {
                await fill.Head;
                fill.Exit();
                await fill.Ended;
            }

            Assert.Equal(1, upstream.Count("GET", blob.Digest));
        }
    }

    [Fact]
    public async Task More_than_a_thousand_downloads_that_wait_are_refused()
    {
        var go = new TaskCompletionSource();
        upstream.Instead = async _ =>
        {
            await go.Task;
            return false;
        };
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [upstream.Options()]);
        var (fills, repository, client) = PartsOf(host);
        for (var i = 0; i < 1032; i++) await fills.GetAsync(repository, DigestOf(Content.Random()), client, Cancellation);
        var app = new Repository(host, "hub/acme/app");
        var refused = (await app.GetAsync($"blobs/{Content.Random().Digest}")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Contains("too many downloads wait for it already", refused.ErrorMessage, StringComparison.Ordinal);
        Assert.Equal("10", refused["Retry-After"]);
        Assert.Equal(1032, fills.Count);
        go.SetResult();
        await Eventually.TrueAsync(() => fills.Count == 0, Patience, () => $"{fills.Count} downloads go on");
        var blob = Content.Random();
        upstream.Put("acme/app", blob);
        (await app.GetAsync($"blobs/{blob.Digest}")).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_download_that_is_killed_leaves_nothing_and_is_made_anew()
    {
        var blob = Content.Random(3_000_000);
        upstream.Put("acme/app", blob);
        var go = new TaskCompletionSource();
        upstream.Instead = async http =>
        {
            http.Response.ContentLength = blob.Size;
            await http.Response.Body.WriteAsync(blob.Bytes.AsMemory(0, 1_000_000));
            await http.Response.Body.FlushAsync();
            await go.Task;
            return true;
        };
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await File.WriteAllTextAsync(
            folder["authindex.yaml"], $"registry:\n  upstreams:\n    - {{ name: hub, url: '{upstream.Url}' }}\n", Cancellation);
        string[] configured = ["env", $"AUTHINDEX_CONFIG={folder["authindex.yaml"]}"];
        var downloads = Path.Combine(folder["data"], "registry", "downloads");
        Directory.CreateDirectory(folder["data"]);
        var path = $"/v2/hub/acme/app/blobs/{blob.Digest}";
        await using (var server = await RegistryProcess.ServeUnderAsync(configured, folder["data"], tokens))
        {
            using var client = server.Client(tokens, "repository:hub/acme/app:pull");
            using var answer = await client.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, Cancellation);
            await using var body = await answer.Content.ReadAsStreamAsync(Cancellation);
            await body.ReadExactlyAsync(new byte[900_000], Cancellation);
            await server.KillAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => body.CopyToAsync(Stream.Null, Cancellation));
        }

        Assert.Equal(1_000_000, new FileInfo(Assert.Single(Directory.GetFiles(downloads))).Length);
        go.SetResult();
        upstream.Instead = _ => Task.FromResult(false);
        await using var again = await RegistryProcess.ServeUnderAsync(configured, folder["data"], tokens);
        Assert.Empty(Directory.GetFiles(downloads));
        using var next = again.Client(tokens, "repository:hub/acme/app:pull");
        Assert.Equal(blob.Bytes, await next.GetByteArrayAsync(path, Cancellation));
        Assert.Equal(2, upstream.Count("GET", blob.Digest));
        Assert.Empty(Directory.GetFiles(downloads));
    }

    private static (BlobFills Fills, UpstreamRepository Repository, UpstreamClient Client) PartsOf(RegistryHost host)
    {
        Assert.True(RepositoryName.TryParse("hub/acme/app", out var name));
        var repository = host.Service<UpstreamNames>().Find(name, null) ?? throw new InvalidOperationException("It is no upstream's.");
        return (host.Service<BlobFills>(), repository, host.Service<UpstreamClients>().Of(repository.Upstream));
    }

    private static Digest DigestOf(Content content) => Digest.ParseStored(content.Digest);
}
