using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Commands;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.TestKit;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;

namespace AuthIndex.RegistryCore.Tests.Upstreams;

/// <summary>What operators are told of upstreams, and what they tell their clients.</summary>
public sealed class UpstreamReportTests
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_report_counts_requests_and_bytes_and_knows_the_rate_limit_and_the_quota()
    {
        await using var upstream = await StubUpstream.StartAsync();
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [upstream.Options(u => u.Quota = new ByteSize(1 << 20))]);
        var (manifest, config, layer) = upstream.Image("acme/app", "1");
        upstream.Instead = http =>
        {
            http.Response.Headers["ratelimit-limit"] = "100;w=21600";
            http.Response.Headers["ratelimit-remaining"] = "76;w=21600";
            return Task.FromResult(false);
        };
        var app = new Repository(host, "hub/acme/app");
        for (var i = 0; i < 2; i++)
        {
            (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
            (await app.GetAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.OK);
        }

        // Where nothing is sent, nothing is counted.
        (await app.HeadAsync($"blobs/{config.Digest}")).MustBe(HttpStatusCode.OK);
        (await app.GetAsync("blobs/sha256:12")).MustBe(HttpStatusCode.BadRequest);
        (await app.GetAsync($"blobs/{layer.Digest}", ("Range", "bytes=900000-"))).MustBe(HttpStatusCode.RequestedRangeNotSatisfiable);
        (await app.GetAsync("manifests/none")).MustBe(HttpStatusCode.NotFound);
        upstream.Instead = http =>
        {
            (http.Response.StatusCode, http.Response.Headers.RetryAfter) = (429, "60");
            return Task.FromResult(true);
        };
        (await app.GetAsync("manifests/another")).MustBe((HttpStatusCode)429);

        var image = manifest.Size + layer.Size;
        var report = await host.Service<StorageTasks>().RunAsync(new StorageTask.Upstreams(), _ => default, Cancellation);
        var state = Assert.Single(await host.Service<UpstreamReport>().MakeAsync(Cancellation));
        Assert.Equal(new UpstreamCounts(2, 2, 0, 2, image, 2 * image), state.Requests);
        Assert.Equal((image, image, 1L << 20), (state.SavedBytes, state.HeldBytes, state.QuotaBytes));
        Assert.Equal((76, 100, 21600), (state.RateLimit?.Remaining, state.RateLimit?.Limit, state.RateLimit?.Seconds));
        Assert.Equal(host.Clock.GetUtcNow() + TimeSpan.FromSeconds(60), state.PausedUntil);
        Assert.Contains("requests since the start: 2 hits, 2 misses, 0 stale, 2 failed", report.Text, StringComparison.Ordinal);
        Assert.Contains("rate limit: 76 of 100 left in 360 minutes", report.Text, StringComparison.Ordinal);
        Assert.Contains("asks for no manifest requests until", report.Text, StringComparison.Ordinal);
        Assert.Contains("of 1MiB", report.Text, StringComparison.Ordinal);
        Assert.Equal("hub", report.Result[0].GetProperty("name").GetString());

        var metrics = await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), Cancellation);
        foreach (var (name, value) in ((string, string)[])[
            ("available", "0"), ("ratelimit_remaining", "76"), ("held_bytes", $"{image}"), ("quota_bytes", "1048576"),
            ("sent_bytes_total", $"{2 * image}"), ("evicted_total", "0")])
        {
            Assert.Matches($"authindex_upstream_{name}\\{{[^}}]*upstream=\"hub\"[^}}]*\\}} {value}\n", metrics);
        }
    }

    [Fact]
    public async Task Only_the_portal_reads_the_report_and_for_somebody_who_may_see_the_system_page()
    {
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [new UpstreamOptions { Name = "hub", Url = new Uri("http://127.0.0.1:1") }]);
        foreach (var (scope, isView, status) in ((string, bool, HttpStatusCode)[])[
            ("repository:system:pull", true, HttpStatusCode.Unauthorized), ("repository:hub/app:pull,push,delete,*", true, HttpStatusCode.Unauthorized),
            ("registry:catalog:*", true, HttpStatusCode.Unauthorized), ("registry:system:*", true, HttpStatusCode.Unauthorized),
            ("index:policy:pull,push", true, HttpStatusCode.Unauthorized), ("index:audit:*", true, HttpStatusCode.Unauthorized),
            ("index:accounts:pull", true, HttpStatusCode.Unauthorized), ("index:system:push", true, HttpStatusCode.Unauthorized),
            ("index:system:delete", true, HttpStatusCode.Unauthorized), ("index:system:pull", false, HttpStatusCode.Forbidden),
            ("index:system:pull", true, HttpStatusCode.OK), ("index:system:*", true, HttpStatusCode.OK)])
        {
            var claims = host.Tokens.Payload("alice", scope);
            if (isView) claims["view"] = true;
            using var client = host.With(host.Tokens.Sign(host.Tokens.Header(), claims));
            using var answer = await client.GetAsync(new Uri("/v2/_authindex/upstreams", UriKind.Relative), Cancellation);
            Assert.Equal((scope, status), (scope, answer.StatusCode));
            var text = await answer.Content.ReadAsStringAsync(Cancellation);
            Assert.Equal(status == HttpStatusCode.OK, text.Contains("\"name\":\"hub\"", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task A_glance_adds_up_once_in_ten_minutes()
    {
        await using var upstream = await StubUpstream.StartAsync();
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [upstream.Options(u => u.EvictAfter = TimeSpan.FromDays(1))]);
        var report = host.Service<UpstreamReport>();
        Assert.Equal(0, Assert.Single(await report.GlanceAsync(Cancellation)).HeldBytes);
        var (manifest, _, _) = upstream.Image("acme/app", "1");
        (await new Repository(host, "hub/acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        Assert.Equal(0, Assert.Single(await report.GlanceAsync(Cancellation)).HeldBytes);
        host.Clock.Advance(TimeSpan.FromMinutes(10));
        var state = Assert.Single(await report.GlanceAsync(Cancellation));
        Assert.Equal((manifest.Size, (int?)null), (state.HeldBytes, state.DueManifests));
    }

    [Theory]
    [InlineData("mirrors", "mirrors/hub")]
    [InlineData("mirrors/hub", "mirrors")]
    public async Task Copies_of_a_configured_upstream_are_not_taken_for_those_of_a_former_one_above_or_below(string former, string present)
    {
        await using var upstream = await StubUpstream.StartAsync();
        var options = upstream.Options(u => u.Prefix = former);
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [options]);
        options.Prefix = present; // nothing was pulled below the former one
        await host.RestartAsync();
        upstream.Image("hub/app", "1");
        (await new Repository(host, $"{present}/hub/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        Assert.DoesNotContain("no longer configured", (await RunAsync(new StorageTask.Upstreams())).Text, StringComparison.Ordinal);
        var refused = await Assert.ThrowsAsync<OperatorException>(() => RunAsync(new StorageTask.Upstreams(former, "operator eve")));
        Assert.Contains("overlaps with", refused.Message, StringComparison.Ordinal);

        Task<TaskReport> RunAsync(StorageTask task) => host.Service<StorageTasks>().RunAsync(task, _ => default, Cancellation);
    }

    [Fact]
    public async Task Copies_of_an_upstream_that_is_no_longer_configured_are_shown_and_stay_until_they_are_removed()
    {
        await using var upstream = await StubUpstream.StartAsync();
        List<UpstreamOptions> configured = [upstream.Options(), upstream.Options(u => (u.Name, u.Ns, u.Library) = ("other", [], false))];
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [.. configured]);
        var image = upstream.Image("acme/app", "1");
        foreach (var name in (string[])["hub/acme/app", "other/acme/app"])
        {
            var app = new Repository(host, name);
            (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
            (await app.GetAsync($"blobs/{image.Layer.Digest}")).MustBe(HttpStatusCode.OK);
        }

        await new Repository(host, "team/app").PushImageAsync("1");
        Assert.Contains("remove it from the configuration", await RefusedAsync("hub"), StringComparison.Ordinal);
        configured.RemoveAt(0);
        await host.RestartAsync();
        host.Clock.Advance(TimeSpan.FromDays(365));
        Assert.DoesNotContain("evicted", (await RunAsync(new StorageTask.Gc(DryRun: false))).Text, StringComparison.Ordinal);
        var report = await RunAsync(new StorageTask.Upstreams());
        Assert.Contains("hub  no longer configured", report.Text, StringComparison.Ordinal);
        Assert.Contains("until they are removed with registry upstreams --remove hub", report.Text, StringComparison.Ordinal);
        Assert.Equal(["other", "hub"], report.Result.EnumerateArray().Select(u => u.GetProperty("name").GetString()));
        Assert.Equal(image.Manifest.Size + image.Layer.Size, report.Result[1].GetProperty("heldBytes").GetInt64());
        foreach (var wrong in (string[])["hu", "hub/", "hub/acme", "team", "", "other"]) Assert.NotEmpty(await RefusedAsync(wrong));
        (await new Repository(host, "hub/acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);

        Assert.Equal(1, (await RunAsync(new StorageTask.Upstreams("hub", "operator eve"))).Result.GetProperty("removed").GetInt32());
        host.Clock.Advance(TimeSpan.FromDays(1));
        await RunAsync(new StorageTask.Gc(DryRun: false));
        report = await RunAsync(new StorageTask.Upstreams());
        Assert.Equal("other", Assert.Single(report.Result.EnumerateArray()).GetProperty("name").GetString());
        (await new Repository(host, "hub/acme/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.NotFound);
        (await new Repository(host, "hub/acme/app").PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Forbidden, "DENIED"); // still
        await upstream.StopAsync();
        (await new Repository(host, "other/acme/app").GetAsync($"blobs/{image.Layer.Digest}")).MustBe(HttpStatusCode.OK);
        (await new Repository(host, "team/app").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        await upstream.StartAgainAsync();

        Task<TaskReport> RunAsync(StorageTask task) => host.Service<StorageTasks>().RunAsync(task, _ => default, Cancellation);

        async Task<string> RefusedAsync(string prefix) =>
            (await Assert.ThrowsAsync<OperatorException>(() => RunAsync(new StorageTask.Upstreams(prefix, "operator eve")))).Message;
    }

    [Fact]
    public async Task An_upstream_that_answers_again_is_available_though_nobody_pulls()
    {
        await using var upstream = await StubUpstream.StartAsync();
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [upstream.Options()]);
        var client = host.Service<UpstreamClients>().Of(host.Service<UpstreamSet>().All[0]);
        var isDown = true;
        upstream.Instead = http =>
        {
            http.Response.StatusCode = isDown ? 503 : 401;
            return Task.FromResult(true);
        };
        for (var i = 0; i < 3; i++) (await new Repository(host, "hub/acme/app").GetAsync($"manifests/{i}")).MustBe((HttpStatusCode)503);
        Assert.NotNull(client.Failure);
        var probe = host.Services.GetServices<IHostedService>().OfType<UpstreamProbe>().Single();
        host.Clock.Advance(TimeSpan.FromSeconds(11));
        await probe.ProbeAsync(Cancellation);
        Assert.Equal("it answered 503", client.Failure);
        isDown = false;
        await probe.ProbeAsync(Cancellation);
        Assert.Equal((1, "it answered 503"), (upstream.Count("GET", "/v2/"), client.Failure)); // once in ten seconds
        host.Clock.Advance(TimeSpan.FromSeconds(11));
        await probe.ProbeAsync(Cancellation);
        Assert.Null(client.Failure);
    }

    [Theory]
    [InlineData("docker", """
        {
          "registry-mirrors": [
            "https://registry.example.com"
          ]
        }
        """)]
    [InlineData("containerd", """
        # /etc/containerd/certs.d/docker.io/hosts.toml
        [host."https://registry.example.com"]
          capabilities = ["pull", "resolve"]
          ca = "/etc/ca.pem"

        # /etc/containerd/certs.d/ghcr.io/hosts.toml
        [host."https://registry.example.com"]
          capabilities = ["pull", "resolve"]
          ca = "/etc/ca.pem"
        """)]
    [InlineData("podman", """
        [[registry]]
        location = "docker.io"

        [[registry.mirror]]
        location = "registry.example.com/hub"

        [[registry]]
        location = "ghcr.io"

        [[registry.mirror]]
        location = "registry.example.com/mirrors/ghcr"

        [[registry]]
        location = "quay.io"

        [[registry.mirror]]
        location = "registry.example.com/quay"
        """)]
    [InlineData("buildkit", """
        [registry."docker.io"]
          mirrors = ["registry.example.com/hub"]

        [registry."ghcr.io"]
          mirrors = ["registry.example.com/mirrors/ghcr"]

        [registry."quay.io"]
          mirrors = ["registry.example.com/quay"]

        [registry."registry.example.com"]
          ca = ["/etc/ca.pem"]
        """)]
    public void Each_clients_configuration_names_this_registry(string client, string expected)
    {
        var mirror = new MirrorConfiguration(
            new Uri("https://registry.example.com"),
            "/etc/ca.pem",
            [
                Upstream("hub", "https://registry-1.docker.io", u => (u.Ns, u.Library) = (["docker.io"], true)),
                Upstream("ghcr", "https://ghcr.io", u => (u.Ns, u.Prefix) = (["ghcr.io"], "mirrors/ghcr")),
                Upstream("quay", "https://quay.io"),
            ]);
        Assert.Equal(expected, mirror.For(client).TrimEnd());
    }

    [Theory]
    [InlineData("docker", "docker asks mirrors for Docker Hub's images only")]
    [InlineData("containerd", "set ns")]
    [InlineData("crane", "unknown client 'crane'")]
    public void What_cannot_be_configured_is_said(string client, string reason)
    {
        var quay = new MirrorConfiguration(new Uri("https://registry.example.com"), null, [Upstream("quay", "https://quay.io")]);
        Assert.Contains(reason, Assert.Throws<OperatorException>(() => quay.For(client)).Message, StringComparison.Ordinal);
        var none = quay with { Upstreams = [] };
        Assert.Contains("no upstreams", Assert.Throws<OperatorException>(() => none.For(client)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Garbage_collection_without_a_server_needs_no_CA_file_of_an_upstream_but_upstreams_that_do_not_overlap()
    {
        using var folder = new TemporaryDirectory();
        await using (var host = await RegistryHost.StartAsync(o => o.DataDirectory = folder.Root))
        {
            await new Repository(host, "team/app").PushImageAsync("1");
        }

        var one = new UpstreamOptions { Name = "hub", Url = new Uri("https://hub.example"), CaFile = folder["none.pem"] };
        var options = new RegistryOptions { DataDirectory = folder.Root, Upstreams = [one] };
        Assert.True((await ControlClient.RunAsync(options, new StorageTask.Gc(DryRun: true), Cancellation)).Succeeded);
        options.Upstreams = [one, new UpstreamOptions { Name = "below", Url = one.Url, Prefix = "hub/below" }];
        var refused = await Assert.ThrowsAsync<OperatorException>(
            () => ControlClient.RunAsync(options, new StorageTask.Gc(DryRun: true), Cancellation));
        Assert.Contains("registry.upstreams[1].prefix", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://registry.example.com/images/", "has a path")]
    [InlineData("https://user:secret@registry.example.com/", "leave out USER:PASSWORD@")]
    public void Clients_are_not_told_of_an_address_under_which_they_find_no_mirror(string url, string problem)
    {
        var options = new RegistryOptions { PublicUrl = new Uri(url) };
        Assert.Contains(
            problem, Assert.Throws<OperatorException>(() => MirrorCommand.Of(options, null)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("https://localhost:5000", true)]
    [InlineData("https://registry.example.com", false)]
    [InlineData("http://localhost:5000", false)]
    public void The_development_CA_is_for_the_hosts_that_it_certifies(string url, bool isTold)
    {
        using var folder = new TemporaryDirectory();
        Directory.CreateDirectory(folder["certs"]);
        File.WriteAllText(folder["certs/ca.pem"], "");
        using var key = ECDsa.Create();
        var request = new CertificateRequest("CN=development", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        using var certificate = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, DateTimeOffset.UnixEpoch.AddYears(1));
        File.WriteAllText(folder["certs/server.pem"], certificate.ExportCertificatePem());
        var options = new RegistryOptions { PublicUrl = new Uri(url), DataDirectory = folder[""] };
        var mirror = MirrorCommand.Of(options, null);
        Assert.Equal(isTold ? folder["certs/ca.pem"] : null, mirror.CaFile);
        foreach (var client in MirrorConfiguration.Clients)
        {
            Assert.Equal(isTold, mirror.AdviceFor(client).Contains($"copy {folder["certs/ca.pem"]} to", StringComparison.Ordinal));
        }
    }

    private static Upstream Upstream(string name, string url, Action<UpstreamOptions>? more = null)
    {
        var options = new UpstreamOptions { Name = name, Url = new Uri(url) };
        more?.Invoke(options);
        return new Upstream(options);
    }
}
