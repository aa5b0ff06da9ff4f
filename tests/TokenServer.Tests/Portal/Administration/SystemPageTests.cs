using System.Buffers.Text;
using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Protocol;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.TokenServer.Tests.Portal.Administration;

/// <summary>The upstreams on the page for administrators, of registries that answer what they like, or nothing.</summary>
public sealed class SystemPageTests
{
    private const string Page = "/admin/system";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task The_upstreams_of_a_registry_are_shown_with_the_name_of_the_process_that_counts()
    {
        await using var servers = await PortalServers.StartAsync(upstream: ("mirrors/hub", new Uri("http://127.0.0.1:1")));
        using var admin = await AdminAsync(servers.Host);
        await ShownAsync(
            admin, "<th scope=\"row\">hub-1.x_y</th><td data-label=\"State\">reachable</td><td data-label=\"Hits\">0</td>",
            $"<code>{InstanceName.Own}</code>");
        await servers.Registry.DisposeAsync();
        await ShownAsync(admin, "The registry registry did not answer as it should: it cannot be reached now.");
    }

    [Fact]
    public async Task The_registry_is_asked_with_a_short_token_for_that_alone()
    {
        await using var registry = await FakeRegistry.StartAsync(http => http.Response.WriteAsync("""
            {"instance":"one:7","since":"2026-01-01T00:00:00Z","upstreams":[
              {"name":"hub","url":"https://hub.example","requests":{"hits":12,"misses":3,"stale":1,"failed":2},"savedBytes":2048,
               "rateLimit":{"remaining":76,"limit":100,"seconds":21600},"pausedUntil":"2026-01-01T01:00:00Z","heldBytes":1048576,
               "quotaBytes":2097152},
              {"name":"quay","url":"https://quay.example","failure":"it answered 503"},
              {"name":"old/prefix","url":null,"heldBytes":5}]}
            """, http.RequestAborted));
        await using var host = await HostAsync(("registry", registry.Url));
        using var admin = await AdminAsync(host);
        await ShownAsync(
            admin, "<code>one:7</code>", ">12<", ">3<", ">2 KiB<", "76 of 100 left in 360 minutes",
            "left alone until 2026-01-01T01:00:00Z", "1 MiB of 2 MiB", "failing: it answered 503", "no longer configured");
        var claims = JsonNode.Parse(Base64Url.DecodeFromChars(registry.Authorizations[0]["Bearer ".Length..].Split('.')[1]))!;
        Assert.Equal("""[{"type":"index","name":"system","actions":["pull"]}]""", claims["access"]!.ToJsonString());
        Assert.Equal(("admin", "registry", true), ((string?)claims["sub"], (string?)claims["aud"], (bool?)claims["view"]));
        Assert.InRange((long)claims["exp"]! - (long)claims["iat"]!, 1, 60);
    }

    [Fact]
    public async Task Nobody_else_has_a_registry_asked_and_no_registry_that_does_not_report_is()
    {
        await using var registry = await FakeRegistry.StartAsync(http => http.Response.WriteAsync("{}", http.RequestAborted));
        await using var other = await FakeRegistry.StartAsync(http => http.Response.WriteAsync("{}", http.RequestAborted));
        await using var host = await TokenServerHost.StartAsync(o => o.Services =
        [
            new ServiceOptions { Name = "registry", CredentialFile = o.CredentialPath, InternalUrl = registry.Url },
            new ServiceOptions { Name = "distribution", InternalUrl = other.Url },
        ]);
        using var alice = new Browser(host);
        await alice.SignInAsync();
        using (var refused = await alice.SendAsync("GET", Page)) Assert.False(refused.IsSuccessStatusCode);
        Assert.Empty(registry.Authorizations);
        using var admin = await AdminAsync(host);
        await ShownAsync(admin, "No registry that reports has upstreams");
        Assert.NotEmpty(registry.Authorizations);
        Assert.Empty(other.Authorizations);
    }

    [Fact]
    public async Task A_policy_that_denies_it_for_a_registry_has_none_asked()
    {
        await using var registry = await FakeRegistry.StartAsync(http => http.Response.WriteAsync("{}", http.RequestAborted));
        await using var host = await HostAsync(
            TokenServerHost.Policy + """
              - id: not-there
                to: [anyone]
                deny: [pull]
                on: ["index:system"]
                when: { service: [registry] }

            """,
            ("registry", registry.Url));
        using var admin = await AdminAsync(host);
        using var refused = await admin.SendAsync("GET", Page); // it would show what the rule hides
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Empty(registry.Authorizations);
    }

