using System.Net;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>How tags of an upstream are followed.</summary>
public sealed class UpstreamTagTests : IAsyncLifetime
{
    private readonly UpstreamOptions options = new() { Name = "hub", Check = TimeSpan.FromSeconds(30) };
    private StubUpstream upstream = null!;
    private RegistryHost host = null!;
    private Repository app = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        upstream = await StubUpstream.StartAsync();
        options.Url = upstream.Url;
        host = await RegistryHost.StartAsync(o => o.Upstreams = [options]);
        app = new Repository(host, "hub/acme/app");
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task A_tag_is_looked_up_again_after_its_time_and_downloaded_only_when_it_moved()
    {
        var (first, _, _) = upstream.Image("acme/app", "1");
        await app.GetAsync("manifests/1");
        host.Clock.Advance(options.Check - TimeSpan.FromSeconds(1));
        await app.GetAsync("manifests/1");
        Assert.Single(upstream.Asked);

        host.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(first.Bytes, (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal((1, 1), (upstream.Count("GET", "manifests/1"), upstream.Count("HEAD", "manifests/1")));

        var (second, _, _) = upstream.Image("acme/app", "1");
        host.Clock.Advance(options.Check);
        var moved = (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        Assert.Equal(second.Bytes, moved.Body);
        Assert.Equal(1, upstream.Count("GET", second.Digest));

        upstream.Tag("acme/app", "1", first); // back to what is here: nothing is downloaded
        host.Clock.Advance(options.Check);
        Assert.Equal(first.Bytes, (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(0, upstream.Count("GET", first.Digest));
    }

    [Fact]
    public async Task Many_who_ask_at_once_ask_the_upstream_once()
    {
        var (manifest, _, _) = upstream.Image("acme/app", "1");
        var asked = new TaskCompletionSource();
        var go = new TaskCompletionSource();
        upstream.Instead = async _ =>
        {
            asked.TrySetResult();
            await go.Task;
            return false;
        };
        var answers = Enumerable.Range(0, 20).Select(_ => app.GetAsync("manifests/1")).ToList();
        await asked.Task.WaitAsync(Cancellation);
        go.SetResult();
        foreach (var answer in await Task.WhenAll(answers)) Assert.Equal(manifest.Bytes, answer.MustBe(HttpStatusCode.OK).Body);
        Assert.Single(upstream.Asked);
    }

    [Theory]
    [InlineData(429)]
    [InlineData(500)]
    [InlineData(502)]
    [InlineData(503)]
    [InlineData(401)]
    [InlineData(403)]
    public async Task While_the_upstream_fails_the_copy_is_served_with_a_warning(int status)
    {
        var (manifest, _, _) = upstream.Image("acme/app", "1");
        await app.GetAsync("manifests/1");
        host.Clock.Advance(options.Check);
        Fail(status, null);
        for (var i = 0; i < 3; i++)
        {
            var answer = (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
            Assert.Equal(manifest.Bytes, answer.Body);
            Assert.StartsWith("110 - ", answer["Warning"], StringComparison.Ordinal);
        }

        Assert.Equal(1, upstream.Count("HEAD", "manifests/1"));
        upstream.Instead = _ => Task.FromResult(false);
        host.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal("", (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK)["Warning"]);
    }

    [Fact]
    public async Task An_upstream_is_left_alone_for_as_long_as_it_says()
    {
        upstream.Image("acme/app", "1");
        Fail(429, "120");
        var answer = (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        Assert.Equal("120", answer["Retry-After"]);
        upstream.Instead = _ => Task.FromResult(false);
        host.Clock.Advance(TimeSpan.FromSeconds(119));
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        Assert.Single(upstream.Asked);
        host.Clock.Advance(TimeSpan.FromSeconds(1));
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_tag_that_is_gone_upstream_is_kept_or_goes_as_configured(bool isKept)
    {
        options.KeepWhenGone = isKept;
        var (manifest, _, _) = upstream.Image("acme/app", "1");
        await app.GetAsync("manifests/1");
        upstream.Things.Clear();
        host.Clock.Advance(options.Check);
        var answer = await app.GetAsync("manifests/1");
        if (isKept)
        {
            Assert.Equal(manifest.Bytes, answer.MustBe(HttpStatusCode.OK).Body);
            Assert.Contains("the upstream hub no longer has this", answer["Warning"], StringComparison.Ordinal);
        }
        else
        {
            answer.MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
            (await app.GetAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.OK);
        }
    }

    [Fact]
    public async Task What_is_not_there_is_asked_for_once_a_minute()
    {
        for (var i = 0; i < 3; i++) (await app.GetAsync("manifests/none")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        Assert.Single(upstream.Asked);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        upstream.Image("acme/app", "none");
        (await app.GetAsync("manifests/none")).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_manifest_that_is_not_what_it_is_called_is_not_taken()
    {
        var (manifest, _, _) = upstream.Image("acme/app", "1");
        var other = Manifest.Empty();
        upstream.Things[$"acme/app/manifests/{manifest.Digest}"] = other;
        (await app.GetAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.BadGateway, "UNAVAILABLE");

        upstream.Instead = async http =>
        {
            http.Response.Headers["Docker-Content-Digest"] = manifest.Digest; // a lie about the bytes of a tag
            http.Response.ContentType = Manifest.Index;
            await http.Response.Body.WriteAsync(other.Bytes);
            return true;
        };
        (await app.GetAsync("manifests/2")).MustBe(HttpStatusCode.BadGateway, "UNAVAILABLE");

        upstream.Instead = async http =>
        {
            await http.Response.Body.WriteAsync(new byte[5 * 1024 * 1024]);
            return true;
        };
        (await app.GetAsync("manifests/3")).MustBe(HttpStatusCode.BadGateway, "UNAVAILABLE");
        upstream.Instead = _ => Task.FromResult(false);
        Assert.Equal("[]", (await new Repository(host, "hub/acme/app").GetAsync("/v2/_catalog")).Json.GetProperty("repositories").GetRawText());
    }

    [Fact]
    public async Task After_several_failures_the_upstream_is_not_asked_for_a_while()
    {
        Fail(503, null);
        for (var i = 0; i < 5; i++) (await app.GetAsync($"manifests/{i}")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Equal(3, upstream.Asked.Count);
        host.Clock.Advance(TimeSpan.FromSeconds(10));
        upstream.Image("acme/app", "1");
        upstream.Instead = _ => Task.FromResult(false);
        (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
    }

    private void Fail(int status, string? retryAfter) => upstream.Instead = http =>
    {
        http.Response.StatusCode = status;
        if (retryAfter is not null) http.Response.Headers.RetryAfter = retryAfter;
        return Task.FromResult(true);
    };
}
