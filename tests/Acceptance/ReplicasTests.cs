using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>Two token servers on one PostgreSQL database behind a proxy, as companies run them, with real clients.</summary>
public sealed class ReplicasTests(RealParts parts, ITestOutputHelper output)
{
    private const string Password = "a password of carol";

    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Docker_pushes_and_pulls_while_each_server_in_turn_is_killed_and_the_database_restarts()
    {
        RealParts.Require(ReplicatedServers.Obstacle());
        var docker = await parts.DockerAsync();
        await using var servers = await ReplicatedServers.StartAsync();
        var login = await docker.LoginAsync(servers.Host, "admin", servers.AdminPassword);
        Assert.True(login.ExitCode == 0, login.All + servers.Log);

        // A proxy sends a request that a killed server left unanswered to the other one: no push fails.
        foreach (var server in servers.TokenServers)
        {
            var killing = KillAndRestartAsync(servers, server);
            for (var i = 0; !killing.IsCompleted || i < 2; i++)
            {
                var image = $"{servers.Host}/platform/{server}:{i}";
                await docker.BuildAsync(image, 10_000);
                var pushed = await docker.RunAsync("push", image);
                Assert.True(pushed.ExitCode == 0, pushed.All + servers.Log);
                await docker.MustAsync("rmi", image);
                await docker.MustAsync("pull", image);
                await docker.MustAsync("rmi", image);
            }

            await killing;
        }

        // Without the database nobody is signed in, and clients are told to come back: nothing that was acknowledged is lost.
        await servers.Database.StopAsync();
        await Eventually.TrueAsync(
            async () => await StatusAsync(servers.Index, "admin", servers.AdminPassword) == HttpStatusCode.ServiceUnavailable,
            Patience, () => servers.Log);
        await servers.Database.StartAgainAsync();
        await Eventually.TrueAsync(
            async () => await StatusAsync(servers.Index, "admin", servers.AdminPassword) == HttpStatusCode.OK, Patience, () => servers.Log);
        await docker.MustAsync("pull", $"{servers.Host}/platform/one:0");
        await docker.MustAsync("rmi", $"{servers.Host}/platform/one:0");
    }

