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
    public async Task No_push_that_was_acknowledged_is_lost_while_each_of_two_token_servers_and_registries_is_killed()
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
        foreach (var server in (string[])[.. servers.TokenServers, .. servers.Registries])
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
