using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Sessions;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>Sign-in by a form, and what ends a session.</summary>
public sealed class SignInPageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_signs_in_gets_a_session_and_whoever_signs_out_has_none()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.SignInAsync();
        var secret = browser.Cookies[Browser.SessionCookie];
        Assert.Contains("title=\"Signed in as alice\"", await browser.PageAsync("/"), StringComparison.Ordinal);
        using (var again = await browser.SendAsync("GET", "/sign-in?return=/%3Fq=x"))
        {
            Assert.Equal("/?q=x", again.Headers.Location!.ToString());
        }

        using (var left = await browser.SubmitAsync("/sign-out")) Assert.Equal("/", left.Headers.Location!.ToString());
        Assert.DoesNotContain(Browser.SessionCookie, browser.Cookies.Keys);
        browser.Cookies[Browser.SessionCookie] = secret;
        Assert.DoesNotContain("Signed in as", await browser.PageAsync("/"), StringComparison.Ordinal);
        Assert.DoesNotContain(secret, host.Log.Text, StringComparison.Ordinal);
        await Eventually.TrueAsync(
            () => File.Exists(host.Options.AuditPath) && File.ReadAllText(host.Options.AuditPath) is var audit
                && audit.Contains("sessions begin", StringComparison.Ordinal) && audit.Contains("sessions end", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30), () => "the audit log has no such lines");
        Assert.DoesNotContain(secret, await File.ReadAllTextAsync(host.Options.AuditPath, Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_sign_in_begins_a_new_session_whatever_cookie_was_planted_and_ends_the_one_before()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        var planted = SessionSecret.New().Text;
        browser.Cookies[Browser.SessionCookie] = planted;
        await browser.SignInAsync();
        var first = browser.Cookies[Browser.SessionCookie];
        Assert.NotEqual(planted, first);

        using (var other = await browser.SubmitAsync("/sign-in", ("account", "admin"), ("password", TokenServerHost.AdminPassword)))
        {
            Assert.Equal(HttpStatusCode.SeeOther, other.StatusCode);
        }

        Assert.Contains("Signed in as admin", await browser.PageAsync("/"), StringComparison.Ordinal);
        browser.Cookies[Browser.SessionCookie] = first;
        Assert.DoesNotContain("Signed in as", await browser.PageAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_wrong_password_is_told_as_at_the_token_endpoint_and_shows_the_form_again()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.OpenSignInAsync();
        foreach (var account in (string[])["alice", "nobody", "\"><script>alert(1)</script>"])
        {
            using var answer = await browser.SubmitAsync("/sign-in", ("account", account), ("password", "wrong"), ("return", "/?q=a"));
            var page = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            Assert.Empty(answer.Headers.WwwAuthenticate);
            Assert.Contains("sign-in failed: no such account or wrong password (decision ", page, StringComparison.Ordinal);
            Assert.Contains("name=\"return\" value=\"/?q=a\"", page, StringComparison.Ordinal);
            Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
            Assert.DoesNotContain("wrong\"", page, StringComparison.Ordinal);
            Assert.DoesNotContain(Browser.SessionCookie, browser.Cookies.Keys);
        }
    }

    [Fact]
    public async Task Guesses_are_limited_together_with_those_at_the_token_endpoint()
    {
        await using var host = await TokenServerHost.StartAsync(
            o => o.TrustedProxies = [new IPNetwork(IPAddress.Parse("127.0.0.0"), 8)]);
        using var browser = new Browser(host, forwardedFor: "198.51.100.7");
        await browser.OpenSignInAsync();
        for (var i = 0; i < 10; i++)
        {
            using var guess = await browser.SubmitAsync("/sign-in", ("account", "alice"), ("password", $"guess {i}"));
            Assert.Equal(HttpStatusCode.Forbidden, guess.StatusCode);
        }

        using var limited = await browser.SubmitAsync("/sign-in", ("account", "alice"), ("password", "one more"));
        Assert.Equal(HttpStatusCode.TooManyRequests, limited.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(90), limited.Headers.RetryAfter!.Delta);
        using var token = new HttpRequestMessage(HttpMethod.Get, "/token?service=registry")
        {
            Headers = { Authorization = TokenServerHost.Basic("alice", "another") },
        };
        token.Headers.Add("X-Forwarded-For", "198.51.100.7");
        using var refused = await host.Client.SendAsync(token, Cancel);
        Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
    }

    [Fact]
    public async Task No_token_makes_itself_a_session()
    {
        await using var host = await TokenServerHost.StartAsync();
        var access = (await host.MakeAsync(new { name = "x" }))["token"]!.ToString();
        var refresh = await host.LoginAsync();
        using var browser = new Browser(host);
        await browser.OpenSignInAsync();
        foreach (var (account, password) in ((string, string)[])[("alice", access), ("", refresh), (access, "x"), ("alice", $"Bearer {access}")])
        {
            using var answer = await browser.SubmitAsync("/sign-in", ("account", account), ("password", password));
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            var page = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.Contains("not with a token", page, StringComparison.Ordinal);
            Assert.DoesNotContain(access[4..], page, StringComparison.Ordinal);
            Assert.DoesNotContain(Browser.SessionCookie, browser.Cookies.Keys);
        }
    }

    [Theory]
    [InlineData("/?q=web", "/?q=web")]
    [InlineData("", "/")]
    [InlineData("//evil.example", "/")]
    [InlineData("/\\evil.example", "/")]
    [InlineData("/\t/evil.example", "/")]
    [InlineData("/a\r\nSet-Cookie: x=y", "/")]
    [InlineData("https://evil.example", "/")]
    [InlineData("javascript:alert(1)", "/")]
    [InlineData("/a\\b", "/")]
    public async Task After_signing_in_one_goes_to_a_page_of_this_server(string asked, string given)
    {
        Assert.Equal(given, PortalSite.ReturnPath(asked));
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.OpenSignInAsync();
        using var answer = await browser.SubmitAsync(
            "/sign-in", ("account", "alice"), ("password", TokenServerHost.AlicePassword), ("return", asked));
        Assert.Equal(given, answer.Headers.Location!.ToString());
    }

    [Fact]
    public async Task A_session_ends_when_it_is_not_used_and_at_its_age()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.SignInAsync();
        for (var i = 0; i < 11; i++)
        {
            host.Clock.Advance(TimeSpan.FromMinutes(59));
            Assert.Contains("Signed in as alice", await browser.PageAsync("/"), StringComparison.Ordinal);
        }

        host.Clock.Advance(TimeSpan.FromMinutes(59)); // 12 hours with the eleven before are not over yet
        host.Clock.Advance(TimeSpan.FromMinutes(12));
        Assert.DoesNotContain("Signed in as", await browser.PageAsync("/"), StringComparison.Ordinal);

        using var idle = new Browser(host);
        await idle.SignInAsync();
        host.Clock.Advance(TimeSpan.FromHours(1));
        Assert.DoesNotContain("Signed in as", await idle.PageAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Expired_sessions_are_removed()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.SignInAsync();
        var store = host.Service<ISessionStore>();
        Assert.Equal(0, await store.SweepAsync(host.Clock.GetUtcNow().AddHours(-1), host.Clock.GetUtcNow().AddHours(-12)));
        Assert.Equal(1, await store.SweepAsync(host.Clock.GetUtcNow(), host.Clock.GetUtcNow().AddHours(-12)));
        Assert.Empty(await store.ListAsync("alice"));
    }

    /// <summary>Also those of a name that is spelled in another case: a directory means the same account by it.</summary>
    [Theory]
    [InlineData("alice")]
    [InlineData("Alice")]
    public async Task What_ends_an_account_ends_its_sessions_for_good(string spelling)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var alice = new Browser(host);
        using var admin = new Browser(host);
        await alice.SignInAsync();
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        await host.Service<IGrantStore>().EndAllAsync(spelling);
        Assert.DoesNotContain("Signed in as", await alice.PageAsync("/"), StringComparison.Ordinal);
        Assert.Contains("Signed in as admin", await admin.PageAsync("/"), StringComparison.Ordinal);

        host.Clock.Advance(TimeSpan.FromSeconds(5));
        host.Service<RevocationWatch>().Wake();
        await Eventually.TrueAsync(
            () => host.Service<SuspendedAccounts>().NewestEnding > 0, TimeSpan.FromSeconds(30), () => "the end was never noticed");
        await alice.SignInAsync();
        var suspensions = host.Service<ISuspensionStore>();
        Assert.Null(await suspensions.SuspendAsync(spelling, "admin", "", host.Clock.GetUtcNow()));
        await suspensions.ResumeAsync(spelling, host.Clock.GetUtcNow());
        Assert.DoesNotContain("Signed in as", await alice.PageAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_session_of_an_account_that_is_gone_ends()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.SignInAsync();
        await host.ReplaceAccountsAsync(TokenServerHost.Accounts.Split('\n')[0] + "\n");
        await Eventually.TrueAsync(
            async () => !(await browser.PageAsync("/")).Contains("Signed in as", StringComparison.Ordinal), TimeSpan.FromSeconds(30),
            () => "the session lives on");
        Assert.Empty(await host.Service<ISessionStore>().ListAsync("alice"));
    }

    [Fact]
    public async Task A_sign_in_that_was_overtaken_by_an_ending_begins_no_session()
    {
        await using var host = await TokenServerHost.StartAsync();
        await host.Service<IGrantStore>().EndAllAsync("alice");
        var now = host.Clock.GetUtcNow();
        var session = new Session("x", "alice", new("htpasswd"), now, now, null);
        Assert.False(await host.Service<ISessionStore>().AddAsync(session, [1], endingsSeen: 0));
        Assert.Empty(await host.Service<ISessionStore>().ListAsync("alice"));
    }

    [Fact]
    public async Task An_account_has_a_bounded_number_of_sessions_and_those_unused_for_longest_go()
    {
        await using var host = await TokenServerHost.StartAsync();
        var (store, now) = (host.Service<ISessionStore>(), host.Clock.GetUtcNow());
        for (var i = 0; i <= SessionLimits.MaxPerAccount; i++)
        {
            var session = new Session($"{i}", "alice", new("htpasswd"), now, now.AddMinutes(i), null);
            Assert.True(await store.AddAsync(session, [(byte)i], 0));
        }

        Assert.Equal(SessionLimits.MaxPerAccount, (await store.ListAsync("alice")).Count);
        Assert.Null(await store.FindAsync([0]));
        Assert.NotNull(await store.FindAsync([1]));
    }

    [Theory]
    [InlineData("https://index.example.com:8443/auth", "__Host-authindex", true, "/auth")]
    [InlineData("http://127.0.0.1:7000", "authindex", false, "")]
    public async Task Behind_a_proxy_cookies_and_links_are_those_of_the_public_address(
        string url, string cookie, bool isSecure, string prefix)
    {
        await using var host = await TokenServerHost.StartAsync(o => o.PublicUrl = new Uri(url));
        using var browser = new Browser(host);
        using var form = await browser.SendAsync("GET", "/sign-in");
        var page = await form.Content.ReadAsStringAsync(Cancel);
        Assert.Contains($"action=\"{prefix}/sign-in\"", page, StringComparison.Ordinal);
        Assert.Contains($"href=\"{prefix}/portal/style.css?v=", page, StringComparison.Ordinal);
        using var answer = await browser.SubmitAsync(
            "/sign-in", ("account", "alice"), ("password", TokenServerHost.AlicePassword), ("return", "/?q=a"));
        Assert.Equal($"{prefix}/?q=a", answer.Headers.Location!.ToString());
        Assert.Equal(
            $"{cookie}={browser.Cookies[cookie]}; Path=/; HttpOnly; SameSite=Lax{(isSecure ? "; Secure" : "")}",
            Assert.Single(answer.Headers.GetValues("Set-Cookie")));
    }

    [Theory]
    [InlineData("")]
    [InlineData("AAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA%")]
    [InlineData("AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA A")]
    public void A_text_that_is_no_secret_is_none(string text) => Assert.False(SessionSecret.TryParse(text, out _));
}