    [Fact]
    public async Task Of_two_token_servers_and_registries_each_is_replaced_and_no_push_fails_and_killed_and_none_is_lost()
    {
        RealParts.Require(ReplicatedServers.Obstacle() ?? RadosGateway.Obstacle());
        var docker = await parts.DockerAsync();
        await using var servers = await ReplicatedServers.StartAsync(registries: 2);
        using (var http = new HttpClient())
        {
            foreach (var server in (string[])[.. servers.TokenServers, .. servers.Registries])
            {
                using var ready = await http.GetAsync(new Uri(servers.At(server), "healthz/ready"), TestContext.Current.CancellationToken);
                Assert.True(
                    ready.IsSuccessStatusCode,
                    $"{server}: {await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken)}");
            }
        }

        var login = await docker.LoginAsync(servers.Host, "admin", servers.AdminPassword);
        Assert.True(login.ExitCode == 0, login.All + servers.Log);
        var (pushed, retried) = (new List<string>(), 0);
        string[] all = [.. servers.TokenServers, .. servers.Registries];

        // One after another, as an upgrade does it: requests under way are finished, and others go to the other server.
        foreach (var server in all)
        {
            var replacing = ReplaceAsync(servers, server);
            for (var i = 0; !replacing.IsCompleted || i < 1; i++)
            {
                var image = $"{servers.Host}/platform/replaced:{server}-{i}";
                await docker.BuildAsync(image, 100_000);
                await MustPushAsync(docker, image, servers);
                pushed.Add(image);
                await docker.MustAsync("rmi", image);
            }

            await replacing;
        }

        foreach (var server in all)
        {
            var killing = KillAndRestartAsync(servers, server);
            for (var i = 0; !killing.IsCompleted || i < 2; i++)
            {
                var image = $"{servers.Host}/platform/{server}:{i}";
                await docker.BuildAsync(image, 100_000);
                retried += await PushAsync(docker, image, servers);
                pushed.Add(image);
                await docker.MustAsync("rmi", image);
            }

            await killing;
        }

        // The database of all: restarted under the pushes.
        var restarting = RestartAsync(servers.Database);
        for (var i = 0; !restarting.IsCompleted || i < 2; i++)
        {
            var image = $"{servers.Host}/platform/database:{i}";
            await docker.BuildAsync(image, 100_000);
            retried += await PushAsync(docker, image, servers);
            pushed.Add(image);
            await docker.MustAsync("rmi", image);
        }

        await restarting;
        foreach (var image in pushed)
        {
            var pulled = await docker.RunAsync("pull", image);
            Assert.True(pulled.ExitCode == 0, $"lost: {image}\n{pulled.All}{servers.Log}");
            await docker.MustAsync("rmi", image);
        }

        output.WriteLine($"{pushed.Count} pushes acknowledged, {retried} retried, 0 lost");
        Assert.Contains(
            " 0 missing, 0 of the wrong size, 0 damaged,", await servers.CommandAsync(["verify", "--digests"], program: "RegistryCore"),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_registry_moves_to_PostgreSQL_and_an_object_store_and_a_backup_made_under_pushes_is_whole_elsewhere()
    {
        RealParts.Require(ReplicatedServers.Obstacle() ?? RadosGateway.Obstacle());
        var docker = await parts.DockerAsync();
        await using var servers = await ReplicatedServers.StartAsync();
        Assert.Equal(0, (await docker.LoginAsync(servers.Host, "admin", servers.AdminPassword)).ExitCode);
        var images = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < 3; i++) await PushNewAsync($"platform/app{i}:1");
        await AssertListedAsync(servers, "app2");

        string[] copy = ["storage", "copy", "--to", "postgresql"];
        await servers.UseSharedStorageAsync();
        await servers.CommandAsync([.. copy, "--blobs-only"], program: "RegistryCore", data: "registry");
        await PushNewAsync("platform/late:1");
        await servers.StopAsync("registry");
        var told = await servers.CommandAsync(copy, program: "RegistryCore", data: "registry");
        Assert.StartsWith("copied and compared: ", told, StringComparison.Ordinal);
        Assert.Contains(" 4 tags,", told, StringComparison.Ordinal);
        await servers.StartAsync("registry");
        await PullAllAsync();
        using (var folder = new TemporaryDirectory())
        {
            await SkopeoTests.SkopeoAsync(
                "copy", "--src-tls-verify=false", "--src-creds", $"admin:{servers.AdminPassword}", $"docker://{servers.Host}/platform/late:1",
                $"dir:{folder["image"]}");
        }

        await PushNewAsync("platform/after:1");
        await AssertListedAsync(servers, "late", "after");

        var pushing = true;
        var others = PushOnAsync();
        await servers.BackUpRegistryAsync();
        pushing = false;
        Assert.True(await others > 0, "no push was made while the backup was");
        await servers.StopAsync("registry");
        await servers.UseRestoredRegistryAsync();
        Assert.Contains(
            " 0 missing, 0 of the wrong size, 0 damaged,", await servers.CommandAsync(["verify", "--digests"], program: "RegistryCore"),
            StringComparison.Ordinal);
        await servers.StartAsync("registry");
        await PullAllAsync();
        await PushNewAsync("platform/restored:1");
        await AssertListedAsync(servers, "restored");

        async Task PushNewAsync(string name)
        {
            var image = $"{servers.Host}/{name}";
            images[image] = await docker.BuildAsync(image, 100_000);
            await MustPushAsync(docker, image, servers);
            await docker.MustAsync("rmi", image);
        }

        async Task PullAllAsync()
        {
            foreach (var (image, id) in images)
            {
                var pulled = await docker.RunAsync("pull", image);
                Assert.True(pulled.ExitCode == 0, pulled.All + servers.Log);
                Assert.Equal(id, await docker.ImageIdAsync(image));
                await docker.MustAsync("rmi", image);
            }
        }

        async Task<int> PushOnAsync()
        {
            var count = 0;
            while (Volatile.Read(ref pushing))
            {
                var image = $"{servers.Host}/platform/meanwhile:{count++}";
                await docker.BuildAsync(image, 100_000);
                await MustPushAsync(docker, image, servers);
                await docker.MustAsync("rmi", image);
            }

            return count;
        }
    }

    [Fact]
    public async Task A_suspension_reaches_every_registry_through_every_server_and_guesses_are_counted_together()
    {
        RealParts.Require(ReplicatedServers.Obstacle() ?? RadosGateway.Obstacle());
        await using var servers = await ReplicatedServers.StartAsync(registries: 2);
        await AddUserAsync(servers);
        var tokens = new List<string>();
        foreach (var server in servers.TokenServers) tokens.Add(await TokenAsync(servers.At(server)));
        using var http = new HttpClient();
        var uses = servers.Registries.SelectMany(r => tokens.Select(t => (Registry: servers.At(r), Token: t))).ToList();
        foreach (var (registry, token) in uses) Assert.Equal(HttpStatusCode.OK, await PingAsync(http, registry, token));

        await servers.CommandAsync(["accounts", "suspend", "carol", "--reason", "left the company"]);
        await Task.WhenAll(uses.Select(use => Eventually.TrueAsync(
            async () => await PingAsync(http, use.Registry, use.Token) == HttpStatusCode.Unauthorized,
            TimeSpan.FromSeconds(2), () => servers.Log)));

        foreach (var server in servers.TokenServers)
        {
            await Eventually.TrueAsync(
                async () => await StatusAsync(servers.At(server), "carol", Password) == HttpStatusCode.Unauthorized,
                TimeSpan.FromSeconds(2), () => servers.Log);
        }

        // A wrong password of an account that there is, ten times: five at each.
        for (var i = 0; i < 10; i++)
        {
            var server = servers.At(servers.TokenServers[i % 2]);
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync(server, "admin", $"guess {i}"));
        }

        foreach (var server in servers.TokenServers)
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, await StatusAsync(servers.At(server), "admin", "another guess"));
        }

        await servers.CommandAsync(["accounts", "unlock", "admin"]);
        foreach (var server in servers.TokenServers)
        {
            await Eventually.TrueAsync(
                async () => await StatusAsync(servers.At(server), "admin", servers.AdminPassword) == HttpStatusCode.OK, Patience,
                () => servers.Log);
        }
    }

    private static async Task MustPushAsync(DockerClient docker, string image, ReplicatedServers servers)
    {
        var pushed = await docker.RunAsync("push", image);
        Assert.True(pushed.ExitCode == 0, pushed.All + servers.Log);
    }

    private static async Task ReplaceAsync(ReplicatedServers servers, string server)
    {
        await servers.StopAsync(server);
        await servers.StartAsync(server);
    }

    /// <summary>Waits until the index lists repositories, each once.</summary>
    private static async Task AssertListedAsync(ReplicatedServers servers, params string[] names)
    {
        using var http = new HttpClient { BaseAddress = servers.Index };
        http.DefaultRequestHeaders.Authorization = Basic.Header("admin", servers.AdminPassword);
        foreach (var name in names)
        {
            await Eventually.TrueAsync(
                async () => (await http.GetStringAsync(new Uri($"/index/v1/repositories?q={name}", UriKind.Relative), None))
                    .Split($"\"platform/{name}\"").Length == 2,
                Patience, () => servers.Log);
        }
    }

    private static async Task KillAndRestartAsync(ReplicatedServers servers, string server)
    {
        await servers.KillAsync(server);
        await servers.StartAsync(server);
    }

    /// <summary>Pushes until it is acknowledged, as people do.</summary>
    /// <returns>How often it had to be repeated.</returns>
    private static async Task<int> PushAsync(DockerClient docker, string image, ReplicatedServers servers)
    {
        for (var retries = 0; ; retries++)
        {
            var pushed = await docker.RunAsync("push", image);
            if (pushed.ExitCode == 0) return retries;
            Assert.True(retries < 10, pushed.All + servers.Log);
        }
    }

    private static async Task RestartAsync(PostgresServer database)
    {
        await database.StopAsync();
        await database.StartAgainAsync();
    }

    private static async Task AddUserAsync(ReplicatedServers servers)
    {
        await servers.CommandAsync(["users", "add", "carol"], Password);
        foreach (var server in servers.TokenServers)
        {
            await Eventually.TrueAsync(
                async () => await StatusAsync(servers.At(server), "carol", Password) == HttpStatusCode.OK, Patience, () => servers.Log);
        }
    }

    private static async Task<HttpStatusCode> StatusAsync(Uri server, string account, string password)
    {
        using var http = new HttpClient { BaseAddress = server, DefaultRequestHeaders = { Authorization = Basic.Header(account, password) } };
        using var answer = await http.GetAsync(new Uri("/token?service=registry", UriKind.Relative), None);
        return answer.StatusCode;
    }

    private static async Task<string> TokenAsync(Uri server)
    {
        using var http = new HttpClient { BaseAddress = server, DefaultRequestHeaders = { Authorization = Basic.Header("carol", Password) } };
        var answer = await http.GetFromJsonAsync<JsonNode>(
            new Uri("/token?service=registry&scope=registry:catalog:*", UriKind.Relative), None);
        return (string)answer!["token"]!;
    }

    private static async Task<HttpStatusCode> PingAsync(HttpClient http, Uri registry, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(registry, "/v2/"));
        request.Headers.Authorization = new("Bearer", token);
        using var answer = await http.SendAsync(request, None);
        return answer.StatusCode;
    }
}
