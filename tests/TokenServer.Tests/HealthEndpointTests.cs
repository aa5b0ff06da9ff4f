using System.Net;
using System.Text.Json;
using AuthIndex.Hosting.Files;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests;

public sealed class HealthEndpointTests
{
    [Fact]
    public async Task A_server_that_can_serve_says_so_part_by_part()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var live = await host.GetAsync("/healthz/live");
        Assert.Equal(HttpStatusCode.OK, live.StatusCode);
        using var ready = await host.GetAsync("/healthz/ready");
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        using var body = JsonDocument.Parse(await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Equal("ok", body.RootElement.GetProperty("status").GetString());
        Assert.Equal(
            ["background", "policy", "keys", "htpasswd", "database", "freeSpace"],
            body.RootElement.GetProperty("parts").EnumerateObject().Select(p => p.Name));
    }

    [Fact]
    public async Task On_a_full_volume_the_server_starts_again_says_so_issues_tokens_and_takes_suspensions()
    {
        using var volume = SmallVolume.TryMount(24);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        await using var host = await TokenServerHost.StartAsync(o =>
        {
            foreach (var made in Directory.GetFileSystemEntries(o.DataDirectory))
            {
                var target = Path.Combine(volume.Root, Path.GetFileName(made));
                if (Directory.Exists(made)) CopyFolder(made, target);
                else File.Copy(made, target);
            }

            o.DataDirectory = volume.Root;
        });
        await Eventually.TrueAsync(() => host.Service<SpaceReserve>().Missing == 0, TimeSpan.FromSeconds(30), () => "no reserve");
        volume.Fill();
        await host.RestartAsync();

        using var ready = await host.GetAsync("/healthz/ready");
        Assert.Contains(
            "\"freeSpace\":{\"status\":\"degraded\"", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        using var token = await host.GetAsync(
            "/token?service=registry&scope=repository:public/a:pull", "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.OK, token.StatusCode);

        volume.Fill("more"); // what the reserve gave up for the start
        await host.RestartAsync(() => volume.Clear("more"));
        await using (var database = new StateDatabase(host.Options.DatabaseFile))
        {
            Assert.Null(await new SqliteSuspensionStore(database).SuspendAsync("alice", "root", "", host.Clock.GetUtcNow()));
        }

        await Eventually.TrueAsync(
            async () => await StatusAsync() == HttpStatusCode.Unauthorized, TimeSpan.FromSeconds(30), () => "the suspension did not take");

        async Task<HttpStatusCode> StatusAsync()
        {
            using var answer = await host.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task A_policy_that_could_not_be_reloaded_is_degraded_and_the_last_good_one_serves_on()
    {
        await using var host = await TokenServerHost.StartAsync();
        await File.WriteAllTextAsync(
            Path.Combine(host.Options.PoliciesDirectory, "policy.yaml"), "nonsense: [", TestContext.Current.CancellationToken);
        Assert.False(host.Service<PolicyStore>().Reload());
        using var ready = await host.GetAsync("/healthz/ready");
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
        Assert.Contains(
            "\"degraded\"", await ready.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        using var token = await host.GetAsync("/token?service=registry&scope=repository:public/a:pull");
        Assert.Equal(HttpStatusCode.OK, token.StatusCode);
    }

    [Fact]
    public async Task A_broken_key_file_is_degraded_and_counted_and_the_keys_known_before_serve_on()
    {
        await using var host = await TokenServerHost.StartAsync();
        var broken = Path.Combine(host.Options.KeysPath, "20300101T000000Z-broken.pem");
        await File.WriteAllTextAsync(broken, "half of", TestContext.Current.CancellationToken);
        await ReadyAsync("\"keys\":{\"status\":\"degraded\"");
        Assert.Contains(
            "authindex_keys_degraded 1", await host.Client.GetStringAsync("/metrics", TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        using var token = await host.GetAsync("/token?service=registry&scope=repository:public/a:pull");
        Assert.Equal(HttpStatusCode.OK, token.StatusCode);
        File.Delete(broken);
        await ReadyAsync("\"keys\":{\"status\":\"ok\"");

        Task ReadyAsync(string part) => Eventually.TrueAsync(
            async () => (await host.Client.GetStringAsync("/healthz/ready", TestContext.Current.CancellationToken)).Contains(
                part, StringComparison.Ordinal),
            TimeSpan.FromSeconds(30),
            () => $"never {part}");
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var file in Directory.GetFiles(from)) File.Copy(file, Path.Combine(to, Path.GetFileName(file)));
    }
}
