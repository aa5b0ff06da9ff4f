using System.Net;
using System.Text;
using System.Text.Json;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.TokenServer.Tests.Index;

public sealed class AccessQueryEndpointTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("alice", TokenServerHost.AlicePassword, "public/a users/alice/b")]
    [InlineData("admin", TokenServerHost.AdminPassword, "public/a users/alice/b prod/c")]
    [InlineData(null, null, "public/a")]
    public async Task A_registry_learns_which_repositories_the_holder_of_a_token_may_pull(string? user, string? password, string pullable)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await AskAsync(host, await TokenAsync(host, user, password), ["public/a", "users/alice/b", "prod/c"]);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(["repositories"], body.RootElement.EnumerateObject().Select(m => m.Name));
        Assert.Equal(pullable, string.Join(' ', body.RootElement.GetProperty("repositories").EnumerateArray().Select(r => r.GetString())));
    }

    [Theory]
    [InlineData("alice", TokenServerHost.AlicePassword, "public/ users/")]
    [InlineData("admin", TokenServerHost.AdminPassword, "")]
    [InlineData(null, null, "public/")]
    public async Task A_registry_that_asks_learns_how_all_names_begin_that_the_caller_may_pull(
        string? user, string? password, string prefixes)
    {
        await using var host = await TokenServerHost.StartAsync();
        var question = JsonSerializer.Serialize(
            new { token = await TokenAsync(host, user, password), repositories = Array.Empty<string>(), prefixes = true });
        using var answer = await PostAsync(host, question, "registry", TokenServerHost.Credential);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(prefixes, string.Join(' ', body.RootElement.GetProperty("prefixes").EnumerateArray().Select(p => p.GetString())));
    }

    [Fact]
    public async Task A_rule_that_spells_an_account_of_a_directory_in_another_way_shows_its_names_too()
    {
        await using var directory = new FakeDirectory();
        directory.OnSearch = search => search.Filter.Contains("(uid=carol)", StringComparison.OrdinalIgnoreCase)
            ? [new FakeEntry("uid=carol,dc=org", ("uid", ["carol"]))]
            : [];
        directory.OnBind = (dn, password) => dn == "uid=carol,dc=org" && password == "secret" ? (0, "") : (49, "data 52e");
        await using var host = await TokenServerHost.StartAsync(
            o => o.Ldap.Add(new LdapDirectoryOptions
            {
                Name = "corp",
                Servers = [directory.Url],
                AnonymousSearch = true,
                BaseDn = "dc=org",
                Groups = { Via = "memberOf", BaseDn = "dc=org", NestedDepth = 0 },
            }),
            """
            version: 1
            rules:
              - { id: carols, to: ["user:Carol"], allow: [pull], on: ["platform/**"] }

            """);
        var token = await TokenAsync(host, "carol", "secret");
        var question = JsonSerializer.Serialize(new { token, repositories = (string[])["platform/app"], prefixes = true });
        using var answer = await PostAsync(host, question, "registry", TokenServerHost.Credential);
        Assert.Equal(
            """{"repositories":["platform/app"],"prefixes":["platform/"]}""", await answer.Content.ReadAsStringAsync(Cancel));
    }

    [Fact]
    public async Task Whoever_lost_the_account_since_sees_what_everybody_sees()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await TokenAsync(host, "alice", TokenServerHost.AlicePassword);
        await host.ReplaceAccountsAsync(TokenServerHost.Accounts.Split('\n')[0] + "\n");
        using var answer = await AskAsync(host, token, ["public/a", "users/alice/b"]);
        Assert.Equal("""{"repositories":["public/a"]}""", await answer.Content.ReadAsStringAsync(Cancel));
    }

    [Theory]
    [InlineData("10.1.2.3", "public/a office/b")]
    [InlineData("::ffff:10.1.2.3", "public/a office/b")]
    [InlineData("192.0.2.9", "public/a")]
    [InlineData(null, "public/a")]
    public async Task Rules_for_an_address_are_held_against_the_one_that_the_registry_names(string? address, string pullable)
    {
        await using var host = await TokenServerHost.StartAsync(policy: TokenServerHost.Policy + """
              - id: office
                to: [anyone]
                allow: reader
                on: ["office/**"]
                when: { ip: [10.0.0.0/8] }

            """);
        using var answer = await PostAsync(
            host, JsonSerializer.Serialize(
                new { token = await TokenAsync(host), address, repositories = (string[])["public/a", "office/b"] }), "registry",
                TokenServerHost.Credential);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        Assert.Equal(pullable, string.Join(' ', body.RootElement.GetProperty("repositories").EnumerateArray().Select(r => r.GetString())));
    }

    [Theory]
    [InlineData("registry", "wrong")]
    [InlineData("other", TokenServerHost.Credential)]
    [InlineData("alice", TokenServerHost.AlicePassword)]
    [InlineData(null, null)]
    public async Task Only_a_registry_with_its_credential_may_ask(string? user, string? password)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await AskAsync(host, await TokenAsync(host), ["public/a"], user, password);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task A_token_that_has_expired_is_not_taken()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await TokenAsync(host);
        host.Clock.Advance(TimeSpan.FromMinutes(5));
        using var answer = await AskAsync(host, token, ["public/a"]);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains("expired", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_for_another_service_or_of_another_server_is_not_taken()
    {
        await using var stranger = await TokenServerHost.StartAsync();
        await using var host = await TokenServerHost.StartAsync(o => o.Services =
        [
            new() { Name = "registry", CredentialFile = o.CredentialPath },
            new() { Name = "second" },
        ]);
        foreach (var token in new[] { await TokenAsync(host, service: "second"), await TokenAsync(stranger), "", "a.b.c",
            new string('.', 70_000) })
        {
            using var answer = await AskAsync(host, token, ["public/a"]);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("""{"repositories":[]}""")]
    [InlineData("""{"token":"x"}""")]
    [InlineData("""{"token":1,"repositories":[]}""")]
    [InlineData("""{"token":"x","token":"y","repositories":[]}""")]
    [InlineData("""{"token":"x","repositories":["UPPER"]}""")]
    [InlineData("""{"token":"x","repositories":["a/../b"]}""")]
    [InlineData("""{"token":"x","repositories":[1]}""")]
    [InlineData("""{"token":"\ud800","repositories":[]}""")]
    [InlineData("""{"token":"x","repositories":["\ud800"]}""")]
    [InlineData("""{"token":"x","repositories":[],"address":"home"}""")]
    [InlineData("""{"token":"x","repositories":[],"address":7}""")]
    public async Task A_malformed_question_is_answered_with_400(string body)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await PostAsync(host, body, "registry", TokenServerHost.Credential);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task A_thousand_repositories_may_be_asked_for_and_not_one_more_nor_a_larger_body()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await TokenAsync(host);
        using var most = await AskAsync(host, token, [.. Enumerable.Range(0, 1000).Select(i => $"public/r{i}")]);
        Assert.Equal(HttpStatusCode.OK, most.StatusCode);
        using var more = await AskAsync(host, token, [.. Enumerable.Range(0, 1001).Select(i => $"public/r{i}")]);
        Assert.Equal(HttpStatusCode.BadRequest, more.StatusCode);
        using var larger = await PostAsync(host, new string(' ', TokenServerApp.MaxBodyBytes + 1), "registry", TokenServerHost.Credential);
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, larger.StatusCode);
    }

    [Fact]
    public async Task Only_POST_is_allowed()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/index/v1/pullable", "registry", TokenServerHost.Credential);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["POST"], answer.Content.Headers.Allow);
    }

    private static async Task<string> TokenAsync(
        TokenServerHost host, string? user = null, string? password = null, string service = "registry")
    {
        using var answer = await host.GetAsync($"/token?service={service}", user, password);
        using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));
        return body.RootElement.GetProperty("token").GetString()!;
    }

    private static Task<HttpResponseMessage> AskAsync(
        TokenServerHost host, string token, string[] repositories, string? user = "registry",
        string? password = TokenServerHost.Credential) =>
        PostAsync(host, JsonSerializer.Serialize(new { token, repositories }), user, password);

    private static async Task<HttpResponseMessage> PostAsync(TokenServerHost host, string body, string? user, string? password)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, "/index/v1/pullable") { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (user is not null) request.Headers.Authorization = TokenServerHost.Basic(user, password!);
        return await host.Client.SendAsync(request, Cancel);
    }
}
