using System.Net;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>What clients see of an upstream's repositories.</summary>
public sealed class UpstreamPullTests : IAsyncLifetime
{
    private StubUpstream upstream = null!;
    private RegistryHost host = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        upstream = await StubUpstream.StartAsync();
        host = await RegistryHost.StartAsync(o => o.Upstreams = [upstream.Options()]);
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await upstream.DisposeAsync();
    }

    [Fact]
    public async Task What_was_pulled_once_is_served_from_here()
    {
        var (manifest, config, layer) = upstream.Image("acme/app", "1");
        var app = Pulling("hub/acme/app");
        for (var i = 0; i < 2; i++)
        {
            var answer = (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
            Assert.Equal(manifest.Bytes, answer.Body);
            Assert.Equal(manifest.Digest, answer["Docker-Content-Digest"]);
            Assert.Equal(Manifest.Image, answer["Content-Type"]);
            Assert.Equal("", answer["Warning"]);
            Assert.Equal(config.Bytes, (await app.GetAsync($"blobs/{config.Digest}")).MustBe(HttpStatusCode.OK).Body);
            Assert.Equal(layer.Bytes, (await app.GetAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.OK).Body);
            Assert.Equal(3, upstream.Asked.Count);
        }
    }

    [Fact]
    public async Task Content_outlives_the_upstream_and_a_restart()
    {
        var (manifest, _, layer) = upstream.Image("acme/app", "1");
        var app = Pulling("hub/acme/app");
        await app.GetAsync("manifests/1");
        await app.GetAsync($"blobs/{layer.Digest}");
        await upstream.StopAsync();
        await host.RestartAsync();
        try
        {
            app = Pulling("hub/acme/app");
            var answer = (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
            Assert.Equal(manifest.Bytes, answer.Body);
            Assert.StartsWith("110 - \"the upstream hub cannot be asked", answer["Warning"], StringComparison.Ordinal);
            Assert.Equal(layer.Bytes, (await app.GetAsync($"blobs/{layer.Digest}")).Body);
            (await app.GetAsync("manifests/2")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        }
        finally
        {
            await upstream.StartAgainAsync();
        }
    }

    [Theory]
    [InlineData("hub/alpine", "manifests/3", "hub/alpine")]
    [InlineData("hub/library/alpine", "manifests/3", "hub/library/alpine")]
    [InlineData("library/alpine", "manifests/3", "library/alpine")]
    [InlineData("library/alpine", "manifests/3?ns=docker.io", "hub/library/alpine")]
    [InlineData("alpine", "manifests/3?ns=docker.io", "hub/alpine")]
    [InlineData("hub/library/alpine", "manifests/3?ns=docker.io", "hub/library/alpine")]
    public async Task Every_spelling_of_a_name_leads_to_the_image_by_the_right_to_its_name(string name, string tail, string asked)
    {
        var (manifest, _, _) = upstream.Image("library/alpine", "3");
        var path = $"/v2/{name}/{tail}";
        using var nobody = new HttpClient { BaseAddress = host.Client.BaseAddress };
        using var challenge = await nobody.GetAsync(path, Cancellation);
        Assert.Contains($"scope=\"repository:{asked}:pull\"", $"{challenge.Headers.WwwAuthenticate}", StringComparison.Ordinal);
        Assert.Empty(upstream.Asked);

        using var somebody = host.As($"repository:{asked}:pull");
        Assert.Equal(manifest.Bytes, await somebody.GetByteArrayAsync(path, Cancellation));
    }

    [Fact]
    public async Task Who_may_not_pull_the_name_here_makes_nobody_ask_upstream()
    {
        var (_, _, layer) = upstream.Image("acme/app", "1");
        var other = Pulling("acme/app");
        (await other.GetAsync("/v2/hub/acme/app/manifests/1")).MustBe(HttpStatusCode.Unauthorized, "DENIED");
        (await other.GetAsync($"/v2/hub/acme/app/blobs/{layer.Digest}")).MustBe(HttpStatusCode.Unauthorized, "DENIED");
        (await other.GetAsync("/v2/acme/app/manifests/1?ns=docker.io")).MustBe(HttpStatusCode.Unauthorized, "DENIED");
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task Names_of_the_registrys_own_are_never_asked_upstream()
    {
        upstream.Image("acme/app", "1");
        (await Pulling("acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await Pulling("hubble/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await Pulling("acme/app").GetAsync("manifests/1?ns=quay.io")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task Nothing_is_pushed_to_a_copy()
    {
        var app = new Repository(host, "hub/acme/app");
        var refusal = (await app.PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        Assert.Contains("hub/acme/app is a copy of the upstream hub", refusal.ErrorMessage, StringComparison.Ordinal);
        (await app.PutAsync("manifests/1", Manifest.Empty().Bytes, ("Content-Type", Manifest.Index)))
            .MustBe(HttpStatusCode.Forbidden, "DENIED");
        (await new Repository(host, "library/x").PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        (await new Repository(host, "library/x").PutAsync(
            "manifests/1?ns=quay.io", Manifest.Empty().Bytes, ("Content-Type", Manifest.Index))).MustBe(HttpStatusCode.Forbidden, "DENIED");
        (await new Repository(host, "hubble/app").PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Accepted);
        Assert.Empty(upstream.Asked);
    }

    [Fact]
    public async Task An_upstream_serves_only_what_is_allowed_of_it()
    {
        await using var narrow = await RegistryHost.StartAsync(o => o.Upstreams = [upstream.Options(u => u.Allow = ["library/**", "acme/*"])]);
        upstream.Image("acme/app", "1");
        upstream.Image("acme/deep/app", "1");
        (await new Repository(narrow, "hub/acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        var refusal = (await new Repository(narrow, "hub/acme/deep/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.Forbidden, "DENIED");
        Assert.Contains("registry.upstreams[].allow", refusal.ErrorMessage, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_index_keeps_its_digest_and_only_the_platforms_that_were_asked_for()
    {
        var (one, _, _) = upstream.Image("acme/app", "one");
        var (two, _, _) = upstream.Image("acme/app", "two");
        var index = Manifest.OfIndex([one.Descriptor(Manifest.Image), two.Descriptor(Manifest.Image)]);
        upstream.Tag("acme/app", "all", index);
        var app = Pulling("hub/acme/app");
        Assert.Equal(index.Digest, (await app.GetAsync("manifests/all")).MustBe(HttpStatusCode.OK)["Docker-Content-Digest"]);
        Assert.Equal(one.Bytes, (await app.GetAsync($"manifests/{one.Digest}")).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(0, upstream.Count("GET", two.Digest));

        var scrub = await host.Service<Scrubber>().RunAsync(long.MaxValue, withManifests: true, bytesPerSecond: null, Cancellation);
        Assert.Empty(scrub.Damaged);
        Assert.Empty(await host.Service<IManifestStore>().UnmetNeedsAsync());
    }

    [Fact]
    public async Task Tags_and_referrers_are_listed_as_the_upstream_lists_them()
    {
        var subject = Content.Random().Digest;
        upstream.Instead = async http =>
        {
            if (http.Request.Path.Value!.EndsWith("/tags/list", StringComparison.Ordinal))
            {
                http.Response.Headers.Link = "</v2/acme/app/tags/list?last=b&n=2>; rel=\"next\"";
                await http.Response.Body.WriteAsync("""{"name":"acme/app","tags":["a","b"]}"""u8.ToArray());
                return true;
            }

            if (!http.Request.Path.Value!.Contains("/referrers/", StringComparison.Ordinal)) return false;
            http.Response.Headers["OCI-Filters-Applied"] = "artifactType";
            await http.Response.Body.WriteAsync(Manifest.OfIndex([Content.Random().Descriptor(Manifest.Image)]).Bytes);
            return true;
        };
        var app = Pulling("hub/acme/app");
        var tags = (await app.GetAsync("tags/list?n=2")).MustBe(HttpStatusCode.OK);
        Assert.Equal("""{"name":"hub/acme/app","tags":["a","b"]}""", System.Text.Encoding.UTF8.GetString(tags.Body));
        Assert.Equal("</v2/hub/acme/app/tags/list?last=b&n=2>; rel=\"next\"", tags["Link"]);

        var referrers = (await app.GetAsync($"referrers/{subject}?artifactType=example/x")).MustBe(HttpStatusCode.OK);
        Assert.Equal(1, referrers.Json.GetProperty("manifests").GetArrayLength());
        Assert.Equal("artifactType", referrers["OCI-Filters-Applied"]);

        upstream.Instead = _ => Task.FromResult(false);
        Assert.Equal(0, (await app.GetAsync($"referrers/{subject}")).MustBe(HttpStatusCode.OK).Json.GetProperty("manifests").GetArrayLength());
        var fallback = Manifest.OfIndex([Content.Random().Descriptor(Manifest.Image)]);
        var another = Content.Random().Digest;
        upstream.Tag("acme/app", another.Replace(':', '-'), fallback);
        Assert.Equal(fallback.Bytes, (await app.GetAsync($"referrers/{another}")).MustBe(HttpStatusCode.OK).Body);

        upstream.Instead = http =>
        {
            http.Response.StatusCode = 500;
            return Task.FromResult(true);
        };
        var cut = (await app.GetAsync("tags/list")).MustBe(HttpStatusCode.OK);
        Assert.Equal("""["sha256-""", cut.Json.GetProperty("tags").GetRawText()[..9]);
        Assert.StartsWith("110 ", cut["Warning"], StringComparison.Ordinal);
    }

    [Fact]
    public async Task Repositories_of_the_registrys_own_are_not_hidden_by_an_upstream()
    {
        IReadOnlyList<RegistryCore.Upstreams.UpstreamOptions> upstreams = [];
        await using var own = await RegistryHost.StartAsync(o => o.Upstreams = [.. upstreams]);
        await PushAsync(own, "hub/own");
        await PushAsync(own, "library/own");

        upstreams = [upstream.Options()];
        var prefix = await Assert.ThrowsAsync<OperatorException>(() => own.RestartAsync());
        Assert.StartsWith("registry.upstreams[0].prefix: the registry has repositories of its own below hub/, such as hub/own", prefix.Message,
            StringComparison.Ordinal);
        upstreams = [upstream.Options(u => u.Prefix = "mirrors/hub")];
        var library = await Assert.ThrowsAsync<OperatorException>(() => own.RestartAsync());
        Assert.StartsWith("registry.upstreams[0].library: library/** matches library/own", library.Message, StringComparison.Ordinal);

        upstreams = [upstream.Options(u => (u.Prefix, u.Library) = ("mirrors/hub", false))];
        await own.RestartAsync();
        upstream.Image("acme/app", "1");
        (await new Repository(own, "mirrors/hub/acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        await own.RestartAsync(); // what lies below the prefix now are copies
    }

    private static async Task PushAsync(RegistryHost host, string name) =>
        (await new Repository(host, name).PutAsync("manifests/1", Manifest.Empty().Bytes, ("Content-Type", Manifest.Index)))
            .MustBe(HttpStatusCode.Created);

    private Repository Pulling(string name) => new(host, name, actions: "pull");
}
