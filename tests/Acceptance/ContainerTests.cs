using System.Globalization;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>The container images and <c>compose.yml</c>, with a real engine. The tests share the containers, one after another.</summary>
public sealed class ContainerTests(RealParts parts)
{
    private const string Owner = "1654";
    private static readonly string[] Servers = ["token-server", "registry"];

    [Fact]
    public async Task Compose_up_leads_to_a_login_a_push_and_a_pull_that_outlive_a_stop()
    {
        var servers = await parts.ComposedAsync();
        var docker = await LoginAsync(servers);
        var image = $"{servers.Host}/platform/composed:1";
        var id = await docker.BuildAsync(image, 100_000);
        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);

        foreach (var server in Servers.Reverse())
        {
            // 45 s are given; killed, the status would be 137.
            await docker.MustAsync("stop", "--time", "45", await servers.ContainerAsync(server));
            Assert.Equal("0", await servers.InspectAsync(server, "{{.State.ExitCode}}"));
        }

        foreach (var server in Servers)
        {
            await docker.MustAsync("start", await servers.ContainerAsync(server));
            await servers.HealthyAsync(server);
        }

        await docker.MustAsync("pull", image);
        Assert.Equal(id, await docker.ImageIdAsync(image));
        await docker.MustAsync("rmi", image);
    }

    [Fact]
    public async Task The_portal_shows_an_image_that_the_composed_registry_holds()
    {
        var servers = await parts.ComposedAsync();
        var docker = await LoginAsync(servers);
        var image = $"{servers.Host}/public/shown:1";
        await docker.BuildAsync(image, 1_000);
        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);
        using var http = new HttpClient();
        var (page, address) = ("", new Uri(new Uri(servers.Realm), "/images/public/shown:1"));
        await Eventually.TrueAsync(
            async () =>
            {
                using var answer = await http.GetAsync(address, TestContext.Current.CancellationToken);
                page = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
                return answer.IsSuccessStatusCode; // once the index has the report
            },
            TimeSpan.FromSeconds(30), () => page);
        Assert.Contains("Layers</h2>", page, StringComparison.Ordinal);
        Assert.Contains($"docker pull {image}", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_servers_are_nobody_in_particular_without_capabilities_on_a_root_that_none_can_write()
    {
        var servers = await parts.ComposedAsync();
        foreach (var server in Servers)
        {
            var status =
                (await File.ReadAllLinesAsync($"/proc/{await ProcessAsync(servers, server)}/status", TestContext.Current.CancellationToken))
                .Select(l => l.Split(':', 2)).ToDictionary(l => l[0], l => l[1].Trim(), StringComparer.Ordinal);
            Assert.Equal([Owner, Owner, Owner, Owner], status["Uid"].Split('\t'));
            Assert.Equal([Owner, Owner, Owner, Owner], status["Gid"].Split('\t'));
            Assert.All(
                (string[])["CapEff", "CapPrm", "CapBnd", "CapAmb"],
                c => Assert.Equal(0UL, ulong.Parse(status[c], NumberStyles.HexNumber, CultureInfo.InvariantCulture)));
            Assert.Equal("1", status["NoNewPrivs"]);

            var container = await servers.ContainerAsync(server);
            foreach (var place in (string[])["/new", "/app/new", "/etc/new", "/var/lib/authindex-credential/new"])
            {
                var refused = await servers.Docker.RunAsync("exec", container, "mkdir", place);
                Assert.Contains("Read-only file system", refused.All, StringComparison.Ordinal);
            }
        }
    }

    [Fact]
    public async Task The_registry_has_of_the_token_servers_files_the_credential_alone()
    {
        var servers = await parts.ComposedAsync();
        var token = await FilesAsync(servers, "token-server");
        Assert.Contains(
            token, f => f.StartsWith("authindex/keys/", StringComparison.Ordinal) && f.EndsWith(".pem", StringComparison.Ordinal));
        Assert.Contains("authindex/htpasswd", token);

        var registry = await FilesAsync(servers, "registry");
        Assert.Contains("authindex-credential/registry-credential", registry);
        Assert.All(
            registry, f => Assert.True(
                f == "authindex-credential/registry-credential" || f.StartsWith("authindex/registry/", StringComparison.Ordinal), f));
    }

    [Fact]
    public async Task The_command_line_works_inside_under_the_servers_configuration()
    {
        var servers = await parts.ComposedAsync();
        var token = await servers.ContainerAsync("token-server");
        await servers.Docker.MustAsync("exec", token, "/app/TokenServer", "tokens", "create", "--account", "admin", "--expires", "1d");
        Assert.Contains(
            "admin", await servers.Docker.MustAsync("exec", token, "/app/TokenServer", "users", "list"), StringComparison.Ordinal);
        await servers.Docker.MustAsync("exec", token, "/app/TokenServer", "policy", "check");
        await servers.Docker.MustAsync("exec", await servers.ContainerAsync("registry"), "/app/RegistryCore", "gc");
    }

    [Fact]
    public async Task A_backup_that_the_servers_make_while_they_run_is_restored_into_new_volumes()
    {
        var servers = await parts.ComposedAsync();
        var docker = await LoginAsync(servers);
        var image = $"{servers.Host}/platform/saved:1";
        await docker.BuildAsync(image, 1_000);
        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);
        foreach (var (server, program) in ((string, string)[])[("registry", "RegistryCore"), ("token-server", "TokenServer")])
        {
            var container = await servers.ContainerAsync(server);
            await docker.MustAsync("exec", container, $"/app/{program}", "backup", $"/var/backups/authindex/{server}");
            var volume = $"restored-{server}";
            try
            {
                string[] mounts = ["--volumes-from", $"{container}:ro", "--volume", $"{volume}:/var/lib/restored"];
                await docker.MustAsync(
                    ["run", "--rm", "--network", "none", "--user", "0", "--entrypoint", "chown", .. mounts, $"authindex/{server}", Owner,
                        "/var/lib/restored"]);
                var data = $"{(server == "registry" ? "registry" : "tokenServer")}.dataDirectory=/var/lib/restored";
                var restored = await servers.RunAsync(
                    $"authindex/{server}", mounts, "restore", $"/var/backups/authindex/{server}", "--set", data);
                Assert.True(restored.ExitCode == 0, restored.All);
            }
            finally
            {
                await docker.MustAsync("volume", "rm", "--force", volume);
            }
        }
    }

    [Fact]
    public async Task The_environment_configures_a_container()
    {
        var servers = await parts.ComposedAsync();
        using var http = new HttpClient();
        using var challenge = await http.GetAsync(new Uri($"http://{servers.Host}/v2/"), TestContext.Current.CancellationToken);
        Assert.Contains($"realm=\"{servers.Realm}\"", challenge.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);

        var refused = await servers.RunAsync("authindex/token-server", ["--env", "AUTHINDEX__TOKENSERVER__TOKENLIFETIME=1s"], "serve");
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(
            "environment AUTHINDEX__TOKENSERVER__TOKENLIFETIME: tokenServer.tokenLifetime", refused.Error,
            StringComparison.OrdinalIgnoreCase);
    }

    [Theory]
    [InlineData("authindex/token-server")]
    [InlineData("authindex/registry")]
    public async Task An_image_alone_does_not_take_passwords_in_the_clear(string image)
    {
        var refused = await (await parts.ComposedAsync()).RunAsync(image, []);
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains("refusing plain HTTP", refused.Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData]
    [InlineData("ldap")]
    [InlineData("observability")]
    [InlineData("ldap", "observability")]
    [InlineData("replicas")]
    public async Task Every_profile_of_the_composition_is_sound(params string[] profiles)
    {
        RealParts.Require(ComposedServers.Obstacle());
        var checkedIt = await ChildProcess.RunAsync(
            "docker-compose",
            ["--file", ComposedServers.ComposeFile, .. profiles.SelectMany(p => (string[])["--profile", p]), "config", "--quiet"]);
        Assert.True(checkedIt.ExitCode == 0, checkedIt.ToString());
    }

    [Fact]
    public void The_sample_directorys_configuration_is_that_of_the_images_with_the_directory()
    {
        var folder = Path.Combine(Path.GetDirectoryName(ComposedServers.ComposeFile)!, "deploy");
        var (token, registry) = Bound.From(Path.Combine(folder, "authindex.yaml"));
        var (sample, sampleRegistry) = Bound.From(Path.Combine(folder, "ldap", "authindex.yaml"));
        Assert.Empty(token.Ldap);
        Assert.Equal("sample", Assert.Single(sample.Ldap).Name);
        sample.Ldap.Clear();
        Assert.Equivalent(token, sample, strict: true);
        Assert.Equivalent(registry, sampleRegistry, strict: true);
    }

    [Fact]
    public async Task A_container_is_given_longer_to_stop_than_its_server_takes()
    {
        var servers = await parts.ComposedAsync();
        var longest = new TokenServer.TokenServerOptions().DrainTimeout + TimeSpan.FromSeconds(5);
        foreach (var server in Servers)
        {
            Assert.True(
                int.Parse(await servers.InspectAsync(server, "{{.Config.StopTimeout}}"), CultureInfo.InvariantCulture)
                    > longest.TotalSeconds);
        }
    }

    [Fact]
    public async Task Two_of_each_server_behind_the_proxy_go_on_while_one_of_them_is_stopped_or_comes_back_at_another_address()
    {
        RealParts.Require(PostgresServer.Obstacle() ?? HaproxyServer.Obstacle() ?? RadosGateway.Obstacle());
        var starting = RadosGateway.StartAsync(address: System.Net.IPAddress.Any);
        var composed = await parts.ComposedAsync();
        await using var store = await starting;
        await using var servers = await composed.WithReplicasAsync(store);
        var docker = await LoginAsync(servers);
        var image = $"{servers.Host}/platform/replicated:1";
        var id = await docker.BuildAsync(image, 100_000);
        await docker.MustAsync("push", image);
        string[] firsts = ["token-server-1", "registry-1"];
        string[] containers = [await servers.ContainerAsync(firsts[0]), await servers.ContainerAsync(firsts[1])];
        Assert.DoesNotContain(
            ComposedServers.SamplePassword, await docker.MustAsync(["inspect", .. containers]), StringComparison.Ordinal);
        var secrets = $"/proc/{await ProcessAsync(servers, "registry-1")}/root/run/authindex";
        Assert.Equal(
            ["registry-db", "s3-access-key", "s3-secret-key"],
            Directory.EnumerateFiles(secrets).Select(Path.GetFileName).Order(StringComparer.Ordinal)); // nothing of the token servers'

        string[] left = [await servers.AddressAsync(firsts[0]), await servers.AddressAsync(firsts[1])];
        await docker.MustAsync(["stop", "--time", "45", .. containers]);
        await using (await servers.OccupyAsync(left))
        {
            await docker.MustAsync("rmi", image);
            await docker.MustAsync("pull", image);
            Assert.Equal(id, await docker.ImageIdAsync(image));
            await servers.ComposeAsync("restart", "proxy"); // names of servers that are stopped cannot be looked up
            await servers.AnswersAsync();
            await PushAsync(2);

            await docker.MustAsync(["start", .. containers]);
            foreach (var server in firsts)
            {
                await servers.HealthyAsync(server);
                Assert.DoesNotContain(await servers.AddressAsync(server), left);
            }

            await docker.MustAsync(
                "stop", "--time", "45", await servers.ContainerAsync("token-server-2"), await servers.ContainerAsync("registry-2"));
            await PushAsync(3);
        }

        await docker.MustAsync("rmi", image);
        Assert.Equal("", await servers.ContainerAsync("registry")); // the single ones are not started along

        async Task PushAsync(int tag)
        {
            var another = $"{servers.Host}/platform/replicated:{tag}";
            await docker.BuildAsync(another, 100_000);
            await docker.MustAsync("push", another);
            await docker.MustAsync("rmi", another);
        }
    }

    private async Task<DockerClient> LoginAsync(ComposedServers servers)
    {
        var docker = await parts.DockerAsync();
        var login = await docker.LoginAsync(servers.Host, "admin", servers.AdminPassword);
        Assert.True(login.ExitCode == 0, login.All);
        return docker;
    }

    private static Task<string> ProcessAsync(ComposedServers servers, string server) => servers.InspectAsync(server, "{{.State.Pid}}");

    /// <summary>The files below <c>/var/lib</c>, as the process sees them.</summary>
    private static async Task<IReadOnlyList<string>> FilesAsync(ComposedServers servers, string server)
    {
        var root = $"/proc/{await ProcessAsync(servers, server)}/root/var/lib";
        return [.. Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories).Select(f => Path.GetRelativePath(root, f))];
    }
}
