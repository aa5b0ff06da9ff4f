using AuthIndex.TestKit;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Tests;

public sealed class MetricsEndpointTests
{
    [Fact]
    public async Task Decisions_sign_ins_and_the_policy_in_force_are_counted()
    {
        await using var server = await TokenServerHost.StartAsync();
        (await server.GetAsync("/token?service=registry&scope=repository:public/app:pull,push")).Dispose();
        (await server.GetAsync(
            "/token?service=registry&scope=repository:users/alice/app:pull", "alice", TokenServerHost.AlicePassword)).Dispose();
        (await server.GetAsync("/token?service=registry", "alice", "wrong")).Dispose();

        var page = await PageAsync(server);
        Assert.Contains("authindex_token_decisions_total{service=\"registry\",outcome=\"partly\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_token_decisions_total{service=\"registry\",outcome=\"granted\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_sign_ins_total{identity=\"htpasswd\",outcome=\"signed-in\"} 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_sign_ins_total{identity=\"none\",outcome=\"sign-in-failed\"} 1\n", page, StringComparison.Ordinal);
        Assert.Matches("authindex_policy_info\\{revision=\"[0-9a-f]{12}\"\\} 1\n", page);
        Assert.Contains("authindex_policy_degraded 0\n", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_edit_that_is_at_fault_shows_and_is_healed_by_the_next_good_one()
    {
        await using var server = await TokenServerHost.StartAsync();
        var file = Path.Combine(server.Options.PoliciesDirectory, "policy.yaml");
        var policies = server.Service<PolicyStore>();

        await File.WriteAllTextAsync(file, "version: 1\nrulez: []\n", TestContext.Current.CancellationToken);
        policies.Reload();
        var page = await PageAsync(server);
        Assert.Contains("authindex_policy_degraded 1\n", page, StringComparison.Ordinal);
        Assert.Contains("authindex_policy_reload_errors_total 1\n", page, StringComparison.Ordinal);

        await File.WriteAllTextAsync(file, TokenServerHost.Policy, TestContext.Current.CancellationToken);
        policies.Reload();
        Assert.Contains("authindex_policy_degraded 0\n", await PageAsync(server), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Every_sample_has_its_help_and_its_type()
    {
        await using var server = await TokenServerHost.StartAsync();
        (await server.GetAsync("/token?service=registry")).Dispose();
        var known = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in (await PageAsync(server)).Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            if (line.StartsWith("# TYPE ", StringComparison.Ordinal)) known.Add(line.Split(' ')[2]);
            else if (line[0] != '#')
            {
                Assert.Contains(
                    known, name => line.Split('{', ' ')[0] is var sample
                    && (sample == name || ((string[])["_bucket", "_sum", "_count"]).Any(part => sample == name + part)));
            }
        }

        Assert.NotEmpty(known);
    }

    private static Task<string> PageAsync(TokenServerHost server) =>
        server.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
}
