using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Token;

public sealed class ShadowPolicyTests
{
    [Fact]
    public async Task A_candidate_policy_is_asked_and_counted_and_enforces_nothing()
    {
        using var candidate = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            candidate["policy.yaml"], "version: 1\nrules:\n  - {id: closed, to: [\"user:admin\"], allow: [pull], on: [\"public/**\"]}\n",
            TestContext.Current.CancellationToken);
        await using var server = await TokenServerHost.StartAsync(o => o.ShadowPoliciesDirectory = candidate.Root);

        using var answer = await server.GetAsync("/token?service=registry&scope=repository:public/app:pull");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var token = System.Text.Json.JsonDocument.Parse(
            await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        Assert.Contains(
            "public/app",
            System.Text.Encoding.UTF8.GetString(
                System.Buffers.Text.Base64Url.DecodeFromChars(token.RootElement.GetProperty("token").GetString()!.Split('.')[1])),
                StringComparison.Ordinal);
        Assert.Contains("was granted \"pull\", would have been granted \"\"", server.Log.Text, StringComparison.Ordinal);

        // Where both agree, nothing is said.
        using var agreed = await server.GetAsync("/token?service=registry&scope=repository:team/app:pull");
        var metrics = await server.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        Assert.Contains("authindex_policy_shadow_differences_total 1\n", metrics, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_a_token_is_narrowed_to_is_no_difference_between_policies()
    {
        using var candidate = new TemporaryDirectory();
        await File.WriteAllTextAsync(candidate["policy.yaml"], TokenServerHost.Policy, TestContext.Current.CancellationToken);
        await using var server = await TokenServerHost.StartAsync(o => o.ShadowPoliciesDirectory = candidate.Root);
        var made = await server.MakeAsync(new { name = "x", actions = new[] { "pull" } });
        Assert.Equal(
            "users/alice/app:pull",
            await server.GetAsync($"/token?service=registry&scope={GrantHost.OwnApp}", "", made["token"]!.ToString()).GrantedAsync());
        Assert.DoesNotContain(" differs on decision ", server.Log.Text, StringComparison.Ordinal);
    }
}
