using System.Net;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Backups;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.RegistryCore.Upstreams.Filling;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>Upstreams that hang, break and mislead, and clients that make use of them.</summary>
public sealed class UpstreamFaultTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly UpstreamOptions options = new() { Name = "hub", Ns = ["docker.io"], Library = true, Check = TimeSpan.FromSeconds(30) };
    private readonly List<UpstreamOptions> configured = [];
    private ByteSize floor = new(0);
    private StubUpstream upstream = null!;
    private RegistryHost host = null!;
    private Repository app = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Downloads => Path.Combine(host.Root, "downloads");

    public async ValueTask InitializeAsync()
    {
        upstream = await StubUpstream.StartAsync();
        options.Url = upstream.Url;
        configured.Add(options);
        host = await RegistryHost.StartAsync(o => (o.Upstreams, o.FreeSpaceFloor) = ([.. configured], floor));
        app = new Repository(host, "hub/acme/app");
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_hung_upstream_leaves_the_copies_and_is_then_left_alone()
    {
        foreach (var tag in new[] { "1", "2", "3", "4" })
        {
            upstream.Image("acme/app", tag);
            (await app.GetAsync($"manifests/{tag}")).MustBe(HttpStatusCode.OK);
        }

        host.Clock.Advance(options.Check);
        var go = new TaskCompletionSource();
        upstream.Instead = async _ =>
        {
            await go.Task;
            return false;
        };
        string[] tails = ["manifests/1", "manifests/2", "tags/list"];
        foreach (var answer in await Task.WhenAll(tails.Select(t => app.GetAsync(t))))
        {
            Assert.StartsWith("110 ", answer.MustBe(HttpStatusCode.OK)["Warning"], StringComparison.Ordinal);
        }

        var before = upstream.Asked.Count;
        (await app.GetAsync("manifests/4")).MustBe(HttpStatusCode.OK);
        Assert.Equal(before, upstream.Asked.Count);
        go.SetResult();
    }

    [Fact]
    public async Task So_many_manifests_are_in_memory_at_once_and_the_rest_wait()
    {
        const int most = 32, asked = most + 8;
        var (gate, go, active, peak) = (new Lock(), new TaskCompletionSource(), 0, 0);
        upstream.Instead = async _ =>
        {
            lock (gate) peak = Math.Max(peak, ++active);
            await go.Task;
            lock (gate) active--;
            return false;
        };
        for (var i = 0; i < asked; i++) upstream.Image("acme/app", $"{i}");
        var pulls = Enumerable.Range(0, asked).Select(i => app.GetAsync($"manifests/{i}")).ToList();
        await Eventually.TrueAsync(() => Task.FromResult(peak >= most), Patience, () => $"{peak} at once");
        var first = await Task.WhenAny(pulls); // those that wait are told to come again, once they have waited for long
        var late = (await first).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Equal("1", late["Retry-After"]);
        Assert.Contains("too much is being read", late.ErrorMessage, StringComparison.Ordinal);
        Assert.Equal(most, peak);
        go.SetResult();
        await Task.WhenAll(pulls);
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task An_upstream_that_always_breaks_off_is_left_alone()
    {
        upstream.Instead = async http =>
        {
            http.Response.ContentLength = 1000;
            await http.Response.Body.WriteAsync(new byte[10]);
            await http.Response.Body.FlushAsync();
            http.Abort();
            return true;
        };
        for (var i = 0; i < 5; i++) (await app.GetAsync($"manifests/{i}")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Equal(3, upstream.Asked.Count);
    }

    [Fact]
    public async Task What_a_client_can_provoke_keeps_nobody_from_the_upstream()
    {
        upstream.Instead = http =>
        {
            http.Response.StatusCode = 500;
            return Task.FromResult(true);
        };
        for (var i = 0; i < 5; i++) (await app.GetAsync($"manifests/{i}")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Equal(5, upstream.Asked.Count);
        upstream.Instead = http =>
        {
            http.Response.Redirect("http://127.0.0.1:1/gone");
            return Task.FromResult(true);
        };
        for (var i = 5; i < 10; i++) (await app.GetAsync($"manifests/{i}")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Equal(10, upstream.Asked.Count);
        foreach (var bad in new[] { "n=x", "n=", "n=9999999999", $"last={new string('a', 300)}", "last=%00" })
        {
            (await app.GetAsync($"tags/list?{bad}")).MustBe(HttpStatusCode.BadRequest, "UNSUPPORTED");
        }

        Assert.Equal(10, upstream.Asked.Count);
    }

    [Fact]
    public async Task Downloads_that_wait_hold_no_file_and_go_with_the_last_who_wants_them()
    {
        var go = new TaskCompletionSource();
        upstream.Instead = async _ =>
        {
            await go.Task;
            return false;
        };
        using var leaving = new CancellationTokenSource();
        var first = Enumerable.Range(0, 32).Select(_ => app.GetAsync($"blobs/{Content.Random().Digest}")).ToList();
        await Eventually.TrueAsync(() => upstream.Asked.Count == 32, Patience, () => $"{upstream.Asked.Count} downloads run");
        var queued = Enumerable.Range(0, 8)
            .Select(_ => app.Client.GetAsync(app.PathOf($"blobs/{Content.Random().Digest}"), leaving.Token)).ToList();
        var fills = host.Service<BlobFills>();
        await Eventually.TrueAsync(() => fills.Count == 40, Patience, () => $"{fills.Count} downloads");
        Assert.Equal(32, Directory.GetFiles(Downloads).Length);
        await leaving.CancelAsync();
        foreach (var one in queued) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        await Eventually.TrueAsync(() => fills.Count == 32, Patience, () => $"{fills.Count} downloads");
        go.SetResult();
        foreach (var one in first) (await one).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        Assert.Equal(32, upstream.Asked.Count);
    }

    [Fact]
    public async Task A_blob_that_is_refused_or_missing_is_asked_for_once_a_minute()
    {
        var (refused, missing) = (Content.Random().Digest, Content.Random().Digest);
        upstream.Instead = http =>
        {
            http.Response.StatusCode = http.Request.Path.Value!.EndsWith(refused, StringComparison.Ordinal) ? 403 : 404;
            return Task.FromResult(true);
        };
        for (var i = 0; i < 2; i++)
        {
            (await app.GetAsync($"blobs/{refused}")).MustBe(HttpStatusCode.Forbidden, "DENIED");
            (await app.GetAsync($"blobs/{missing}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
            (await app.HeadAsync($"blobs/{missing}")).MustBe(HttpStatusCode.NotFound);
        }

        Assert.Equal(2, upstream.Asked.Count);
    }

    [Fact]
    public async Task The_failure_of_another_repositorys_download_is_nobody_elses()
    {
        var blob = Content.Random(100_000);
        upstream.Put("acme/other", blob);
        var go = new TaskCompletionSource();
        upstream.Instead = async http =>
        {
            if (!http.Request.Path.Value!.Contains("/acme/app/", StringComparison.Ordinal)) return false;
            await go.Task;
            http.Response.StatusCode = 403;
            return true;
        };
        var tail = $"blobs/{blob.Digest}";
        var refused = app.GetAsync(tail);
        await Eventually.TrueAsync(() => upstream.Count("GET", tail) == 1, Patience, () => "the download does not begin");
        var joined = new Repository(host, "hub/acme/other").GetAsync(tail);
        await Eventually.TrueAsync(() => upstream.Count("HEAD", tail) == 1, Patience, () => "the other is not asked about");
        go.SetResult();
        Assert.Equal(blob.Bytes, (await joined).MustBe(HttpStatusCode.OK).Body);
        (await refused).MustBe(HttpStatusCode.Forbidden, "DENIED");
    }

    [Fact]
    public async Task A_download_that_trickles_is_ended()
    {
        var blob = Content.Random(3_000_000);
        var go = new TaskCompletionSource();
        upstream.Instead = async http =>
        {
            http.Response.ContentLength = blob.Size;
            await http.Response.Body.WriteAsync(blob.Bytes.AsMemory(0, 500_000));
            await http.Response.Body.FlushAsync();
            await go.Task;
            await http.Response.Body.WriteAsync(blob.Bytes.AsMemory(500_000, 1000));
            await http.Response.Body.FlushAsync();
            return true;
        };
        using var answer = await app.Client.GetAsync(
            app.PathOf($"blobs/{blob.Digest}"), HttpCompletionOption.ResponseHeadersRead, Cancellation);
        await using var body = await answer.Content.ReadAsStreamAsync(Cancellation);
        await body.ReadExactlyAsync(new byte[499_000], Cancellation);
        host.Clock.Advance(TimeSpan.FromMinutes(5));
        go.SetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => body.CopyToAsync(Stream.Null, Cancellation));
        await Eventually.TrueAsync(() => host.Service<BlobFills>().Count == 0, Patience, () => "the download goes on");
        Assert.Single(upstream.Asked);
    }

    [Fact]
    public async Task The_registry_that_containerd_names_comes_before_a_prefix()
    {
        await using var other = await StubUpstream.StartAsync();
        configured.Add(new UpstreamOptions { Name = "ghcr", Url = other.Url, Ns = ["ghcr.io"] });
        await host.RestartAsync();
        upstream.Image("tool/x", "1");
        upstream.Image("library/alpine", "1");
        var (manifest, _, _) = other.Image("hub/tool/x", "1");
        var asked = new Repository(host, "ghcr/hub/tool/x");
        Assert.Equal(manifest.Bytes, (await asked.GetAsync("/v2/hub/tool/x/manifests/1?ns=ghcr.io")).MustBe(HttpStatusCode.OK).Body);
        (await new Repository(host, "library/alpine").GetAsync("manifests/1?ns=quay.io"))
            .MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task A_full_volume_leaves_the_copies_of_tags_that_moved()
    {
        var (first, _, _) = upstream.Image("acme/app", "1");
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        floor = new ByteSize(long.MaxValue / 2);
        await host.RestartAsync();
        app = new Repository(host, "hub/acme/app");
        upstream.Image("acme/app", "1");
        upstream.Image("acme/app", "2");
        var stale = (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        Assert.Equal(first.Bytes, stale.Body);
        Assert.Contains("cannot be stored here", stale["Warning"], StringComparison.Ordinal);
        (await app.GetAsync("manifests/2")).MustBe(HttpStatusCode.InsufficientStorage, "UNAVAILABLE");
    }

    [Fact]
    public async Task A_restored_registry_knows_its_copies()
    {
        var (manifest, _, _) = upstream.Image("acme/app", "1");
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        using var folder = new TemporaryDirectory(inMemory: true);
        await host.Service<Backup>().RunAsync(folder["backup"], Cancellation);
        await host.RestartAsync(() =>
        {
            Directory.Move(host.Root, folder["lost"]);
            Restore.RunAsync(folder["backup"], host.Root, TimeProvider.System, Cancellation).GetAwaiter().GetResult();
        });
        app = new Repository(host, "hub/acme/app");
        Assert.Equal(manifest.Bytes, (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(["hub"], await host.Service<IRepositoryStore>().UpstreamPrefixesAsync());
    }

    [Fact]
    public async Task The_prefix_of_a_former_upstream_takes_no_pushes()
    {
        var (manifest, _, _) = upstream.Image("acme/app", "1");
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        configured.Clear();
        await host.RestartAsync();
        app = new Repository(host, "hub/acme/app");
        Assert.Equal(manifest.Bytes, (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK).Body);
        (await app.PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        (await new Repository(host, "hub/new").PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        (await new Repository(host, "hubble/app").PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Accepted);
        Assert.Empty(await host.Service<IManifestStore>().UnmetNeedsAsync());
    }

    [Theory]
    [InlineData("library/")]
    [InlineData("hub/")]
    public async Task A_name_of_an_upstream_that_is_too_long_is_nobodys(string start)
    {
        var name = start + new string('a', 255 - start.Length);
        (await new Repository(host, name).PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        (await new Repository(host, name).GetAsync("manifests/1")).MustBe(HttpStatusCode.BadRequest, "NAME_INVALID");
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task A_tag_whose_new_manifest_is_missing_is_not_deleted()
    {
        options.KeepWhenGone = false;
        var (first, _, _) = upstream.Image("acme/app", "1");
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        var (second, _, _) = upstream.Image("acme/app", "1");
        upstream.Things.TryRemove($"acme/app/manifests/{second.Digest}", out _);
        host.Clock.Advance(options.Check);
        Assert.Equal(first.Bytes, (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK).Body);
    }

    [Fact]
    public async Task Lists_are_of_the_name_that_was_asked_for_and_only_of_what_is_allowed()
    {
        options.Allow = ["library/*"];
        await host.RestartAsync();
        upstream.Instead = async http =>
        {
            http.Response.Headers.Link = "</v2/library/alpine/tags/list?last=b&n=2>; rel=\"next\"";
            await http.Response.Body.WriteAsync("""{"name":"library/alpine","tags":["a","b"]}"""u8.ToArray());
            return true;
        };
        var tags = (await new Repository(host, "library/alpine").GetAsync("tags/list?n=2")).MustBe(HttpStatusCode.OK);
        Assert.Equal("</v2/library/alpine/tags/list?last=b&n=2>; rel=\"next\"", tags["Link"]);
        app = new Repository(host, "hub/acme/app");
        (await app.GetAsync("tags/list")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        (await app.GetAsync($"referrers/{Content.Random().Digest}")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        Assert.Single(upstream.Asked);
    }

    [Fact]
    public async Task A_range_that_is_not_given_or_that_ends_the_blob_comes_from_the_download()
    {
        var large = Content.Random(20 * 1024 * 1024);
        var go = new TaskCompletionSource();
        upstream.Instead = async http =>
        {
            if (http.Request.Headers.Range.Count > 0)
            {
                http.Response.StatusCode = 403;
                return true;
            }

            http.Response.ContentLength = large.Size;
            await http.Response.Body.WriteAsync(large.Bytes.AsMemory(0, 100_000));
            await http.Response.Body.FlushAsync();
            await go.Task;
            await http.Response.Body.WriteAsync(large.Bytes.AsMemory(100_000));
            return true;
        };
        var tail = $"blobs/{large.Digest}";
        var refused = app.GetAsync(tail, ("Range", "bytes=19000000-19000099"));
        await Eventually.TrueAsync(() => upstream.Count("GET", tail) == 2, Patience, () => "nothing is forwarded");
        var last = app.GetAsync(tail, ("Range", "bytes=19000000-"));
        go.SetResult();
        Assert.Equal(large.Bytes[19_000_000..19_000_100], (await refused).MustBe(HttpStatusCode.PartialContent).Body);
        Assert.Equal(large.Bytes[19_000_000..], (await last).MustBe(HttpStatusCode.PartialContent).Body);
        Assert.Equal(2, upstream.Count("GET", tail));
    }
}
