using System.Net;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>What people see and end of what they gave to clients and browsers, and the access tokens that they make.</summary>
public sealed partial class AccessPageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_access_token_is_made_shown_once_works_and_is_revoked()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.SignInAsync();
        using var made = await browser.SubmitAsync(
            "/access/create", ("name", "ci <script>alert(1)</script>"), ("expires", "30d"), ("repositories", "users/alice/**\r\npublic/*"),
            ("action", "pull"), ("action", "push"), ("addresses", "127.0.0.0/8"));
        Assert.Equal(HttpStatusCode.OK, made.StatusCode);
        var page = await made.Content.ReadAsStringAsync(Cancel);
        var secret = Secret().Match(page).Value;
        Assert.NotEmpty(secret);
        Assert.Contains("pull, push; on users/alice/**, public/*; from 127.0.0.0/8", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
        using (var good = await host.GetAsync("/token?service=registry&scope=repository:users/alice/x:pull", "alice", secret))
        {
            Assert.Equal(HttpStatusCode.OK, good.StatusCode);
        }

        var listed = await browser.PageAsync("/access");
        Assert.DoesNotMatch(Secret(), listed);
        var id = Assert.Single(await host.Service<IGrantStore>().ListAsync("alice")).Id;
        using (var revoked = await browser.SubmitAsync("/access/revoke", ("id", id)))
        {
            Assert.Equal("/access", revoked.Headers.Location!.ToString());
        }

        Assert.Contains("You have no access token", await browser.PageAsync("/access"), StringComparison.Ordinal);
        using var refused = await host.GetAsync("/token?service=registry", "alice", secret);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
        Assert.DoesNotContain(secret, host.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_cannot_be_made_is_told_beside_what_was_typed()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.AccessTokensPerAccount = 1);
        using var browser = new Browser(host);
        await browser.SignInAsync();
        using (var wrong = await browser.SubmitAsync("/access/create", ("name", "ci"), ("expires", "\"><b>"), ("action", "push")))
        {
            Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
            var page = await wrong.Content.ReadAsStringAsync(Cancel);
            Assert.Contains("role=\"alert\"", page, StringComparison.Ordinal);
            Assert.Contains("value=\"ci\"", page, StringComparison.Ordinal);
            Assert.Contains("value=\"push\" checked", page, StringComparison.Ordinal);
            Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
        }

        using (var first = await browser.SubmitAsync("/access/create", ("name", "a"))) Assert.Equal(HttpStatusCode.OK, first.StatusCode);
        using var second = await browser.SubmitAsync("/access/create", ("name", "b"));
        Assert.Equal(HttpStatusCode.Conflict, second.StatusCode);
    }

    [Fact]
    public async Task Only_a_recent_sign_in_makes_a_token_since_that_outlives_the_session()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.SignInAsync();
        host.Clock.Advance(AccessPageEndpoint.Recent);
        var again = "/sign-in?again=1&return=%2Faccess";
        Assert.Contains(WebUtility.HtmlEncode(again), await browser.PageAsync("/access"), StringComparison.Ordinal);
        using (var late = await browser.SubmitAsync("/access/create", ("name", "x")))
        {
            Assert.Equal(again, late.Headers.Location!.ToString());
        }

        Assert.Empty(await host.Service<IGrantStore>().ListAsync("alice"));
        Assert.Contains("value=\"alice\"", await browser.PageAsync(again), StringComparison.Ordinal);
        using (var renewed = await browser.SubmitAsync(
            "/sign-in", ("account", "alice"), ("password", TokenServerHost.AlicePassword), ("return", "/access")))
        {
            Assert.Equal("/access", renewed.Headers.Location!.ToString());
        }

        Assert.Contains("action=\"/access/create\"", await browser.PageAsync("/access"), StringComparison.Ordinal);
        using var made = await browser.SubmitAsync("/access/create", ("name", "x"));
        Assert.Equal(HttpStatusCode.OK, made.StatusCode);
    }

    [Fact]
    public async Task Clients_and_browsers_are_listed_and_signed_out_and_those_of_others_are_not_there()
    {
        await using var host = await TokenServerHost.StartAsync();
        await host.LoginAsync();
        using var browser = new Browser(host);
        using var elsewhere = new Browser(host);
        using var admin = new Browser(host);
        await browser.SignInAsync();
        await elsewhere.SignInAsync();
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);

        var grant = Assert.Single(await host.Service<IGrantStore>().ListAsync("alice")).Id;
        var page = await browser.PageAsync("/access");
        Assert.Contains(grant, page, StringComparison.Ordinal);
        Assert.DoesNotContain(grant, await admin.PageAsync("/access"), StringComparison.Ordinal);
        using (var foreign = await admin.SubmitAsync("/access/revoke", ("id", grant)))
        {
            Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        }

        var sessions = SessionId().Matches(page).Select(m => m.Groups["id"].Value).ToList();
        Assert.Equal(2, sessions.Count);
        Assert.Contains("127.0.0.1 (this browser)", page, StringComparison.Ordinal);
        await admin.PageAsync("/access");
        using (var foreign = await admin.SubmitAsync("/access/end", ("id", sessions[0])))
        {
            Assert.Equal(HttpStatusCode.NotFound, foreign.StatusCode);
        }

        await browser.PageAsync("/access");
        foreach (var id in sessions)
        {
            using var ended = await browser.SubmitAsync("/access/end", ("id", id));
            using var last = await elsewhere.SubmitAsync("/access/end", ("id", id)); // where the first was the browser's own
        }

        foreach (var signedOut in (Browser[])[browser, elsewhere])
        {
            Assert.DoesNotContain("Signed in as", await signedOut.PageAsync("/"), StringComparison.Ordinal);
        }

        Assert.Contains("Signed in as admin", await admin.PageAsync("/"), StringComparison.Ordinal);
        Assert.Single(await host.Service<IGrantStore>().ListAsync("alice"));
    }

    [GeneratedRegex("aix_[0-9A-Za-z]{49}", RegexOptions.None, 1000)]
    private static partial Regex Secret();

    [GeneratedRegex("action=\"/access/end\">\\s*<input[^>]*>\\s*<input type=\"hidden\" name=\"id\" value=\"(?<id>[^\"]+)\"",
        RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex SessionId();
}
