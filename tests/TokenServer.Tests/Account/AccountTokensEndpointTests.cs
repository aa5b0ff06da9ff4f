using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Tests.Grants;
using AuthIndex.TokenServer.Tests.Identity.Oidc;

namespace AuthIndex.TokenServer.Tests.Account;

public sealed class AccountTokensEndpointTests
{
    [Fact]
    public async Task A_token_is_made_shown_once_listed_without_its_secret_and_ended()
    {
        await using var host = await TokenServerHost.StartAsync();
        var made = await host.MakeAsync(
            new { name = "ci of alice", expires = "30d", repositories = new[] { "users/alice/**" }, actions = new[] { "pull" },
                addresses = new[] { "127.0.0.0/8" } });
        Assert.Equal(
            ["id", "kind", "account", "name", "created", "expires", "used", "usedFrom", "repositories", "actions", "addresses", "token"],
            made.Select(m => m.Key));
        Assert.Equal("2030-01-02T03:04:05Z", made["created"]!.ToString());
        Assert.Equal("2030-02-01T03:04:05Z", made["expires"]!.ToString());
        var token = made["token"]!.ToString();
        Assert.Equal(TokenKind.Access, TokenSecret.Parse(token)!.Kind);

        var refresh = await host.LoginAsync();
        host.Clock.Advance(TimeSpan.FromHours(1));
        using (await host.GetAsync("/token?service=registry", "", token))
        {
        }

        using var answer = await host.AccountAsync(HttpMethod.Get, "", "alice", TokenServerHost.AlicePassword);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        var listed = (await answer.JsonAsync())["tokens"]!.AsArray().Select(t => t!.AsObject()).ToDictionary(t => t["kind"]!.ToString());
        Assert.Equal(2, listed.Count);
        Assert.Equal("ci of alice", listed["access"]["name"]!.ToString());
        Assert.Equal("2030-01-02T04:04:05Z", listed["access"]["used"]!.ToString());
        Assert.Equal("127.0.0.1", listed["access"]["usedFrom"]!.ToString());
        Assert.Equal(
            """["users/alice/**"]["pull"]["127.0.0.0/8"]""",
            string.Concat(new[] { "repositories", "actions", "addresses" }.Select(k => listed["access"][k]!.ToJsonString())));
        Assert.Equal("registry", listed["refresh"]["service"]!.ToString());
        Assert.Equal("docker", listed["refresh"]["name"]!.ToString());
        var text = await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.DoesNotContain(token[4..], text, StringComparison.Ordinal);
        Assert.DoesNotContain(refresh[4..], text, StringComparison.Ordinal);

        using var ended = await host.AccountAsync(HttpMethod.Delete, $"/{made["id"]}", "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the token is unknown",
            await host.GetAsync("/token?service=registry", "", token).ErrorAsync(), StringComparison.Ordinal);
        using var again = await host.AccountAsync(HttpMethod.Delete, $"/{made["id"]}", "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.NotFound, again.StatusCode);
        Assert.Contains(
            host.Log.Lines, l => l.Contains($"The access token {made["id"]} of alice was revoked by its owner", StringComparison.Ordinal));
        Assert.DoesNotContain(token[4..], host.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_made_and_ended_leaves_lines_in_the_audit_log()
    {
        await using var host = await TokenServerHost.StartAsync();
        var first = await host.MakeAsync(new { name = "ci \"nightly\"" });
        var second = await host.MakeAsync(new { name = "other" });
        using (await host.AccountAsync(HttpMethod.Delete, $"/{first["id"]}", "alice", TokenServerHost.AlicePassword))
        using (await host.FormAsync("/revoke", ("token", second["token"]!.ToString())))
        {
        }

        await host.AuditedAsync($"""
            "action":"tokens create","by":"alice at 127.0.0.1","arguments":["--account","alice","--name","ci \"nightly\"","{first["id"]}"],"outcome":"done"
            """.Trim());
        await host.AuditedAsync($"""
            "action":"tokens revoke","by":"alice at 127.0.0.1","arguments":["--account","alice","{first["id"]}"],"outcome":"done"
            """.Trim());
        await host.AuditedAsync($"""
            "action":"tokens revoke","by":"holder at 127.0.0.1","arguments":["--account","alice","{second["id"]}"],"outcome":"done"
            """.Trim());
        Assert.DoesNotContain(
            second["token"]!.ToString()[4..], await File.ReadAllTextAsync(host.Options.AuditPath, TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Nobody_sees_or_ends_the_tokens_of_another()
    {
        await using var host = await TokenServerHost.StartAsync();
        var made = await host.MakeAsync(new { name = "alice's" });
        using var list = await host.AccountAsync(HttpMethod.Get, "", "admin", TokenServerHost.AdminPassword);
        Assert.Equal("""{"tokens":[]}""", (await list.JsonAsync()).ToJsonString());
        Assert.Equal(
            "404 invalid_request: you have no token with this id",
            await host.AccountAsync(HttpMethod.Delete, $"/{made["id"]}", "admin", TokenServerHost.AdminPassword).ErrorAsync());
        Assert.Equal(
            "404 invalid_request: you have no token with this id",
            await host.AccountAsync(HttpMethod.Delete, "/nothing", "admin", TokenServerHost.AdminPassword).ErrorAsync());
        Assert.Equal("", await host.GetAsync("/token?service=registry", "", made["token"]!.ToString()).GrantedAsync());
    }

    [Theory]
    [InlineData("""{"name":"x","repositories":["users/alice/**"]}""")]
    [InlineData("""{"name":"x","actions":["pull"]}""")]
    [InlineData("""{"name":"x","addresses":["127.0.0.1"]}""")]
    public async Task A_token_that_is_narrowed_sees_itself_and_no_other(string request)
    {
        await using var host = await TokenServerHost.StartAsync();
        await host.LoginAsync();
        await host.MakeAsync(new { name = "another" });
        var made = await host.MakeAsync(System.Text.Json.Nodes.JsonNode.Parse(request)!);
        using var answer = await host.AccountAsync(HttpMethod.Get, "", "alice", made["token"]!.ToString());
        Assert.Equal(made["id"]!.ToString(), Assert.Single((await answer.JsonAsync())["tokens"]!.AsArray())!["id"]!.ToString());
    }

    [Fact]
    public async Task A_token_may_list_and_neither_make_nor_end()
    {
        await using var host = await TokenServerHost.StartAsync();
        var made = await host.MakeAsync(new { name = "x" });
        var token = made["token"]!.ToString();
        using var list = await host.AccountAsync(HttpMethod.Get, "", "alice", token);
        Assert.Equal(HttpStatusCode.OK, list.StatusCode);
        Assert.StartsWith(
            "403 access_denied: ", await host.AccountAsync(HttpMethod.Post, "", "alice", token, """{"name":"y"}""").ErrorAsync(),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "403 access_denied: ", await host.AccountAsync(HttpMethod.Delete, $"/{made["id"]}", "alice", token).ErrorAsync(),
            StringComparison.Ordinal);
        var refresh = await host.LoginAsync();
        using var none = await host.AccountAsync(HttpMethod.Get, "", "", refresh);
        Assert.Equal(HttpStatusCode.Unauthorized, none.StatusCode);
        Assert.Equal(2, (await host.Service<IGrantStore>().ListAsync(null)).Count);
    }

    [Theory]
    [InlineData(null, null)]
    [InlineData("alice", "wrong")]
    [InlineData("", "")]
    public async Task Nothing_is_done_for_strangers(string? user, string? password)
    {
        await using var host = await TokenServerHost.StartAsync();
        foreach (var answering in new[]
        {
            host.AccountAsync(HttpMethod.Get, "", user, password),
            host.AccountAsync(HttpMethod.Post, "", user, password, """{"name":"y"}"""),
            host.AccountAsync(HttpMethod.Delete, "/x", user, password),
        })
        {
            using var answer = await answering;
            Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
            Assert.StartsWith("Basic ", answer.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("", "the body cannot be read")]
    [InlineData("null", "the body is null")]
    [InlineData("[]", "the body cannot be read")]
    [InlineData("{}", "the body cannot be read")]
    [InlineData("""{"name":null}""", "the body cannot be read at $.name")]
    [InlineData("""{"name":"a","name":"b"}""", "the body cannot be read")]
    [InlineData("""{"name":"a","repository":["x"]}""", "the body cannot be read")]
    [InlineData("""{"name":"a","repositories":"x"}""", "the body cannot be read at $.repositories")]
    [InlineData("""{"name":"a","repositories":[null]}""", "an empty pattern matches nothing")]
    [InlineData("""{"name":"a","repositories":["Upper/**"]}""", "lower-case")]
    [InlineData("""{"name":"a","repositories":["users/{account}/**"]}""", "do not support placeholders")]
    [InlineData("""{"name":"a","actions":["pul"]}""", "did you mean 'pull'?")]
    [InlineData("""{"name":"a","addresses":["10.0.0.1/8"]}""", "did you mean '10.0.0.0/8'")]
    [InlineData("""{"name":"a","expires":"soon"}""", "'soon' is not a duration")]
    [InlineData("""{"name":"a","expires":"366d"}""", "between 1m and 365d")]
    [InlineData("""{"name":"a","expires":"59s"}""", "between 1m and 365d")]
    [InlineData("""{"name":""}""", "1 to 100 characters")]
    [InlineData("""{"name":"a\u001b[2J"}""", "without control characters")]
    public async Task A_request_that_is_not_quite_right_makes_nothing_and_says_why(string body, string message)
    {
        await using var host = await TokenServerHost.StartAsync();
        var error = await host.AccountAsync(HttpMethod.Post, "", "alice", TokenServerHost.AlicePassword, body).ErrorAsync();
        Assert.StartsWith("400 invalid_request: ", error, StringComparison.Ordinal);
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));
    }

    [Fact]
    public async Task A_body_of_another_type_or_too_large_is_refused()
    {
        await using var host = await TokenServerHost.StartAsync();
        Assert.StartsWith(
            "400 invalid_request: the body is not JSON",
            await host.AccountAsync(HttpMethod.Post, "", "alice", TokenServerHost.AlicePassword, """{"name":"a"}""", "text/plain")
            .ErrorAsync(), StringComparison.Ordinal);
        using var large = await host.AccountAsync(HttpMethod.Post, "", "alice", TokenServerHost.AlicePassword, new string(' ', 65 * 1024));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
        using var many = await host.AccountAsync(
            HttpMethod.Post, "", "alice", TokenServerHost.AlicePassword,
            $$"""{"name":"a","repositories":[{{string.Join(',', Enumerable.Repeat("\"a\"", 51))}}]}""");
        Assert.Equal(HttpStatusCode.BadRequest, many.StatusCode);
    }

    [Fact]
    public async Task An_account_has_no_more_tokens_than_it_may()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.AccessTokensPerAccount = 2);
        await host.MakeAsync(new { name = "a", expires = "1h" });
        await host.MakeAsync(new { name = "b" });
        await host.MakeAsync(new { name = "a" }, "admin", TokenServerHost.AdminPassword);
        Assert.StartsWith(
            "409 limit_reached: you have 2 access tokens",
            await host.AccountAsync(HttpMethod.Post, "", "alice", TokenServerHost.AlicePassword, """{"name":"c"}""").ErrorAsync(),
            StringComparison.Ordinal);
        host.Clock.Advance(TimeSpan.FromHours(1));
        await host.MakeAsync(new { name = "c" }); // one has expired, swept or not
    }

    [Theory]
    [InlineData("PUT", "", "GET, POST")]
    [InlineData("DELETE", "", "GET, POST")]
    [InlineData("GET", "/x", "DELETE")]
    public async Task Other_methods_are_told_which_are_allowed(string method, string tail, string allowed)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.AccountAsync(new HttpMethod(method), tail, "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(allowed, string.Join(", ", answer.Content.Headers.Allow));
    }
}
