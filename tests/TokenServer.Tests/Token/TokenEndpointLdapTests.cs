using System.Net;
using System.Text;
using System.Text.Json;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.TokenServer.Tests.Token;

/// <summary>The token endpoint with a directory behind it.</summary>
public sealed class TokenEndpointLdapTests : IAsyncDisposable
{
    private const string OwnApp = "/token?service=registry&scope=repository:users/carol/app:pull,push";

    private readonly FakeDirectory directory = new()
    {
        OnSearch = search => search.Filter.Contains("(uid=carol)", StringComparison.OrdinalIgnoreCase)
            ? [new FakeEntry("uid=carol,dc=org", ("uid", ["carol"]), ("memberOf", ["CN=Engineers, ou=groups,dc=org"]))]
            : [],
        OnBind = (dn, password) => dn == "uid=carol,dc=org" && password == "carol's password" ? (0, "") : (49, "data 52e"),
    };

    public ValueTask DisposeAsync() => directory.DisposeAsync();

    [Theory]
    [InlineData("ldap:engineers")]
    [InlineData("ldap:cn=engineers,OU=Groups,dc=org")]
    public async Task A_rule_for_a_group_holds_by_name_and_by_distinguished_name_in_any_case(string group)
    {
        var policy =
            $"version: 1\nrules:\n  - {{id: r, to: [\"{group}\"], allow: [pull], on: [\"platform/**\"], when: {{signedInBy: [ldap]}}}}\n";
        await using var host = await TokenServerHost.StartAsync(Configure, policy);

        Assert.Equal(
            "pull", await GrantedAsync(host, "/token?service=registry&scope=repository:platform/app:pull,push", "carol's password"));
    }

    [Fact]
    public async Task A_wrong_password_and_an_unknown_account_get_one_answer_and_the_log_tells_them_apart()
    {
        await using var host = await TokenServerHost.StartAsync(Configure);

        using var wrong = await host.GetAsync("/token?service=registry", "carol", "wrong");
        using var unknown = await host.GetAsync("/token?service=registry", "nobody", "wrong");

        Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, unknown.StatusCode);
        Assert.Equal((await ErrorAsync(unknown)).Code, (await ErrorAsync(wrong)).Code);
        Assert.Contains("wrong password", host.Log.Text, StringComparison.Ordinal);
        Assert.Contains("no such account", host.Log.Text, StringComparison.Ordinal);
        Assert.DoesNotContain("carol's password", host.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task In_an_outage_only_pulling_is_granted_and_readiness_shows_it()
    {
        await using var host = await TokenServerHost.StartAsync(options =>
        {
            Configure(options);
            options.Ldap[0].OutageGrace = TimeSpan.FromHours(1);
        });
        Assert.Equal("pull,push", await GrantedAsync(host, OwnApp, "carol's password"));
        using (var ready = await host.GetAsync("/healthz/ready"))
        {
            Assert.Contains("\"ldap:corp\":{\"status\":\"ok\"}", await TextAsync(ready), StringComparison.Ordinal);
        }

        await directory.DisposeAsync();
        host.Clock.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal("pull", await GrantedAsync(host, OwnApp, "carol's password"));
        Assert.Contains("can only pull", host.Log.Text, StringComparison.Ordinal);

        for (var i = 0; i < 4; i++)
        {
            using var outage = await host.GetAsync(OwnApp, $"user{i}", "password");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, outage.StatusCode);
            Assert.NotNull(outage.Headers.RetryAfter);
        }

        using var degraded = await host.GetAsync("/healthz/ready");
        Assert.Equal(HttpStatusCode.OK, degraded.StatusCode);
        var text = await TextAsync(degraded);
        Assert.Contains("\"status\":\"degraded\"", text, StringComparison.Ordinal);
        Assert.Contains(
            "\"ldap:corp\":{\"status\":\"degraded\",\"reason\":\"none of its servers answers\"}", text, StringComparison.Ordinal);

        using var metrics = await host.GetAsync("/metrics");
        var counted = await TextAsync(metrics);
        Assert.Contains("authindex_ldap_unavailable{directory=\"corp\"} 1\n", counted, StringComparison.Ordinal);
        Assert.Contains("authindex_ldap_outage_sign_ins_total{directory=\"corp\"} 1\n", counted, StringComparison.Ordinal);

        // Everybody else signs in as ever.
        using var local = await host.GetAsync(OwnApp, "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.OK, local.StatusCode);
    }

    private static async Task<string> GrantedAsync(TokenServerHost host, string path, string password)
    {
        using var answer = await host.GetAsync(path, "carol", password);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        using var body = JsonDocument.Parse(await TextAsync(answer));
        var payload = body.RootElement.GetProperty("token").GetString()!.Split('.')[1];
        using var claims = JsonDocument.Parse(Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(payload)));
        return string.Join(
            ',', claims.RootElement.GetProperty("access").EnumerateArray().SelectMany(a => a.GetProperty("actions").EnumerateArray())
            .Select(a => a.GetString()));
    }

    private static async Task<(string Code, string Message)> ErrorAsync(HttpResponseMessage answer)
    {
        using var body = JsonDocument.Parse(await TextAsync(answer));
        return (body.RootElement.GetProperty("error").GetString()!, body.RootElement.GetProperty("error_description").GetString()!);
    }

    private static Task<string> TextAsync(HttpResponseMessage answer) =>
        answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);

    private void Configure(TokenServerOptions options) => options.Ldap.Add(new LdapDirectoryOptions
    {
        Name = "corp",
        Servers = [directory.Url],
        AnonymousSearch = true,
        BaseDn = "dc=org",
        Groups = { Via = "memberOf", BaseDn = "dc=org", NestedDepth = 0 },
        Connections = 2,
    });
}
