using System.Net;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Upstreams.Filling;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>How blobs of an upstream come here.</summary>
public sealed class UpstreamBlobTests : IAsyncLifetime
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Content blob = Content.Random(3_000_000);
    private StubUpstream upstream = null!;
    private RegistryHost host = null!;
    private Repository app = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    private string Tail => $"blobs/{blob.Digest}";

    private string Downloads => Path.Combine(host.Root, "downloads");

    public async ValueTask InitializeAsync()
    {
        upstream = await StubUpstream.StartAsync();
        host = await RegistryHost.StartAsync(o => o.Upstreams = [upstream.Options()]);
        app = new Repository(host, "hub/acme/app");
        upstream.Put("acme/app", blob);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task Many_clients_of_one_blob_share_one_download_and_read_it_while_it_arrives()
    {
        var go = new TaskCompletionSource();
        SendIn2Parts(go.Task);
        var clients = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => BeginAsync(app)));
        foreach (var client in clients) Assert.True(await client.ReadAsync(new byte[1000], Cancellation) > 0); // the upstream waits still
        Assert.Single(Directory.GetFiles(Downloads));
        go.SetResult();
        foreach (var client in clients) Assert.True(await DrainAsync(client) > 0);
        Assert.Equal(1, upstream.Count("GET", Tail));
        await QuietAsync();
        Assert.Equal(blob.Bytes, (await app.GetAsync(Tail)).MustBe(HttpStatusCode.OK).Body);
        Assert.Empty(Directory.GetFiles(Downloads));
        Assert.Equal(1, upstream.Count("GET", Tail));
    }

    [Fact]
    public async Task A_client_that_hangs_up_does_not_end_the_download()
    {
        var go = new TaskCompletionSource();
        SendIn2Parts(go.Task);
        await (await BeginAsync(app)).DisposeAsync();
        go.SetResult();
        await QuietAsync();
        Assert.Equal(blob.Bytes, (await app.GetAsync(Tail)).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(1, upstream.Count("GET", Tail));
    }

    [Fact]
    public async Task A_range_is_answered_as_soon_as_its_bytes_are_there()
    {
        var go = new TaskCompletionSource();
        SendIn2Parts(go.Task);
        var answer = (await app.GetAsync(Tail, ("Range", "bytes=1000-1999"))).MustBe(HttpStatusCode.PartialContent);
        Assert.Equal(blob.Bytes[1000..2000], answer.Body);
        Assert.Equal($"bytes 1000-1999/{blob.Size}", answer["Content-Range"]);
        Assert.Equal($"\"{blob.Digest}\"", answer["ETag"]);
        (await app.GetAsync(Tail, ("Range", "bytes=4000000-"))).MustBe(HttpStatusCode.RequestedRangeNotSatisfiable, "RANGE_INVALID");
        var suffix = app.GetAsync(Tail, ("Range", "bytes=-10"));
        go.SetResult();
        Assert.Equal(blob.Bytes[^10..], (await suffix).MustBe(HttpStatusCode.PartialContent).Body);
        Assert.Equal(1, upstream.Count("GET", Tail));
    }

    [Fact]
    public async Task A_range_far_ahead_is_forwarded()
    {
        var large = Content.Random(40 * 1024 * 1024);
        upstream.Put("acme/app", large);
        var go = new TaskCompletionSource();
        upstream.Instead = async http =>
        {
            if (http.Request.Headers.Range.Count > 0) return false;
            http.Response.ContentLength = large.Size;
            await http.Response.Body.WriteAsync(large.Bytes.AsMemory(0, 1_000_000));
            await http.Response.Body.FlushAsync();
            await go.Task;
            await http.Response.Body.WriteAsync(large.Bytes.AsMemory(1_000_000));
            return true;
        };
        var answer = await app.GetAsync($"blobs/{large.Digest}", ("Range", "bytes=39000000-39000099"));
        Assert.Equal(large.Bytes[39_000_000..39_000_100], answer.MustBe(HttpStatusCode.PartialContent).Body);
        Assert.Equal($"bytes 39000000-39000099/{large.Size}", answer["Content-Range"]);
        go.SetResult();
        await QuietAsync();
        Assert.Equal(large.Size, (await app.HeadAsync($"blobs/{large.Digest}")).MustBe(HttpStatusCode.OK)["Content-Length"] is { } l ? long.Parse(l) : 0);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_download_that_breaks_goes_on_where_it_broke(bool knowsRanges)
    {
        var breaks = 0;
        upstream.Instead = async http =>
        {
            if (Interlocked.Increment(ref breaks) > 2)
            {
                if (!knowsRanges) http.Request.Headers.Remove("Range");
                return false;
            }

            var from = http.Request.Headers.Range is [{ } r] && knowsRanges ? int.Parse(r["bytes=".Length..].TrimEnd('-')) : 0;
            if (from > 0)
            {
                http.Response.StatusCode = 206;
                http.Response.Headers.ContentRange = $"bytes {from}-{blob.Size - 1}/{blob.Size}";
            }

            http.Response.ContentLength = blob.Size - from;
            await http.Response.Body.WriteAsync(blob.Bytes.AsMemory(from, 1_000_000));
            await http.Response.Body.FlushAsync();
            http.Abort();
            return true;
        };
        Assert.Equal(blob.Bytes, (await app.GetAsync(Tail)).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(3, upstream.Count("GET", Tail));
        Assert.Equal(2, upstream.Asked.Count(a => a.Contains(" bytes=", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Bytes_of_another_digest_reach_nobody_whole_and_are_not_kept()
    {
        var go = new TaskCompletionSource();
        SendIn2Parts(go.Task, new Content([.. blob.Bytes[..^1], (byte)~blob.Bytes[^1]]));
        await using var client = await BeginAsync(app); // before the end: afterwards the answer is an error from the start
        go.SetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => DrainAsync(client));
        await QuietAsync();
        Assert.Empty(Directory.GetFiles(Downloads));
        Assert.False(File.Exists(Path.Combine(host.Root, "blobs", "sha256", blob.Digest[7..9], blob.Digest[7..])));
        (await app.GetAsync(Tail)).MustBe(HttpStatusCode.BadGateway, "UNAVAILABLE"); // remembered for a minute
        Assert.Equal(1, upstream.Count("GET", Tail));

        upstream.Instead = _ => Task.FromResult(false);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(blob.Bytes, (await app.GetAsync(Tail)).MustBe(HttpStatusCode.OK).Body);
    }

    [Theory]
    [InlineData(-1000)]
    [InlineData(1000)]
    public async Task A_lie_about_the_length_is_found_out(int lie)
    {
        var go = new TaskCompletionSource();
        upstream.Instead = async http =>
        {
            if (http.Request.Headers.Range.Count > 0)
            {
                http.Response.StatusCode = 416;
                return true;
            }

            http.Response.ContentLength = blob.Size + lie;
            await http.Response.Body.WriteAsync(blob.Bytes.AsMemory(0, 1_000_000));
            await http.Response.Body.FlushAsync();
            await go.Task;
            await http.Response.Body.WriteAsync(blob.Bytes.AsMemory(1_000_000, (int)Math.Min(blob.Size, blob.Size + lie) - 1_000_000));
            await http.Response.Body.FlushAsync();
            if (lie > 0) http.Abort();
            return true;
        };
        await using var client = await BeginAsync(app);
        go.SetResult();
        await Assert.ThrowsAnyAsync<Exception>(() => DrainAsync(client));
        await QuietAsync();
        Assert.Empty(Directory.GetFiles(Downloads));
        (await app.GetAsync(Tail)).MustBe(HttpStatusCode.BadGateway, "UNAVAILABLE");
    }

    [Fact]
    public async Task Another_repository_gets_the_bytes_that_are_here_if_the_upstream_says_that_it_has_them()
    {
        await app.GetAsync(Tail);
        await QuietAsync();
        var other = new Repository(host, "hub/acme/other");
        (await other.GetAsync(Tail)).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        Assert.Equal(1, upstream.Count("HEAD", $"acme/other/{Tail}"));

        upstream.Put("acme/third", blob);
        Assert.Equal(blob.Bytes, (await new Repository(host, "hub/acme/third").GetAsync(Tail)).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(1, upstream.Count("GET", Tail));
    }

    [Fact]
    public async Task Another_repository_joins_a_download_under_way()
    {
        var go = new TaskCompletionSource();
        upstream.Put("acme/other", blob);
        SendIn2Parts(go.Task);
        await using var first = await BeginAsync(app);
        await using var second = await BeginAsync(new Repository(host, "hub/acme/other"));
        Assert.True(await second.ReadAsync(new byte[1000], Cancellation) > 0);
        go.SetResult();
        await DrainAsync(first);
        await DrainAsync(second);
        await QuietAsync();
        Assert.Equal(1, upstream.Count("GET", Tail));
        await upstream.StopAsync();
        try
        {
            (await new Repository(host, "hub/acme/other").GetAsync(Tail)).MustBe(HttpStatusCode.OK);
        }
        finally
        {
            await upstream.StartAgainAsync();
        }
    }

    [Fact]
    public async Task A_blob_of_the_registrys_own_is_no_upstreams_to_give_away()
    {
        var own = new Repository(host, "secret/app");
        var secret = Content.Random();
        (await own.PostAsync($"blobs/uploads/?digest={secret.Digest}", secret.Bytes)).MustBe(HttpStatusCode.Created);
        upstream.Instead = http =>
        {
            http.Response.ContentLength = HttpMethods.IsHead(http.Request.Method) ? secret.Size : 0; // claims to have it
            return Task.FromResult(true);
        };
        Assert.NotEqual(secret.Bytes, (await app.GetAsync($"blobs/{secret.Digest}")).Body);
    }

    [Fact]
    public async Task A_full_volume_takes_nothing_and_goes_on_serving_what_is_here()
    {
        var floor = new ByteSize(0);
        await using var full = await RegistryHost.StartAsync(o => (o.Upstreams, o.FreeSpaceFloor) = ([upstream.Options()], floor));
        var there = Content.Random();
        upstream.Put("acme/app", there);
        var here = new Repository(full, "hub/acme/app");
        (await here.GetAsync($"blobs/{there.Digest}")).MustBe(HttpStatusCode.OK);
        floor = new ByteSize(long.MaxValue / 2);
        await full.RestartAsync();
        here = new Repository(full, "hub/acme/app");
        (await here.GetAsync($"blobs/{there.Digest}")).MustBe(HttpStatusCode.OK);
        (await here.GetAsync(Tail)).MustBe(HttpStatusCode.InsufficientStorage, "UNAVAILABLE");
        Assert.Empty(Directory.GetFiles(Path.Combine(full.Root, "downloads")));
    }

    [Fact]
    public async Task A_look_at_a_blob_downloads_nothing()
    {
        var head = (await app.HeadAsync(Tail)).MustBe(HttpStatusCode.OK);
        Assert.Equal($"{blob.Size}", head["Content-Length"]);
        Assert.Equal(blob.Digest, head["Docker-Content-Digest"]);
        (await app.HeadAsync($"blobs/{Content.Random().Digest}")).MustBe(HttpStatusCode.NotFound);
        Assert.Equal(0, upstream.Count("GET", Tail));
    }

    private void SendIn2Parts(Task between, Content? other = null) => upstream.Instead = async http =>
    {
        if (HttpMethods.IsHead(http.Request.Method)) return false;
        var bytes = (other ?? blob).Bytes;
        http.Response.ContentLength = bytes.Length;
        await http.Response.Body.WriteAsync(bytes.AsMemory(0, 1_000_000));
        await http.Response.Body.FlushAsync();
        await between;
        await http.Response.Body.WriteAsync(bytes.AsMemory(1_000_000));
        return true;
    };

    private async Task<Stream> BeginAsync(Repository repository)
    {
        var response = await repository.Client.GetAsync(repository.PathOf(Tail), HttpCompletionOption.ResponseHeadersRead, Cancellation);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return await response.Content.ReadAsStreamAsync(Cancellation);
    }

    private static async Task<long> DrainAsync(Stream body)
    {
        using var all = new MemoryStream();
        await body.CopyToAsync(all, Cancellation);
        return all.Length;
    }

    private Task QuietAsync() => Eventually.TrueAsync(
        () => host.Service<BlobFills>().Count == 0 && !Directory.EnumerateFiles(Downloads).Any(), Patience, () => "a download goes on");
}
