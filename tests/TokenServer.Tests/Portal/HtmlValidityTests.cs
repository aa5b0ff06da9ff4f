using System.Net;
using System.Text.Json.Nodes;
using AngleSharp.Html.Dom;
using AngleSharp.Html.Parser;
using AuthIndex.TestKit;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>Every page is HTML without an error (WHATWG HTML, "parse errors"), and what it names by id is there, once.</summary>
public sealed class HtmlValidityTests
{
    private static readonly HtmlParser Strict = new(new HtmlParserOptions { IsStrictMode = true });

    [Fact]
    public async Task Every_page_parses_without_an_error_and_its_references_lead_somewhere()
    {
        await using var servers = await PortalServers.StartAsync();
        var config = JsonNode.Parse("""
            { "os": "a<b>&\"'", "config": { "Labels": { "<i>": "<b>" }, "Cmd": ["a", "<p>"] }, "history": [{ "created_by": "<td>" }] }
            """)!.AsObject();
        var annotations = new JsonObject { ["org.opencontainers.image.source"] = "https://git.example.com/?a=1&b=\"2\"" };
        var old = await servers.PushImageAsync("users/alice/app:v1", config, annotations, "first");
        var digest = await servers.PushImageAsync("users/alice/app:v1", config, annotations, "second");
        await servers.PushReferrerAsync("users/alice/app", "application/vnd.cncf.notary.signature", digest);
        var index = await servers.PushManifestAsync("users/alice/app:all", PortalServers.Index, new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = PortalServers.Index,
            ["manifests"] = new JsonArray(new JsonObject { ["mediaType"] = PortalServers.Manifest, ["digest"] = digest, ["size"] = 7 }),
        });
        using (var denied = await servers.Host.GetAsync(
            "/token?service=registry&scope=repository:team/app:pull", "alice", TokenServerHost.AlicePassword))
        {
            Assert.Equal(HttpStatusCode.OK, denied.StatusCode);
        }

        using var browser = new Browser(servers.Host);
        await AssertValidAsync(browser, "/", "/?q=none", "/sign-in");
        await browser.SignInAsync();
        await AssertValidAsync(
            browser, "/", "/?q=<script>", "/repositories/users/alice/app", "/repositories/none", "/images/users/alice/app:v1",
            $"/images/users/alice/app@{index}", "/images/users/alice/app:none", "/delete/users/alice/app?tag=v1@registry", "/delete/none",
            $"/delete-image/users/alice/app@{old}?registry=registry",
            "/access", "/access/denials", "/access/denials?decision=x", "/sign-in?again=1");
        foreach (var path in (string[])["/access/create", "/access/revoke", "/access/end", "/rollback", "/delete/users/alice/app"])
        {
            using var answer = await browser.SubmitAsync(path, ("name", "<b>"));
            AssertValid(path, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task Every_page_for_administrators_parses_without_an_error_too()
    {
        await using var host = await TokenServerHost.StartAsync();
        await File.WriteAllTextAsync(
            host.Options.AuditPath, """{"time":"<b>","outcome":"<i>","account":"</td>","asked":["\"'"],"reason":"&"}""" + "\ntorn\n",
            TestContext.Current.CancellationToken);
        using var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        await AssertValidAsync(
            admin, "/admin/policy", "/admin/policy?who=<b>&where=none", "/admin/policy/explain",
            "/admin/policy/explain?account=alice&scope=prod/app:pull", "/admin/policy/explain?scope=<b>", "/admin/policy/who-can",
            "/admin/policy/who-can?action=pull&resource=public/app", "/admin/policy/who-can?action=<b>&resource=x",
            "/admin/policy/candidate?file=policy.yaml", "/admin/audit", "/admin/audit?account=<b>", "/admin/audit?since=<b>",
            "/admin/audit/export?format=x", "/admin/accounts", "/admin/accounts?account=alice", "/admin/accounts?account=<b>",
            "/admin/system");
        var changed = TokenServerHost.Policy.Replace("public/**", "open/**", StringComparison.Ordinal);
        foreach (var (path, account, content) in ((string, string, string)[])[
            ("/admin/policy/candidate", "", changed), ("/admin/policy/candidate", "", "<b>"), ("/admin/policy/reload", "", ""),
            ("/admin/accounts/suspend", "alice", ""), ("/admin/accounts/suspend", "<b>", ""), ("/admin/accounts/resume", "<b>", ""),
            ("/admin/accounts/unlock", "", ""), ("/admin/accounts/end", "<b>", "")])
        {
            using var answer = await admin.SubmitAsync(
                path, ("file", "policy.yaml"), ("content", content), ("account", account), ("reason", "<b>"));
            AssertValid(path, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        await AssertValidAsync(admin, "/admin/accounts", "/admin/accounts?account=alice"); // suspended now
    }

    private static async Task AssertValidAsync(Browser browser, params string[] paths)
    {
        foreach (var path in paths)
        {
            using var answer = await browser.SendAsync("GET", path);
            Assert.Equal("text/html", answer.Content.Headers.ContentType?.MediaType);
            AssertValid(path, await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }
    }

    internal static void AssertValid(string path, string html)
    {
        if (html.Length == 0) return; // a redirect
        IHtmlDocument document;
        try
        {
            document = Strict.ParseDocument(html);
        }
        catch (HtmlParseException e)
        {
            throw new InvalidOperationException($"{path}: {e.Message} at {e.Position}\n{html}", e);
        }

        using (document)
        {
            var ids = document.QuerySelectorAll("[id]").Select(e => e.Id!).ToList();
            Assert.Equal(ids.Distinct(StringComparer.Ordinal), ids);
            Assert.All(document.QuerySelectorAll("[for]"), e => Assert.Contains(e.GetAttribute("for"), ids));
            foreach (var name in (string[])["aria-labelledby", "aria-describedby"])
            {
                Assert.All(document.QuerySelectorAll($"[{name}]"), e => Assert.Contains(e.GetAttribute(name), ids));
            }

            Assert.All(document.QuerySelectorAll("form form, a a, p div, dl > :not(dt):not(dd)"), e => Assert.Fail($"{path}: {e.OuterHtml}"));
            Assert.Single(document.QuerySelectorAll("h1"));
        }
    }
}
