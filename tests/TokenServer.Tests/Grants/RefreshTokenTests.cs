using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Tests.Grants;

public sealed class RefreshTokenTests
{
    private static readonly TimeSpan Day = TimeSpan.FromDays(1);

    [Fact]
    public async Task A_login_gets_a_refresh_token_by_which_tokens_are_had_without_the_password()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        Assert.Equal(TokenKind.Refresh, TokenSecret.Parse(token)!.Kind);
        var verified = host.Service<PasswordThreads>().Verified;

        var claims = await host.RefreshAsync(token, more: ("scope", GrantHost.OwnApp)).ClaimsAsync();

        Assert.Equal("alice", claims["sub"]!.ToString());
        Assert.Equal("users/alice/app:pull,push", GrantHost.Access(claims));
        Assert.Equal(host.Grant(token).Id, claims["grant"]!.ToString());
        Assert.Equal(verified, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task A_form_gets_one_only_where_it_asks()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var offline = await host.PasswordAsync(more: ("access_type", "offline"));
        Assert.NotNull(TokenSecret.Parse((await offline.JsonAsync())["refresh_token"]!.ToString()));
        using var online = await host.PasswordAsync();
        Assert.False((await online.JsonAsync()).ContainsKey("refresh_token"));
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("alice", "wrong")]
    public async Task Nobody_gets_one_without_a_right_password(string? user, string? password)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/token?service=registry&offline_token=true&account=alice", user, password);
        Assert.False((await answer.JsonAsync()).ContainsKey("refresh_token"));
        Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));
    }

    [Fact]
    public async Task It_is_kept_as_a_hash_and_outlives_a_restart()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        await host.RestartAsync(() =>
        {
            foreach (var file in Directory.EnumerateFiles(host.Options.StatePath))
            {
                Assert.DoesNotContain(token[4..20], File.ReadAllText(file, System.Text.Encoding.Latin1), StringComparison.Ordinal);
            }
        });
        Assert.Equal("alice", (await host.RefreshAsync(token).ClaimsAsync())["sub"]!.ToString());
    }

    [Fact]
    public async Task It_is_not_rotated()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        using var again = await host.RefreshAsync(token, more: ("access_type", "offline"));
        Assert.Equal(token, (await again.JsonAsync())["refresh_token"]!.ToString());
        using var quiet = await host.RefreshAsync(token);
        Assert.False((await quiet.JsonAsync()).ContainsKey("refresh_token"));
        Assert.Single(await host.Service<IGrantStore>().ListAsync("alice"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("<token>")]
    public async Task It_is_taken_in_a_passwords_place_without_a_user_name(string user)
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        var claims = await host.GetAsync($"/token?service=registry&scope={GrantHost.OwnApp}", user, token).ClaimsAsync();
        Assert.Equal("alice", claims["sub"]!.ToString());
        Assert.Equal(host.Grant(token).Id, claims["grant"]!.ToString());

        // It gets no other for itself.
        using var answer = await host.GetAsync("/token?service=registry&offline_token=true", user, token);
        Assert.Equal(token, (await answer.JsonAsync())["refresh_token"]!.ToString());
    }

    [Fact]
    public async Task It_is_not_taken_beside_an_account_name()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: a refresh token must be sent without a user name",
            await host.GetAsync("/token?service=registry", "alice", token).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task It_is_good_for_the_registry_it_was_given_for_only()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.Services = [new() { Name = "registry" }, new() { Name = "other" }]);
        var token = await host.LoginAsync();
        Assert.StartsWith(
            "401 invalid_grant: sign-in failed: the refresh token is for another registry",
            await host.RefreshAsync(token, "other").ErrorAsync(), StringComparison.Ordinal);
        Assert.StartsWith(
            "401 invalid_client: ", await host.GetAsync("/token?service=other", "", token).ErrorAsync(), StringComparison.Ordinal);
        using var catalog = await host.GetAsync("/index/v1/repositories", "", token);
        Assert.Equal(HttpStatusCode.Unauthorized, catalog.StatusCode);
        Assert.Equal("", await host.RefreshAsync(token).GrantedAsync());
    }

    [Theory]
    [InlineData("some-tool", "some-tool", true)]
    [InlineData("some-tool", "another-tool", false)]
    [InlineData("docker", "buildkit-client", true)]
    [InlineData("docker", "containerd-client", true)]
    [InlineData("containerd-client", "buildkit-client", true)]
    public async Task It_is_good_for_the_client_it_was_given_to_or_for_those_who_share_dockers_configuration(
        string given, string used, bool isGood)
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync(client: given);
        using var answer = await host.RefreshAsync(token, client: used);
        Assert.Equal(isGood ? HttpStatusCode.OK : HttpStatusCode.Unauthorized, answer.StatusCode);
        if (!isGood)
        {
            Assert.Contains("another client", (await answer.JsonAsync())["error_description"]!.ToString(), StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task It_ends_when_it_lies_unused_and_in_any_case_at_last()
    {
        await using var host = await TokenServerHost.StartAsync(o => (o.RefreshTokenIdle, o.RefreshTokenLifetime) = (10 * Day, 25 * Day));
        var (used, unused) = (await host.LoginAsync(), await host.LoginAsync());
        for (var day = 0; day < 24; day += 8)
        {
            Assert.Equal("", await host.RefreshAsync(used).GrantedAsync());
            await host.Service<GrantUsageRecorder>().WriteAsync();
            host.Clock.Advance(8 * Day);
            if (day == 0) Assert.Equal("", await host.RefreshAsync(used).GrantedAsync());
        }

        Assert.StartsWith(
            "401 invalid_grant: sign-in failed: the refresh token has expired", await host.RefreshAsync(unused).ErrorAsync(),
            StringComparison.Ordinal);
        Assert.Equal("", await host.RefreshAsync(used).GrantedAsync());
        host.Clock.Advance(2 * Day);
        Assert.StartsWith(
            "401 invalid_grant: sign-in failed: the refresh token has expired", await host.RefreshAsync(used).ErrorAsync(),
            StringComparison.Ordinal);

        await host.Service<GrantUsageRecorder>().SweepAsync();
        Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));
    }

    [Fact]
    public async Task A_use_that_is_not_written_down_yet_keeps_it_from_being_swept()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.RefreshTokenIdle = 10 * Day);
        var token = await host.LoginAsync();
        host.Clock.Advance(9 * Day);
        Assert.Equal("", await host.RefreshAsync(token).GrantedAsync());
        host.Clock.Advance(9 * Day);
        await host.Service<GrantUsageRecorder>().SweepAsync();
        Assert.Equal("", await host.RefreshAsync(token).GrantedAsync());
    }

    [Fact]
    public async Task Its_account_is_looked_at_anew_at_every_use()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        Assert.Equal("", await host.RefreshAsync(token).GrantedAsync());

        var (admin, alice) = (TokenServerHost.Accounts.Split('\n')[0], TokenServerHost.Accounts.Split('\n')[1]);
        await host.ReplaceAccountsAsync(admin + "\n");
        Assert.StartsWith(
            "401 invalid_grant: sign-in failed: the account of the refresh token no longer exists", await host.RefreshAsync(token).ErrorAsync(),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the account of the refresh token no longer exists",
            await host.GetAsync("/token?service=registry", "", token).ErrorAsync(), StringComparison.Ordinal);

        await host.ReplaceAccountsAsync($"{admin}\nalice:{{disabled}}\n");
        Assert.StartsWith(
            "401 invalid_grant: sign-in failed: the account of the refresh token may no longer sign in",
            await host.RefreshAsync(token).ErrorAsync(), StringComparison.Ordinal);

        await host.ReplaceAccountsAsync($"{admin}\n{alice}\n");
        Assert.Equal("", await host.RefreshAsync(token).GrantedAsync());
    }

    [Fact]
    public async Task Without_refresh_tokens_nobody_gets_one_and_those_given_before_still_work()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        host.Options.RefreshTokens = false;
        await host.RestartAsync();
        using var answer = await host.GetAsync("/token?service=registry&offline_token=true", "alice", TokenServerHost.AlicePassword);
        Assert.False((await answer.JsonAsync()).ContainsKey("refresh_token"));
        Assert.Equal("", await host.RefreshAsync(token).GrantedAsync());
    }

    [Fact]
    public async Task Of_too_many_the_one_that_was_not_used_for_longest_goes()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.RefreshTokensPerAccount = 3);
        var tokens = new List<string>();
        for (var i = 0; i < 3; i++)
        {
            tokens.Add(await host.LoginAsync(client: $"client-{i}"));
            host.Clock.Advance(Day);
        }

        Assert.Equal("", await host.RefreshAsync(tokens[0], client: "client-0").GrantedAsync());
        await host.Service<GrantUsageRecorder>().WriteAsync();
        host.Clock.Advance(Day);
        tokens.Add(await host.LoginAsync(client: "client-3"));

        Assert.StartsWith(
            "401 invalid_grant: sign-in failed: the token is unknown",
            await host.RefreshAsync(tokens[1], client: "client-1").ErrorAsync(), StringComparison.Ordinal);
        foreach (var kept in new[] { 0, 2, 3 })
        {
            Assert.Equal("", await host.RefreshAsync(tokens[kept], client: $"client-{kept}").GrantedAsync());
        }
    }

    [Fact]
    public async Task What_a_logout_left_behind_unused_is_replaced_by_the_next_login_of_the_same_client_at_the_same_address()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.Services = [new() { Name = "registry" }, new() { Name = "other" }]);
        var (unused, used, otherClient, otherRegistry) =
            (await host.LoginAsync(), await host.LoginAsync(), await host.LoginAsync(client: "buildkit-client"), await host.LoginAsync(
                service: "other"));
        var elsewhere = await host.Service<GrantFactory>()
            .GiveRefreshAsync(new SignInOutcome.SignedIn("alice", [], "htpasswd"), "registry", "docker", IPAddress.Parse("192.0.2.9"));
        host.Clock.Advance(IGrantStore.LeftBehindAfter);
        Assert.Equal("", await host.RefreshAsync(used).GrantedAsync()); // and this is not written down yet
        var kept = new[] { used, otherClient, otherRegistry, elsewhere!.Text, await host.LoginAsync() };

        Assert.StartsWith(
            "401 invalid_grant: sign-in failed: the token is unknown", await host.RefreshAsync(unused).ErrorAsync(),
            StringComparison.Ordinal);
        Assert.Equal(
            kept.Select(t => host.Grant(t).Id).Order(StringComparer.Ordinal),
            (await host.Service<IGrantStore>().ListAsync(null)).Select(g => g.Id).Order(StringComparer.Ordinal));

        // Those given lately stay: jobs on one machine sign in alike at once, and use what they got later.
        _ = await host.LoginAsync();
        Assert.Equal(kept.Length + 1, (await host.Service<IGrantStore>().ListAsync(null)).Count);
    }

    [Fact]
    public async Task A_push_of_many_requests_reads_the_database_once()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        for (var i = 0; i < 20; i++)
        {
            Assert.Equal("users/alice/app:pull,push", await host.RefreshAsync(token, more: ("scope", GrantHost.OwnApp)).GrantedAsync());
        }

        Assert.Equal(1, host.Service<RememberedGrants>().Reads);
    }

    [Fact]
    public async Task A_token_that_is_remembered_costs_no_memory()
    {
        await using var host = await TokenServerHost.StartAsync();
        var secret = TokenSecret.Parse(await host.LoginAsync())!;
        var remembered = host.Service<RememberedGrants>();
        for (var i = 0; i < 2; i++) Assert.Equal("alice", (await remembered.FindAsync(secret))?.Account);

        var before = GC.GetAllocatedBytesForCurrentThread();
        for (var i = 0; i < 100; i++) await remembered.FindAsync(secret);
        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
        Assert.Equal(1, remembered.Reads);
    }

    [Fact]
    public async Task A_revocation_beside_the_server_is_seen_within_a_second()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        Assert.Equal("", await host.RefreshAsync(token).GrantedAsync());

        Assert.Empty(await host.BesideAsync(store => store.EndAsync([host.Grant(token).Id])));

        host.Clock.Advance(RememberedGrants.LookEvery);
        Assert.InRange(RememberedGrants.LookEvery, TimeSpan.Zero, TimeSpan.FromSeconds(1));
        Assert.StartsWith("401 invalid_grant: ", await host.RefreshAsync(token).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_audit_log_names_the_grant_and_no_log_the_secret()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        var id = host.Grant(token).Id;
        var broken = token[..^1] + (token[^1] == '0' ? '1' : '0');
        using (await host.RefreshAsync(token, more: ("scope", "repository:users/bob/app:pull")))
        using (await host.GetAsync("/token?service=registry", "alice", broken))
        using (await host.GetAsync("/token?service=registry", token, "x"))
        using (await host.GetAsync("/token?service=registry", "alice", token))
        {
        }

        Assert.Contains(host.Log.Lines, l => l.Contains($"alice (by refresh token 'docker', {id})", StringComparison.Ordinal));
        var audit = host.Options.AuditPath;
        await Eventually.TrueAsync(
            () => File.Exists(audit)
            && File.ReadAllText(audit).Contains($"\"grant\":\"{id}\",\"grantName\":\"docker\"", StringComparison.Ordinal),
            TimeSpan.FromSeconds(10), () => File.ReadAllText(audit));
        foreach (var secret in new[] { token[4..], broken[4..], token[4..24] })
        {
            Assert.DoesNotContain(secret, host.Log.Text, StringComparison.Ordinal);
            Assert.DoesNotContain(secret, File.ReadAllText(audit), StringComparison.Ordinal);
        }
    }
}