    [Fact]
    public async Task A_registry_that_hangs_or_sends_without_end_keeps_no_other_from_the_page()
    {
        await using var hung = await FakeRegistry.StartAsync(http => Task.Delay(Timeout.Infinite, http.RequestAborted));
        await using var endless = await FakeRegistry.StartAsync(async http =>
        {
            var block = new byte[64 * 1024];
            while (!http.RequestAborted.IsCancellationRequested) await http.Response.Body.WriteAsync(block, http.RequestAborted);
        });
        await using var refusing = await FakeRegistry.StartAsync(http =>
        {
            http.Response.StatusCode = 401;
            return Task.CompletedTask;
        });
        await using var good = await FakeRegistry.StartAsync(
            http => http.Response.WriteAsync("""{"upstreams":[{"name":"hub","url":"https://hub.example"}]}""", http.RequestAborted));
        await using var host = await HostAsync(
            ("hung", hung.Url), ("endless", endless.Url), ("refusing", refusing.Url), ("good", good.Url));
        using var admin = await AdminAsync(host);
        await ShownAsync(
            admin, "The registry did not answer within 2 seconds.", "The registry endless did not answer as it should",
            "it does not accept this server&#x27;s token", "<th scope=\"row\">hub</th>");
    }

    [Theory]
    [InlineData("")]
    [InlineData("nonsense")]
    [InlineData("[]")]
    [InlineData("""{"upstreams":7}""")]
    [InlineData("""{"upstreams":[7,null,"x",[],{}]}""")]
    [InlineData("""{"instance":"<script>alert(1)</script>","since":"never","upstreams":[{"name":"<script>alert(1)</script>","url":"x","failure":"</td><b>\u202e\u0000"}]}""")]
    [InlineData("""{"since":"9999-12-31T23:59:59Z","upstreams":[{"name":"a","url":"x","requests":{"hits":-1,"misses":1e400,"stale":99999999999999999999,"failed":"7"},"savedBytes":-5,"heldBytes":9223372036854775807,"quotaBytes":9223372036854775807,"rateLimit":{"remaining":9223372036854775807,"limit":9223372036854775807,"seconds":9223372036854775807},"pausedUntil":"0001-01-01T00:00:00Z"}]}""")]
    [InlineData("""{"since":"0001-01-01T00:00:00+14:00","upstreams":[{"name":7,"url":[],"requests":[],"rateLimit":"x","pausedUntil":5},{"name":"a\ud800","url":"\ud800"}]}""")]
    public async Task Nonsense_from_a_registry_breaks_nothing_and_is_shown_as_text(string body)
    {
        await using var registry = await FakeRegistry.StartAsync(http => http.Response.WriteAsync(body, http.RequestAborted));
        await using var host = await HostAsync(("registry", registry.Url));
        using var admin = await AdminAsync(host);
        var page = await admin.PageAsync(Page);
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<td data-label=\"Hits\">-", page, StringComparison.Ordinal);
        Assert.NotEmpty(registry.Authorizations);
        HtmlValidityTests.AssertValid(Page, page);
    }

    [Fact]
    public async Task No_more_than_a_hundred_upstreams_and_no_endless_names_are_shown()
    {
        var names = string.Join(',', Enumerable.Range(0, 5000).Select(i => $$"""{"name":"{{new string('a', 500)}}","url":"x"}"""));
        await using var registry = await FakeRegistry.StartAsync(
            http => http.Response.WriteAsync($$"""{"upstreams":[{{names}}]}""", http.RequestAborted));
        await using var host = await HostAsync(("registry", registry.Url));
        using var admin = await AdminAsync(host);
        Assert.InRange((await ShownAsync(admin, "aaa&#x2026;</th>")).Length, 100 * 100, 100 * 1000);
    }

    private static Task<TokenServerHost> HostAsync(params (string Name, Uri Url)[] registries) =>
        HostAsync(TokenServerHost.Policy, registries);

    private static Task<TokenServerHost> HostAsync(string policy, params (string Name, Uri Url)[] registries) => TokenServerHost.StartAsync(
        o => o.Services =
        [
            .. registries.Select(r => new ServiceOptions { Name = r.Name, CredentialFile = o.CredentialPath, InternalUrl = r.Url }),
        ],
        policy);

    /// <summary>The page, once registries that answer have answered in time.</summary>
    private static async Task<string> ShownAsync(Browser admin, params string[] texts)
    {
        var page = "";
        await Eventually.TrueAsync(
            async () =>
            {
                page = await admin.PageAsync(Page);
                return Array.TrueForAll(texts, t => page.Contains(t, StringComparison.Ordinal));
            },
            Patience,
            () => page);
        HtmlValidityTests.AssertValid(Page, page);
        return page;
    }

    private static async Task<Browser> AdminAsync(TokenServerHost host)
    {
        var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        return admin;
    }
}
