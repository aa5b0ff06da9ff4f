using System.Net;
using System.Net.Http.Headers;
using System.Text.Json;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Tests.Index;

namespace AuthIndex.TokenServer.Tests.Grants;

/// <summary>Access tokens in use: what they open, and when they open nothing.</summary>
public sealed class AccessTokenTests
{
    private const string AnyApp = "repository:users/alice/app:pull,push,delete";

    private const string WithRobots = """
        version: 1
        robots:
          ci: { description: builds, expires: 2030-01-05 }
        groups:
          team: [alice]
        rules:
          - { id: builds, to: [robot:ci], allow: [pull, push], on: ["builds/**"] }
          - { id: signed-in, to: [authenticated], allow: [pull], on: ["shared/**"] }
          - { id: by-token, to: [user:alice], allow: [pull], on: ["scripts/**"], when: { signedInBy: [token] } }
          - { id: team, to: [group:team], allow: [pull, push, delete], on: ["users/alice/**"] }

        """;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("alice")]
    [InlineData("")]
    [InlineData("<token>")]
    [InlineData("admin")]
    [InlineData("anything")]
    public async Task An_access_token_is_taken_for_its_owners_password_whatever_the_user_name(string user)
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await MakeAsync(host, new { name = "ci" });
        var verified = host.Service<PasswordThreads>().Verified;

        var claims = await host.GetAsync($"/token?service=registry&scope={AnyApp}&scope=repository:users/admin/x:pull", user, token)
            .ClaimsAsync();

        Assert.Equal("alice", claims["sub"]!.ToString());
        Assert.Equal("users/alice/app:pull,push,delete", GrantHost.Access(claims));
        Assert.Equal(host.Grant(token).Id, claims["grant"]!.ToString());
        Assert.Equal(verified, host.Service<PasswordThreads>().Verified);
    }

    [Theory]
    [InlineData("ci", " {0}")]
    [InlineData("ci", "{0}\n")]
    [InlineData("ci", "Bearer {0}")]
    [InlineData("ci", "\"{0}\"")]
    [InlineData("robot", "ci:{0}")]
    [InlineData("robot", "ci: Bearer {0}\r\n")]
    public async Task It_is_recognised_whatever_surrounds_it_and_whatever_a_colon_made_of_the_user_name(string user, string shown)
    {
        await using var host = await TokenServerHost.StartAsync(policy: WithRobots);
        await host.ReplaceAccountsAsync(TokenServerHost.Accounts.Replace("alice:", "robot:", StringComparison.Ordinal));
        var (_, secret, _) = await host.Service<GrantFactory>()
            .MakeAccessAsync("robot:ci", null, "x", TimeSpan.FromDays(1), TokenRestriction.None);

        var claims = await host.GetAsync(
            "/token?service=registry", user,
            string.Format(System.Globalization.CultureInfo.InvariantCulture, shown, secret.Text)).ClaimsAsync();

        Assert.Equal("robot:ci", claims["sub"]!.ToString());
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task It_is_taken_in_either_grant_of_a_form_and_never_exchanged_for_a_refresh_token()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await MakeAsync(host, new { name = "ci" });
        foreach (var answering in new[]
        {
            host.PasswordAsync("alice", token, ("access_type", "offline")),
            host.RefreshAsync(token, more: ("access_type", "offline")),
            host.GetAsync("/token?service=registry&offline_token=true", "alice", token),
        })
        {
            using var answer = await answering;
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.False((await answer.JsonAsync()).ContainsKey("refresh_token"));
        }

        Assert.Single(await host.Service<IGrantStore>().ListAsync(null));
    }

    [Theory]
    [InlineData("{\"repositories\":[\"users/alice/app\"]}", "users/alice/app:pull,push,delete")]
    [InlineData(
        "{\"repositories\":[\"users/alice/ap*\", \"users/alice/o**\"]}",
        "users/alice/app:pull,push,delete users/alice/other:pull,push,delete")]
    [InlineData("{\"repositories\":[\"registry:catalog\"]}", "")]
    [InlineData("{\"actions\":[\"pull\"]}", "users/alice/app:pull users/alice/other:pull")]
    [InlineData(
        "{\"actions\":[\"pull\",\"delete\"],\"repositories\":[\"users/**\"]}", "users/alice/app:pull,delete users/alice/other:pull,delete")]
    [InlineData("{\"actions\":[\"*\"]}", "users/alice/app:pull,push,delete users/alice/other:pull,push,delete")]
    [InlineData("{\"repositories\":[\"**\"]}", "users/alice/app:pull,push,delete users/alice/other:pull,push,delete")]
    public async Task It_is_good_for_no_more_than_it_is_narrowed_to_and_for_nothing_that_its_owner_may_not(string narrowing, string granted)
    {
        await using var host = await TokenServerHost.StartAsync();
        var request = JsonSerializer.Deserialize<Dictionary<string, object>>(narrowing)!;
        request["name"] = "narrow";
        var token = await MakeAsync(host, request);
        Assert.Equal(
            granted, await host.GetAsync(
                $"/token?service=registry&scope={AnyApp}&scope=repository:users/alice/other:pull,push,delete&scope=repository:users/bob/app:pull", "alice", token).GrantedAsync());
    }

    [Theory]
    [InlineData(null, null, "catalog:*")]
    [InlineData("registry:catalog", null, "catalog:*")]
    [InlineData("**", null, "")]
    [InlineData(null, "pull", "")]
    [InlineData(null, "*", "catalog:*")]
    public async Task The_catalog_must_be_named_where_anything_is(string? repository, string? action, string granted)
    {
        await using var host = await TokenServerHost.StartAsync();
        var token =
            (await host.MakeAsync(
                new { name = "x", repositories = repository is null ? Array.Empty<string>() : [repository], actions = action is null
                    ? Array.Empty<string>()
                    : [action] }, "admin", TokenServerHost.AdminPassword))["token"]!.ToString();
        Assert.Equal(granted, await host.GetAsync("/token?service=registry&scope=registry:catalog:*", "admin", token).GrantedAsync());
    }

    [Fact]
    public async Task Every_action_of_an_administrator_is_narrowed_to_the_words_that_are_left()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token =
            (await host.MakeAsync(
                new { name = "x", actions = new[] { "pull" } }, "admin", TokenServerHost.AdminPassword))["token"]!.ToString();
        var claims = await host.GetAsync("/token?service=registry&scope=repository:a/b:*", "admin", token).ClaimsAsync();
        Assert.Equal("a/b:pull", GrantHost.Access(claims));
        Assert.Contains(
            $"the access token {host.Grant(token).Id} does not permit this", claims["refused"]!.ToJsonString(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.0.0.0/8", true)]
    [InlineData("10.0.0.0/8", false)]
    [InlineData("::1", false)]
    public async Task It_is_good_from_the_addresses_it_is_narrowed_to(string address, bool isGood)
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await MakeAsync(host, new { name = "x", addresses = new[] { address } });
        using var answer = await host.GetAsync("/token?service=registry", "alice", token);
        Assert.Equal(isGood ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, answer.StatusCode);
        if (!isGood)
        {
            Assert.Contains(
                "may not be used from 127.0.0.1", (await answer.JsonAsync())["error_description"]!.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task The_policy_decides_by_what_the_owner_is_now_and_knows_that_it_was_a_token()
    {
        await using var host = await TokenServerHost.StartAsync(policy: WithRobots);
        var token = await MakeAsync(host, new { name = "x" });
        var scopes = $"/token?service=registry&scope={AnyApp}&scope=repository:scripts/a:pull&scope=repository:shared/a:pull";
        Assert.Equal(
            "users/alice/app:pull,push,delete scripts/a:pull shared/a:pull", await host.GetAsync(scopes, "alice", token).GrantedAsync());
        Assert.Equal(
            "users/alice/app:pull,push,delete shared/a:pull",
            await host.GetAsync(scopes, "alice", TokenServerHost.AlicePassword).GrantedAsync());

        await File.WriteAllTextAsync(
            Path.Combine(host.Options.PoliciesDirectory, "policy.yaml"),
            WithRobots.Replace("team: [alice]", "team: [bob]", StringComparison.Ordinal), Cancel);
        Assert.True(host.Service<PolicyStore>().Reload());
        Assert.Equal("scripts/a:pull shared/a:pull", await host.GetAsync(scopes, "alice", token).GrantedAsync());
    }

    [Fact]
    public async Task A_token_that_was_mistyped_is_refused_before_anything_is_looked_up()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await MakeAsync(host, new { name = "x" });
        var (reads, verified) = (host.Service<RememberedGrants>().Reads, host.Service<PasswordThreads>().Verified);
        foreach (var wrong in new[] { token[..^1], token + "0", token[..10] + (token[10] == 'a' ? 'b' : 'a') + token[11..], "aix_",
            "air_" + token[4..], "aix_" + new string('ü', 49), "aix_a password that begins so" })
        {
            Assert.StartsWith(
                "401 invalid_client: sign-in failed: the token is incomplete",
                await host.GetAsync("/token?service=registry", "alice", wrong).ErrorAsync(), StringComparison.Ordinal);
        }

        Assert.Equal(reads, host.Service<RememberedGrants>().Reads);
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the token is unknown",
            await host.GetAsync("/token?service=registry", "alice", TokenSecret.New(TokenKind.Access).Text).ErrorAsync(),
            StringComparison.Ordinal);
        Assert.Equal(reads + 1, host.Service<RememberedGrants>().Reads);
        Assert.Equal(verified, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task It_ends_when_it_expires_and_is_swept()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await MakeAsync(host, new { name = "x", expires = "2h" });
        host.Clock.Advance(TimeSpan.FromMinutes(119));
        Assert.Equal("", await host.GetAsync("/token?service=registry", "alice", token).GrantedAsync());
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the access token has expired",
            await host.GetAsync("/token?service=registry", "alice", token).ErrorAsync(), StringComparison.Ordinal);
        await host.Service<GrantUsageRecorder>().SweepAsync();
        Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));
    }

    [Fact]
    public async Task The_patterns_of_a_token_together_have_a_bounded_number_of_wildcards()
    {
        await using var host = await TokenServerHost.StartAsync();
        _ = await MakeAsync(host, new { name = "most", repositories = Enumerable.Range(0, 50).Select(i => $"*/n{i}/**") });
        foreach (var (pattern, count, problem) in new[] { ("*/*/**", 50, "more than 100 wildcards"),
            (string.Concat(Enumerable.Repeat("*a", 250)), 1, "a pattern has at most 16 wildcards") })
        {
            var body = JsonSerializer.Serialize(new { name = "x", repositories = Enumerable.Repeat(pattern, count) });
            using var answer = await host.AccountAsync(HttpMethod.Post, "", "alice", TokenServerHost.AlicePassword, body);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Contains(problem, await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_stored_restriction_that_is_not_accepted_any_more_leaves_nothing()
    {
        var row =
            new GrantRow { Id = "X", Kind = "access", Account = "alice", Name = "x",
                Repositories = string.Concat(Enumerable.Repeat("*a", 250)), Actions = "", Addresses = "" };
        var narrowing = row.Read().Narrowing;
        foreach (var scope in new[] { new Scope(Scope.RepositoryType, "aaaa", ActionSet.Pull), Scope.Catalog })
        {
            Assert.True(narrowing.Restrict(scope).IsEmpty);
        }
    }

    [Fact]
    public async Task A_robot_signs_in_by_its_tokens_until_it_or_its_declaration_ends()
    {
        await using var host = await TokenServerHost.StartAsync(policy: WithRobots);
        var made = await host.Service<GrantFactory>().MakeAccessAsync("robot:ci", null, "x", TimeSpan.FromDays(30), TokenRestriction.None);
        var token = made.Secret.Text;
        const string Scopes =
            "/token?service=registry&scope=repository:builds/a:pull,push&scope=repository:shared/a:pull,push&scope=repository:users/alice/a:pull";

        var claims = await host.GetAsync(Scopes, "robot", token).ClaimsAsync();
        Assert.Equal("robot:ci", claims["sub"]!.ToString());
        Assert.Equal("builds/a:pull,push shared/a:pull", GrantHost.Access(claims));

        host.Clock.Advance(TimeSpan.FromDays(3));
        host.Clock.Advance(TimeSpan.FromDays(1));
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the account of the access token may no longer sign in",
            await host.GetAsync(Scopes, "", token).ErrorAsync(), StringComparison.Ordinal);
        var declared = WithRobots.Replace(", expires: 2030-01-05", "", StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(host.Options.PoliciesDirectory, "policy.yaml"), declared, Cancel);
        Assert.True(host.Service<PolicyStore>().Reload());
        Assert.Equal("builds/a:pull,push shared/a:pull", await host.GetAsync(Scopes, "", token).GrantedAsync());

        await File.WriteAllTextAsync(Path.Combine(host.Options.PoliciesDirectory, "policy.yaml"), TokenServerHost.Policy, Cancel);
        Assert.True(host.Service<PolicyStore>().Reload());
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the account of the access token no longer exists",
            await host.GetAsync(Scopes, "", token).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_catalog_shows_what_the_token_is_narrowed_to_and_takes_no_registrys_token_of_a_grant_that_ended()
    {
        await using var host = await TokenServerHost.StartAsync();
        await Reports.MustAsync(
            host, Reports.Snapshot(
                "e", 0, true, 0, Reports.Push(0, "public/tool", "1"), Reports.Push(0, "users/alice/app", "2"),
                Reports.Push(0, "users/alice/other", "3")));
        var token = await MakeAsync(host, new { name = "x", repositories = new[] { "users/alice/app" } });
        Assert.Equal("users/alice/app", await FindAsync(host, TokenServerHost.Basic("alice", token)));

        using var answer = await host.GetAsync("/token?service=registry", "alice", token);
        var bearer = (await answer.JsonAsync())["token"]!.ToString();
        Assert.Equal("users/alice/app", await FindAsync(host, new AuthenticationHeaderValue("Bearer", bearer)));
        Assert.Equal("""{"repositories":["users/alice/app"]}""", await PullableAsync(host, bearer));

        using (await host.FormAsync("/revoke", ("token", token)))
        {
        }

        Assert.Equal("401", await FindAsync(host, new AuthenticationHeaderValue("Bearer", bearer)));
        Assert.Contains("the token was revoked", await PullableAsync(host, bearer), StringComparison.Ordinal);
    }

    private static async Task<string> MakeAsync(TokenServerHost host, object request) =>
        (await host.MakeAsync(request))["token"]!.ToString();

    private static async Task<string> FindAsync(TokenServerHost host, AuthenticationHeaderValue authorization)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/index/v1/repositories");
        request.Headers.Authorization = authorization;
        using var answer = await host.Client.SendAsync(request, Cancel);
        return answer.IsSuccessStatusCode
            ? string.Join(' ', (await answer.JsonAsync())["repositories"]!.AsArray().Select(r => r!["name"]))
            : $"{(int)answer.StatusCode}";
    }

    private static async Task<string> PullableAsync(TokenServerHost host, string token)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/index/v1/pullable");
        request.Headers.Authorization = TokenServerHost.Basic("registry", TokenServerHost.Credential);
        request.Content = new StringContent(
            JsonSerializer.Serialize(new { token, repositories = new[] { "public/tool", "users/alice/app", "users/alice/other" } }));
        using var answer = await host.Client.SendAsync(request, Cancel);
        return await answer.Content.ReadAsStringAsync(Cancel);
    }
}
