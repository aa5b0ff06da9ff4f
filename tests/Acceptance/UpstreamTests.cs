using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>Real clients pull images of another registry through ours: with nothing there, once all is there, and cut off.</summary>
public sealed class UpstreamTests(RealParts parts)
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Docker_BuildKit_ctr_podman_and_skopeo_pull_through_a_cold_a_warm_and_a_cut_off_cache()
    {
        RealParts.Require(DistributionRegistry.Obstacle());
        RealParts.Require(ContainerdServer.Obstacle());
        using var folder = new TemporaryDirectory();
        var upstream = await DistributionRegistry.StartOpenAsync();
        var isCut = false;
        try
        {
            var builder = await parts.DockerAsync();
            foreach (var name in (string[])["library/app", "acme/app"])
            {
                await builder.BuildAsync($"{upstream.Host}/{name}:1", 1_000, 200_000);
                await builder.MustAsync("push", $"{upstream.Host}/{name}:1");
            }

            await using var up = await StartAsync(folder, $"url: 'http://{upstream.Host}'", "library: true", "check: 0s", "ns: [docker.io]");
            await PrintAsync(folder, up, "docker", folder["daemon.json"]);
            await PrintAsync(
                folder, up, "containerd", Path.Combine(Directory.CreateDirectory(folder["hosts/docker.io"]).FullName, "hosts.toml"));
            await PrintAsync(folder, up, "podman", folder["registries.conf"]);
            await using var engine = await DockerEngine.StartAsync("--config-file", folder["daemon.json"]);
            await using var containerd = await ContainerdServer.StartAsync();
            await PullAsync(folder, up.Host, engine.NewClient(), containerd, "cold");
            await PullAsync(folder, up.Host, engine.NewClient(), containerd, "warm");
            isCut = true;
            await upstream.DisposeAsync();
            await PullAsync(folder, up.Host, engine.NewClient(), containerd, "cut off");

            var report = await AuthIndexUp.RunAsync("registry", "upstreams", "--data", folder["data"], "--config", folder["authindex.yaml"]);
            Assert.True(report.ExitCode == 0 && report.Output.Contains("hub  http://", StringComparison.Ordinal), report.All);
            Assert.Matches("requests since the start: [1-9][0-9]* hits, [1-9][0-9]* misses, [1-9][0-9]* stale", report.Output);
            using var http = new HttpClient();
            var metrics = await http.GetStringAsync(new Uri(up.Registry, "/metrics"), Cancellation);
            Assert.Matches("authindex_upstream_requests_total\\{[^}]*result=\"hit\"[^}]*\\} [1-9]", metrics);
            Assert.Matches("authindex_upstream_requests_total\\{[^}]*result=\"stale\"[^}]*\\} [1-9]", metrics);
        }
        finally
        {
            if (!isCut) await upstream.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_registry_of_our_own_is_an_upstream_with_a_credential()
    {
        using var folder = new TemporaryDirectory();
        var upstream = await parts.UpAsync();
        var builder = await parts.DockerOfAdminAsync();
        var image = $"{upstream.Host}/cached/app:1";
        await builder.BuildAsync(image, 1_000, 200_000);
        await builder.MustAsync("push", image);

        OwnerOnlyFile.Write(folder["credential"], $"admin:{upstream.AdminPassword}");
        await using var up = await StartAsync(
            folder, $"url: 'http://{upstream.Host}'", $"credentialFile: {folder["credential"]}");
        await SkopeoAsync(folder, up.Host, "hub/cached/app:1");
        var missing = await ChildProcess.RunAsync(
            "skopeo", ["inspect", "--tls-verify=false", "--no-creds", $"docker://{up.Host}/hub/cached/none:1"]);
        Assert.NotEqual(0, missing.ExitCode);
        Assert.Contains("manifest unknown", missing.Error, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(upstream.AdminPassword, up.Log, StringComparison.Ordinal);
    }

    private static async Task<AuthIndexUp> StartAsync(TemporaryDirectory folder, params string[] upstream)
    {
        await File.WriteAllTextAsync(
            folder["authindex.yaml"],
            $"registry:\n  upstreams:\n    - name: hub\n{string.Concat(upstream.Select(line => $"      {line}\n"))}",
            Cancellation);
        await File.WriteAllTextAsync(
            Path.Combine(folder.Folder("policies"), "policy.yaml"),
            """
            version: 1
            rules:
              - { id: mirror, to: [anyone], allow: [pull], on: ["hub/**", "library/**"] }

            """,
            Cancellation);
        return await AuthIndexUp.StartAsync(
            "--config", folder["authindex.yaml"], "--policies", folder["policies"], "--data", folder["data"]);
    }

    /// <summary>Has the configuration of a client printed into a file.</summary>
    private static async Task PrintAsync(TemporaryDirectory folder, AuthIndexUp up, string client, string file)
    {
        var printed = await AuthIndexUp.RunAsync(
            "mirror", "print", client, "--config", folder["authindex.yaml"], "--data", folder["data"], "--set", $"registry.listen={up.Host}");
        Assert.True(printed.ExitCode == 0, printed.All);
        await File.WriteAllTextAsync(file, printed.Output, Cancellation);
    }

    /// <summary>Each client once, none of which has anything left of the last time.</summary>
    private static async Task PullAsync(TemporaryDirectory folder, string host, DockerClient docker, ContainerdServer containerd, string when)
    {
        await docker.MustAsync("pull", "library/app:1");
        await docker.MustAsync("rmi", "library/app:1");
        var built = await docker.BuildByBuildKitAsync("library/app:1");
        Assert.True(built.ExitCode == 0, $"{when}: {built.All}");

        var fetched = await containerd.CtrAsync(
            "--namespace", when.Replace(' ', '-'), "content", "fetch", "--hosts-dir", folder["hosts"], "docker.io/acme/app:1");
        Assert.True(fetched.ExitCode == 0, $"{when}: {fetched.All}");

        await PodmanAsync(folder, when);
        await SkopeoAsync(folder, host, "hub/acme/app:1");
    }

    private static async Task PodmanAsync(TemporaryDirectory folder, string when)
    {
        using var own = new TemporaryDirectory();
        await File.WriteAllTextAsync(own["policy.json"], """{"default":[{"type":"insecureAcceptAnything"}]}""", Cancellation);
        var pulled = await ChildProcess.RunAsync(
            "podman",
            [
                "--root", own["root"], "--runroot", own["run"], "--tmpdir", own["tmp"], "--storage-driver", "vfs", "--cgroup-manager", "cgroupfs",
                "pull", "--signature-policy", own["policy.json"], "docker.io/acme/app:1",
            ],
            new Dictionary<string, string> { ["CONTAINERS_REGISTRIES_CONF"] = folder["registries.conf"] });
        Assert.True(pulled.ExitCode == 0, $"{when}: {pulled.All}");
    }

    private static async Task SkopeoAsync(TemporaryDirectory folder, string host, string name)
    {
        var target = folder[Path.GetRandomFileName()];
        var copied = await ChildProcess.RunAsync(
            "skopeo", ["copy", "--src-tls-verify=false", "--src-no-creds", $"docker://{host}/{name}", $"dir:{target}"]);
        Assert.True(copied.ExitCode == 0, copied.All);
    }
}
