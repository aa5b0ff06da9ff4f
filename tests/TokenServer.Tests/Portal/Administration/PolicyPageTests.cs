using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Tests.Portal.Administration;

/// <summary>The policy in the portal: seen, asked, tried and reloaded, never written.</summary>
public sealed class PolicyPageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Rules_are_found_by_who_and_where_and_tests_and_files_are_shown_as_text()
    {
        await using var host = await TokenServerHost.StartAsync(policy: TokenServerHost.Policy + """
            tests:
              - alice cannot pull prod/app
            # <script>alert(1)</script>

            """);
        using var admin = await AdminAsync(host);
        var page = await admin.PageAsync("/admin/policy");
        Assert.Contains(host.Service<PolicyStore>().Current.Revision, page, StringComparison.Ordinal);
        Assert.Contains("3 of 3 rules", page, StringComparison.Ordinal);
        Assert.Contains("alice cannot pull prod/app", page, StringComparison.Ordinal);
        Assert.Contains("passes", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        var filtered = await admin.PageAsync("/admin/policy?who=anyone&where=public");
        Assert.Contains("1 of 3 rules", filtered, StringComparison.Ordinal);
        Assert.Contains("public-images", filtered, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_is_explained_and_who_can_is_told()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var admin = await AdminAsync(host);
        var explained = WebUtility.HtmlDecode(await admin.PageAsync("/admin/policy/explain?account=alice&scope=prod/app:pull"));
        Assert.Contains("nothing is granted to alice", explained, StringComparison.Ordinal);
        var allowed = WebUtility.HtmlDecode(await admin.PageAsync("/admin/policy/explain?account=alice&scope=users/alice/x:push"));
        Assert.Contains("rule 'own-namespace'", allowed, StringComparison.Ordinal);
        var who = WebUtility.HtmlDecode(await admin.PageAsync("/admin/policy/who-can?action=push&resource=prod/app"));
        Assert.Contains("user:admin", who, StringComparison.Ordinal);
        foreach (var wrong in (string[])
            ["explain?scope=%22%3E%3Cb%3E", "explain?scope=a:pull&address=x", "explain?scope=a:pull&account=x&signedInBy=x",
                "who-can?action=x&resource=a", "who-can?action=pull&resource=%3Cb%3E"])
        {
            var page = await admin.PageAsync($"/admin/policy/{wrong}", HttpStatusCode.BadRequest);
            Assert.Contains("role=\"alert\"", page, StringComparison.Ordinal);
            Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task A_candidate_shows_what_it_would_change_and_changes_nothing()
    {
        await using var host = await TokenServerHost.StartAsync();
        using (var asked = await host.GetAsync(
            "/token?service=registry&scope=repository:users/alice/app:pull", "alice", TokenServerHost.AlicePassword))
        {
            Assert.Equal(HttpStatusCode.OK, asked.StatusCode);
        }

        await Eventually.TrueAsync(
            () => File.Exists(host.Options.AuditPath)
                && File.ReadAllText(host.Options.AuditPath).Contains("users/alice/app", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30),
            () =>
            {
                host.Clock.Advance(TimeSpan.FromMinutes(1)); // decisions alike are gathered
                return "the audit log has no such line";
            });
        using var admin = await AdminAsync(host);
        await admin.PageAsync("/admin/policy/candidate?file=policy.yaml");
        var revision = host.Service<PolicyStore>().Current.Revision;
        var candidate = TokenServerHost.Policy.Replace(
            "maintainer\n    on: [\"users", "reader\n    on: [\"people", StringComparison.Ordinal);
        Assert.NotEqual(TokenServerHost.Policy, candidate);
        using (var compared = await admin.SubmitAsync("/admin/policy/candidate", ("file", "policy.yaml"), ("content", candidate)))
        {
            var page = WebUtility.HtmlDecode(await compared.Content.ReadAsStringAsync(Cancel));
            Assert.Equal(HttpStatusCode.OK, compared.StatusCode);
            Assert.Contains("people/", page, StringComparison.Ordinal);
            Assert.Contains("1 of 1 recorded decisions would come out differently", page, StringComparison.Ordinal);
        }

        using (var broken = await admin.SubmitAsync("/admin/policy/candidate", ("file", ""), ("content", "version: 1\nrules: <b>")))
        {
            Assert.Equal(HttpStatusCode.UnprocessableEntity, broken.StatusCode);
            Assert.DoesNotContain("<b>", await broken.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        Assert.Equal(revision, host.Service<PolicyStore>().Current.Revision);
        Assert.Equal(
            TokenServerHost.Policy, await File.ReadAllTextAsync(Path.Combine(host.Options.PoliciesDirectory, "policy.yaml"), Cancel));
    }

    [Fact]
    public async Task The_files_are_read_again_and_an_invalid_one_is_told()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var admin = await AdminAsync(host);
        await admin.PageAsync("/admin/policy");
        var file = Path.Combine(host.Options.PoliciesDirectory, "policy.yaml");
        await File.WriteAllTextAsync(file, "version: 1\nrules: x", Cancel);
        using (var refused = await admin.SubmitAsync("/admin/policy/reload"))
        {
            Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
        }

        await File.WriteAllTextAsync(file, TokenServerHost.Policy + "# edited\n", Cancel);
        using var done = await admin.SubmitAsync("/admin/policy/reload");
        Assert.Equal("/admin/policy", done.Headers.Location!.ToString());
    }

    [Fact]
    public async Task The_system_page_tells_health_registries_and_keys_and_the_navigation_leads_to_what_one_may_see()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var admin = await AdminAsync(host);
        var page = await admin.PageAsync("/admin/system");
        Assert.Contains("htpasswd", page, StringComparison.Ordinal);
        Assert.Contains("may report", page, StringComparison.Ordinal);
        Assert.Contains("ES256", page, StringComparison.Ordinal);
        Assert.Contains("href=\"/admin/audit\"", page, StringComparison.Ordinal);
        using var alice = new Browser(host);
        await alice.SignInAsync();
        Assert.DoesNotContain("href=\"/admin/", await alice.PageAsync("/"), StringComparison.Ordinal);
    }

    private static async Task<Browser> AdminAsync(TokenServerHost host)
    {
        var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        return admin;
    }
}
