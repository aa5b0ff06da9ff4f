using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Commands;

/// <summary><c>tokens</c> as a shell runs it, beside a running server and without one.</summary>
public sealed class TokensCommandTests : IDisposable
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "TokenServer");

    private readonly TemporaryDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public async Task A_token_made_beside_a_server_works_there_and_one_revoked_there_works_no_more()
    {
        await using var host = await TokenServerHost.StartAsync(policy: TokenServerHost.Policy + "robots: { ci: }\n");
        // The command goes by the real clock.
        host.Clock.AdjustTime(DateTimeOffset.UtcNow);
        var made = JsonNode.Parse(
            await OkAsync(
                host, "create", "--account", "alice", "--name", "ci", "--expires", "30d", "--repository", "users/alice/**", "--repository",
                "public/**", "--action", "pull", "--address", "127.0.0.1", "--json"))!;
        var token = made["token"]!.ToString();
        Assert.Equal("""["users/alice/**","public/**"]""", made["repositories"]!.ToJsonString());
        Assert.Equal(
            "users/alice/app:pull",
            await host.GetAsync($"/token?service=registry&scope={GrantHost.OwnApp}", "alice", token).GrantedAsync());

        var robot = (await OkAsync(host, "create", "--account", "robot:ci")).Trim();
        Assert.Equal("robot:ci", (await host.GetAsync("/token?service=registry", "", robot).ClaimsAsync())["sub"]!.ToString());

        var refresh = await host.LoginAsync();
        var listed = JsonNode.Parse(await OkAsync(host, "list", "--json"))!.AsArray();
        Assert.Equal(
            ["access alice", "access robot:ci", "refresh alice"],
            listed.Select(t => $"{t!["kind"]} {t["account"]}").Order(StringComparer.Ordinal));
        var lines = await OkAsync(host, "list", "--account", "alice");
        Assert.Equal(2, lines.Trim().Split('\n').Length);
        Assert.Contains(made["id"]!.ToString(), lines, StringComparison.Ordinal);
        Assert.DoesNotContain(token[4..], lines, StringComparison.Ordinal);

        // Of several ids none is ended when one is unknown.
        var id = made["id"]!.ToString();
        var unknown = await RunAsync(host, "revoke", id, "nothing");
        Assert.Equal(1, unknown.ExitCode);
        Assert.Contains("there is no token nothing", unknown.Error, StringComparison.Ordinal);
        Assert.Equal("", await host.GetAsync("/token?service=registry", "", token).GrantedAsync());

        await OkAsync(host, "revoke", id);
        host.Clock.Advance(RememberedGrants.LookEvery);
        Assert.StartsWith("401 ", await host.GetAsync("/token?service=registry", "", token).ErrorAsync(), StringComparison.Ordinal);
        Assert.Equal("revoked 1 tokens of alice\n", await OkAsync(host, "revoke", "--account", "alice"));
        host.Clock.Advance(RememberedGrants.LookEvery);
        Assert.StartsWith("401 invalid_grant: ", await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
        Assert.Equal("robot:ci", (await host.GetAsync("/token?service=registry", "", robot).ClaimsAsync())["sub"]!.ToString());
    }

    [Fact]
    public async Task An_account_is_unlocked_beside_a_running_server()
    {
        await using var host = await TokenServerHost.StartAsync();
        for (var i = 0; i < 10; i++)
        {
            Assert.StartsWith(
                "401 ", await host.GetAsync("/token?service=registry", "alice", $"guess {i}").ErrorAsync(), StringComparison.Ordinal);
        }

        Assert.StartsWith(
            "429 ", await host.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword).ErrorAsync(),
            StringComparison.Ordinal);
        var holds = host.Service<ISignInHoldStore>();
        await Eventually.TrueAsync(async () => await holds.ReadAsync() is [{ Account: "alice" }], TimeSpan.FromSeconds(30), () => "nobody was written down");

        var unlocked = await ChildProcess.RunAsync(Program, ["accounts", "unlock", "ALICE", "--data", host.Options.DataDirectory]);
        Assert.StartsWith("unlocked ", unlocked.Output, StringComparison.Ordinal);
        Assert.Empty(await holds.ReadAsync());
        await Eventually.TrueAsync(
            async () => (await host.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword)).IsSuccessStatusCode,
            TimeSpan.FromSeconds(30), () => "alice is still held back");
        Assert.Contains(
            "there is no account 'nobody'",
            (await ChildProcess.RunAsync(Program, ["accounts", "unlock", "nobody", "--data", host.Options.DataDirectory])).Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_of_a_provider_is_found_in_any_letter_case()
    {
        await using var host = await TokenServerHost.StartAsync();
        host.Clock.AdjustTime(DateTimeOffset.UtcNow);
        var now = host.Clock.GetUtcNow();
        var alice = new Person("corp:alice", "corp", "1", [], DateTimeOffset.FromUnixTimeSeconds(now.ToUnixTimeSeconds()));
        Assert.NotNull(await host.Service<IPersonStore>().SetAsync(alice, now - TimeSpan.FromHours(12)));
        string[] provider =
        [
            "--data", host.Options.DataDirectory, "--set", "tokenServer.publicUrl=http://127.0.0.1:5001",
            "--set", "tokenServer.portal.providers.0.name=corp", "--set", "tokenServer.portal.providers.0.issuer=https://idp.example.com",
            "--set", "tokenServer.portal.providers.0.clientId=x", "--set", "tokenServer.portal.providers.0.account={sub}",
        ];
        foreach (var (said, arguments) in new (string, string[])[]
        {
            ("created the access token", ["tokens", "create", "--account", "corp:ALICE"]),
            ("revoked 1 tokens of corp:alice", ["tokens", "revoke", "--account", "corp:ALICE"]),
            ("suspended corp:alice;", ["accounts", "suspend", "corp:Alice"]),
            ("resumed corp:alice", ["accounts", "resume", "corp:ALICE"]),
        })
        {
            var result = await ChildProcess.RunAsync(Program, [.. arguments, .. provider]);
            Assert.Contains(said, result.Output + result.Error, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Tokens_are_looked_after_while_no_server_runs_and_no_password_looks_like_one()
    {
        await PrepareAsync();
        var add = await ChildProcess.RunAsync(Program, ["users", "add", "bob", "--data", directory["data"]], input: "aix_secret\n");
        Assert.Equal(1, add.ExitCode);
        Assert.Contains("would be treated as one", add.Error, StringComparison.Ordinal);
        var token = (await OkAsync(null, "create", "--account", "admin")).Trim();
        Assert.NotNull(TokenSecret.Parse(token));
        var id = JsonNode.Parse(await OkAsync(null, "list", "--json"))![0]!["id"]!.ToString();
        Assert.Equal($"revoked {id}\n", await OkAsync(null, "revoke", id));
        Assert.Equal("[]\n", await OkAsync(null, "list", "--json"));
    }

    [Fact]
    public async Task What_cannot_be_done_is_told()
    {
        await PrepareAsync();
        foreach (var (message, arguments) in new (string, string[])[]
        {
            ("there is no account 'nobody'", ["create", "--account", "nobody"]),
            ("there is no robot 'cy'; did you mean 'ci'?", ["create", "--account", "robot:cy"]),
            ("between 1m and 365d", ["create", "--account", "admin", "--expires", "400d"]),
            ("either ids or --account", ["revoke"]),
        })
        {
            var result = await RunAsync(null, arguments);
            Assert.Equal(1, result.ExitCode);
            Assert.Contains(message, result.Error, StringComparison.Ordinal);
            Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
            Assert.Equal("", result.Output);
        }
    }

    [Fact]
    public async Task An_account_that_is_removed_takes_its_tokens_along_and_another_password_only_those_given_for_it()
    {
        await using var host = await TokenServerHost.StartAsync();
        host.Clock.AdjustTime(DateTimeOffset.UtcNow); // the command goes by the real clock
        var password = await host.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword).ClaimsAsync();
        var (refresh, access) = (await host.LoginAsync(), (await host.MakeAsync(new { name = "x" }))["token"]!.ToString());
        Assert.Equal("", await host.RefreshAsync(refresh).GrantedAsync());

        var changed = await ChildProcess.RunAsync(
            Program, ["users", "passwd", "alice", "--data", host.Options.DataDirectory], input: "another\n");
        Assert.Equal("changed the password of alice; its 1 refresh tokens were revoked\n", changed.Output);
        host.Clock.Advance(RememberedGrants.LookEvery);
        Assert.StartsWith("401 invalid_grant: ", await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
        Assert.True(await IsVoidAsync(host, password));
        using (var still = await host.GetAsync("/token?service=registry", "", access)) Assert.Equal(HttpStatusCode.OK, still.StatusCode);

        // Whoever signs in after the command has ended gets tokens that are good.
        host.Clock.AdjustTime(DateTimeOffset.UtcNow);
        password = await host.GetAsync("/token?service=registry", "alice", "another").ClaimsAsync();
        Assert.False(await IsVoidAsync(host, password));

        var removed = await ChildProcess.RunAsync(Program, ["users", "remove", "alice", "--data", host.Options.DataDirectory]);
        Assert.Equal("removed alice and its 1 tokens\n", removed.Output);
        Assert.True(await IsVoidAsync(host, password));
        await host.ReplaceAccountsAsync(TokenServerHost.Accounts);
        host.Clock.Advance(RememberedGrants.LookEvery);
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the token is unknown",
            await host.GetAsync("/token?service=registry", "", access).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_removal_that_failed_half_way_can_be_repeated_and_ends_the_tokens()
    {
        await using var host = await TokenServerHost.StartAsync();
        host.Clock.AdjustTime(DateTimeOffset.UtcNow);
        var password = await host.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword).ClaimsAsync();
        await host.LoginAsync();
        await host.ReplaceAccountsAsync(TokenServerHost.Accounts.Split('\n')[0] + "\n"); // as far as the first try came

        string[] remove = ["users", "remove", "alice", "--data", host.Options.DataDirectory];
        var refused = await ChildProcess.RunAsync(
            Program,
            [.. remove, "--set", "tokenServer.ldap.0.name=corp", "--set", "tokenServer.ldap.0.servers.0=ldap://127.0.0.1:1", "--set",
                "tokenServer.ldap.0.baseDn=dc=org", "--set", "tokenServer.ldap.0.anonymousSearch=true"]);
        Assert.Equal(1, refused.ExitCode);
        // the directory may have an alice
        Assert.Contains("'tokens revoke --account NAME --force' revokes tokens", refused.Error, StringComparison.Ordinal);
        Assert.False(await IsVoidAsync(host, password));

        Assert.Equal("removed alice and its 1 tokens\n", (await ChildProcess.RunAsync(Program, remove)).Output);
        Assert.True(await IsVoidAsync(host, password));
        Assert.Contains("there is no account 'alice'", (await ChildProcess.RunAsync(Program, remove)).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tokens_tell_where_they_came_from_and_what_they_are_limited_to_and_are_revoked_by_client_and_address()
    {
        await using var host = await TokenServerHost.StartAsync();
        host.Clock.AdjustTime(DateTimeOffset.UtcNow);
        await host.LoginAsync();
        await host.LoginAsync(client: "skopeo");
        await host.LoginAsync("admin", TokenServerHost.AdminPassword);
        await OkAsync(
            host, "create", "--account", "alice", "--name", "ci", "--repository", "users/alice/**", "--action", "pull", "--address",
            "10.0.0.0/8");

        var lines = await OkAsync(host, "list");
        Assert.Contains("never used  issued to docker at 127.0.0.1  docker\n", lines, StringComparison.Ordinal);
        Assert.Contains("never used  only on users/alice/** for pull from 10.0.0.0/8  ci\n", lines, StringComparison.Ordinal);
        var json = JsonNode.Parse(await OkAsync(host, "list", "--account", "admin", "--json"))![0]!;
        Assert.Equal(("docker", "127.0.0.1"), (json["client"]!.ToString(), json["givenFrom"]!.ToString()));

        Assert.Equal("revoked 0 refresh tokens\n", await OkAsync(host, "revoke", "--client", "docker", "--from", "192.0.2.1"));
        Assert.Equal(
            "revoked 1 refresh tokens\n", await OkAsync(host, "revoke", "--client", "docker", "--from", "127.0.0.1", "--account", "admin"));
        Assert.Equal("revoked 1 refresh tokens\n", await OkAsync(host, "revoke", "--client", "docker"));
        Assert.Equal("revoked 1 refresh tokens\n", await OkAsync(host, "revoke", "--from", "127.0.0.1"));
        Assert.Equal("ci", Assert.Single(JsonNode.Parse(await OkAsync(host, "list", "--json"))!.AsArray())!["name"]!.ToString());
        Assert.Contains(
            "--from: 'here' is not an address", (await RunAsync(host, "revoke", "--from", "here")).Error, StringComparison.Ordinal);
    }

    private static async Task<bool> IsVoidAsync(TokenServerHost host, JsonObject claims) =>
        await host.Service<IRevocationStore>().IsVoidAsync("alice", null, claims["jti"]!.ToString(), claims["iat"]!.GetValue<long>());

    private async Task PrepareAsync()
    {
        Assert.Equal(0, (await ChildProcess.RunAsync(Program, ["init", "--data", directory["data"]])).ExitCode);
        await File.WriteAllTextAsync(
            Path.Combine(directory.Folder("policies"), "policy.yaml"), TokenServerHost.Policy + "robots: { ci: }\n",
            TestContext.Current.CancellationToken);
    }

    private async Task<string> OkAsync(TokenServerHost? host, params string[] arguments)
    {
        var result = await RunAsync(host, arguments);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result.Output;
    }

    private Task<ProcessResult> RunAsync(TokenServerHost? host, params string[] arguments) => ChildProcess.RunAsync(
        Program,
        ["tokens", .. arguments, "--data", host?.Options.DataDirectory ?? directory["data"], "--set",
            $"tokenServer.policiesDirectory={host?.Options.PoliciesDirectory ?? directory["policies"]}"]);
}
