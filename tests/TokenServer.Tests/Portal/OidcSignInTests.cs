using System.Net;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>People sign in at an OpenID Connect provider.</summary>
public sealed class OidcSignInTests
{
    private const string Login = "/token?service=registry&client_id=docker&offline_token=true&scope=repository:dev/app:pull,push";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Whoever_signs_in_at_the_provider_gets_a_session_and_goes_back_to_the_page()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        Assert.Contains("Sign in with The corp provider", await browser.PageAsync("/sign-in"), StringComparison.Ordinal);
        var asked = await OidcHost.GoAsync(browser, "/?q=x");
        var query = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(asked.Query);
        Assert.Equal("code", query["response_type"].ToString());
        Assert.Equal("S256", query["code_challenge_method"].ToString());
        Assert.Equal("openid profile", query["scope"].ToString());
        Assert.Equal($"{host.Server.Options.PublicUrl!.AbsoluteUri}sign-in/callback/corp", query["redirect_uri"].ToString());

        using (var back = await OidcHost.ReturnAsync(browser, host.People.Allow(asked, "alice")))
        {
            Assert.Equal(HttpStatusCode.SeeOther, back.StatusCode);
            Assert.Equal("/?q=x", back.Headers.Location!.ToString());
        }

        Assert.Contains("Signed in as corp:alice", await browser.PageAsync("/"), StringComparison.Ordinal);
        Assert.Equal(["authindex", "authindex-form"], browser.Cookies.Keys.Order(StringComparer.Ordinal));
        Assert.DoesNotContain(query["state"].ToString(), host.Server.Log.Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Docker_logs_in_by_a_code_with_the_groups_and_the_sign_in_of_the_provider()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        using (var signedIn = await host.SignInAsync(browser)) Assert.Equal(HttpStatusCode.SeeOther, signedIn.StatusCode);
        await browser.PageAsync("/access");
        using var made = await browser.SubmitAsync("/access/login");
        var page = await made.Content.ReadAsStringAsync(Cancel);
        Assert.Contains("--username corp:alice", page, StringComparison.Ordinal);
        var code = Regex.Match(page, "aic_[0-9A-Za-z]{49}", RegexOptions.None, TimeSpan.FromSeconds(1)).Value;

        using var login = await host.Server.GetAsync(Login, "corp:alice", code);
        var refresh = (await login.JsonAsync())["refresh_token"]!.ToString();
        Assert.Equal(
            "dev/app:pull,push", await host.Server.RefreshAsync(refresh, more: ("scope", "repository:dev/app:pull,push")).GrantedAsync());

        // Nobody can ask the provider whether the account is still there, so what it gave holds for a time.
        host.Clock.Advance(TimeSpan.FromHours(12));
        Assert.StartsWith("401", await host.Server.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
        using (var again = await host.SignInAsync(browser)) Assert.Equal(HttpStatusCode.SeeOther, again.StatusCode);
        using var good = await host.Server.RefreshAsync(refresh);
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
    }

    [Fact]
    public async Task Groups_are_those_of_the_last_sign_in()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        using (var first = await host.SignInAsync(browser)) Assert.Equal(HttpStatusCode.SeeOther, first.StatusCode);
        host.People.Change = claims => claims["groups"] = new JsonArray();
        using (var second = await host.SignInAsync(browser)) Assert.Equal(HttpStatusCode.SeeOther, second.StatusCode);
        Assert.Empty((await host.Server.Service<IPersonStore>().FindAsync("corp:alice"))!.Groups);
    }

    [Fact]
    public async Task Another_person_who_gets_the_name_of_an_account_gets_nothing_of_what_it_was_given()
    {
        await using var host = await OidcHost.StartAsync();
        using var former = new Browser(host.Server);
        using (var first = await host.SignInAsync(former)) Assert.Equal(HttpStatusCode.SeeOther, first.StatusCode);
        host.People.Change = claims => claims["sub"] = "somebody else";
        using var latter = new Browser(host.Server);
        using (var second = await host.SignInAsync(latter)) Assert.Equal(HttpStatusCode.SeeOther, second.StatusCode);
        Assert.Contains("Signed in as corp:alice", await latter.PageAsync("/"), StringComparison.Ordinal);
        Assert.DoesNotContain("Signed in as", await former.PageAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_of_a_provider_is_never_one_of_another_source()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        using (var signedIn = await host.SignInAsync(browser, "admin")) Assert.Equal(HttpStatusCode.SeeOther, signedIn.StatusCode);
        Assert.Contains("Signed in as corp:admin", await browser.PageAsync("/"), StringComparison.Ordinal);
        using (var colon = await host.SignInAsync(browser, "x:y")) Assert.Equal(HttpStatusCode.SeeOther, colon.StatusCode);
        Assert.Contains("Signed in as corp:x:y", await browser.PageAsync("/"), StringComparison.Ordinal);

        // Without a sign-in there is no such account, and no password is asked for it anywhere.
        using var password = await host.Server.GetAsync("/token?service=registry", "corp:nobody", "a password");
        Assert.Equal(HttpStatusCode.Unauthorized, password.StatusCode);
    }

    [Fact]
    public async Task A_suspended_account_does_not_sign_in_and_its_session_ends()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        using (var first = await host.SignInAsync(browser)) Assert.Equal(HttpStatusCode.SeeOther, first.StatusCode);
        Assert.Null(await host.Server.Service<ISuspensionStore>().SuspendAsync("corp:alice", "admin", "", host.Clock.GetUtcNow()));
        Assert.DoesNotContain("Signed in as", await browser.PageAsync("/"), StringComparison.Ordinal);
        host.Server.Service<RevocationWatch>().Wake();
        await Eventually.TrueAsync(
            () => host.Server.Service<SuspendedAccounts>().Count == 1, TimeSpan.FromSeconds(30), () => "the suspension was not noticed");
        await RefusedAsync(await host.SignInAsync(browser), "sign-in failed: no such account or wrong password (decision ");
    }

    [Fact]
    public async Task What_comes_back_counts_in_the_browser_and_at_the_provider_that_it_was_begun_with()
    {
        await using var host = await OidcHost.StartAsync();
        using var mine = new Browser(host.Server);
        using var other = new Browser(host.Server);
        var back = host.People.Allow(await OidcHost.GoAsync(mine), "mallory");
        await other.OpenSignInAsync();
        const string outOfDate = "was begun in another browser";
        await RefusedAsync(await OidcHost.ReturnAsync(other, back), outOfDate);
        using (var stranger = new Browser(host.Server)) await RefusedAsync(await OidcHost.ReturnAsync(stranger, back), outOfDate);

        // The state of one provider at another's redirect URI.
        await RefusedAsync(
            await mine.SendAsync("GET", back.PathAndQuery.Replace("/corp?", "/other?", StringComparison.Ordinal)), outOfDate);
        await RefusedAsync(
            await mine.SendAsync("GET", back.PathAndQuery.Replace("iss=", "iss=https%3A%2F%2Fevil.example%2F", StringComparison.Ordinal)),
            "its answer was not accepted");
        foreach (var made in (string[])["", "?code=x", "?code=x&state=y", "?state=", "?error=access_denied", "?id_token=x&state=y"])
        {
            await RefusedAsync(await mine.SendAsync("GET", "/sign-in/callback/corp" + made), outOfDate);
        }

        Assert.Equal(0, host.People.Exchanges);
        using (var good = await OidcHost.ReturnAsync(mine, back)) Assert.Equal(HttpStatusCode.SeeOther, good.StatusCode);

        // A code is exchanged once, and its state used once.
        await RefusedAsync(await OidcHost.ReturnAsync(mine, back), "its answer was not accepted");
    }

    [Fact]
    public async Task Somebody_who_declines_at_the_provider_is_told_so_and_may_try_again()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        var asked = await OidcHost.GoAsync(browser, "/access");
        var state = Microsoft.AspNetCore.WebUtilities.QueryHelpers.ParseQuery(asked.Query)["state"].ToString();
        using var denied = await browser.SendAsync(
            "GET", $"/sign-in/callback/corp?error=access_denied&state={Uri.EscapeDataString(state)}&error_description=%3Cb%3Ehi%3C/b%3E");
        Assert.Equal(HttpStatusCode.Forbidden, denied.StatusCode);
        var page = await denied.Content.ReadAsStringAsync(Cancel);
        Assert.Contains("The corp provider: the sign-in was cancelled there (decision ", page, StringComparison.Ordinal);
        Assert.Contains("href=\"/sign-in/with/corp?return=%2Faccess\"", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<b>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_provider_that_is_away_is_said_to_be_and_a_password_still_signs_in()
    {
        await using var host = await OidcHost.StartAsync();
        host.Issuer.IsAway = true;
        using var browser = new Browser(host.Server);
        await browser.OpenSignInAsync();
        using (var away = await browser.SendAsync("GET", "/sign-in/with/corp"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, away.StatusCode);
            Assert.Contains("sign-in is not possible at the moment", await away.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        await browser.SignInAsync();
        using var tried = new Browser(host.Server);
        host.Issuer.IsAway = false;
        await Eventually.TrueAsync(
            async () =>
            {
                using var gone = await tried.SendAsync("GET", "/sign-in/with/other");
                return gone.StatusCode == HttpStatusCode.Redirect;
            },
            TimeSpan.FromSeconds(30), () => "the provider was not asked again");
    }

    [Fact]
    public async Task An_exchange_that_fails_signs_nobody_in()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        host.People.IsTokenEndpointAway = true;
        await RefusedAsync(await host.SignInAsync(browser), "its answer was not accepted");
        Assert.DoesNotContain("Signed in as", await browser.PageAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_in_another_letter_case_is_the_same_account_and_nobody_elses()
    {
        await using var host = await OidcHost.StartAsync();
        using var alice = new Browser(host.Server);
        using (var first = await host.SignInAsync(alice)) Assert.Equal(HttpStatusCode.SeeOther, first.StatusCode);

        // The provider spells the name in another way now: the account stays as it was.
        host.People.Change = claims => claims["preferred_username"] = "ALICE";
        using (var again = await host.SignInAsync(alice)) Assert.Equal(HttpStatusCode.SeeOther, again.StatusCode);
        Assert.Contains("Signed in as corp:alice\"", await alice.PageAsync("/"), StringComparison.Ordinal);

        // Somebody else whose name is spelled so gets neither the account nor one that people take for it.
        using var other = new Browser(host.Server);
        await RefusedAsync(await host.SignInAsync(other, "mallory"), "somebody else has this name here, in another spelling");
        Assert.Contains("Signed in as corp:alice\"", await alice.PageAsync("/"), StringComparison.Ordinal);

        // A suspension holds in any spelling, also for whoever gets the name when the sign-in has lapsed.
        await host.Server.Service<ISuspensionStore>().SuspendAsync("corp:Alice", "admin", "", host.Clock.GetUtcNow());
        await Eventually.TrueAsync(
            async () => !(await alice.PageAsync("/")).Contains("Signed in as", StringComparison.Ordinal), TimeSpan.FromSeconds(30),
            () => "alice is still signed in");
        host.Clock.Advance(TimeSpan.FromHours(13));
        await Eventually.TrueAsync(
            () => host.Server.Service<SuspendedAccounts>().Count == 1, TimeSpan.FromSeconds(30), () => "nobody is suspended");
        using var later = await host.SignInAsync(other, "mallory");
        Assert.Equal(HttpStatusCode.Forbidden, later.StatusCode);
        Assert.DoesNotContain("authindex", other.Cookies.Keys);
    }

    /// <summary>ID tokens that are wrong, by what is wrong with them.</summary>
    public static TheoryData<string> WrongTokens =>
        ["nonce", "no nonce", "audience", "issuer", "expired", "not yet", "unsigned", "another key", "no account", "no subject", "no groups"];

    [Theory]
    [MemberData(nameof(WrongTokens))]
    public async Task An_id_token_that_is_not_right_signs_nobody_in(string wrong)
    {
        await using var host = await OidcHost.StartAsync();
        await using var foreign = await OidcIssuerServer.StartAsync(host.Clock);
        host.People.Change = claims =>
        {
            switch (wrong)
            {
                case "nonce": claims["nonce"] = "x"; break;
                case "no nonce": claims.Remove("nonce"); break;
                case "audience": claims["aud"] = "somebody"; break;
                case "issuer": claims["iss"] = "https://evil.example"; break;
                case "expired": claims["exp"] = host.Clock.GetUtcNow().ToUnixTimeSeconds() - 31; break;
                case "not yet": claims["nbf"] = host.Clock.GetUtcNow().ToUnixTimeSeconds() + 60; break;
                case "no account": claims.Remove("preferred_username"); break;
                case "no subject": claims.Remove("sub"); break;
                case "no groups": claims.Remove("groups"); break;
                default: break;
            }
        };
        host.People.Signs = wrong switch
        {
            "unsigned" => claims => TokenMaker.Sign("""{"alg":"none"}""", claims.ToJsonString(), _ => []),
            "another key" => claims => foreign.Sign(claims),
            _ => null,
        };
        using var browser = new Browser(host.Server);
        using var answer = await host.SignInAsync(browser);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.DoesNotContain("authindex", browser.Cookies.Keys);
        Assert.Null(await host.Server.Service<IPersonStore>().FindAsync("corp:alice"));
    }

    [Fact]
    public async Task Required_claims_decide_who_may_sign_in()
    {
        await using var host = await OidcHost.StartAsync(p => p.Require = new() { ["department"] = ["it/*"] });
        using var browser = new Browser(host.Server);
        await RefusedAsync(await host.SignInAsync(browser), "your account there may not sign in here");
        host.People.Change = claims => claims["department"] = "it/platform";
        using var good = await host.SignInAsync(browser);
        Assert.Equal(HttpStatusCode.SeeOther, good.StatusCode);
        Assert.Contains("Signed in as corp:alice", await browser.PageAsync("/access"), StringComparison.Ordinal);

        // What the provider says now ends what it said before.
        host.People.Change = claims => claims["department"] = "former/employees";
        using var elsewhere = new Browser(host.Server);
        await RefusedAsync(await host.SignInAsync(elsewhere), "your account there may not sign in here");
        using var ended = await browser.SendAsync("GET", "/access");
        Assert.Equal(HttpStatusCode.SeeOther, ended.StatusCode);
    }

    [Fact]
    public async Task An_address_that_sends_many_made_up_answers_is_refused_before_the_provider_is_asked()
    {
        await using var host = await OidcHost.StartAsync(more: o =>
        {
            o.TrustedProxies = [new IPNetwork(IPAddress.Parse("127.0.0.0"), 8)];
            o.SignInLimits.PerAddress = 3;
        });
        using var browser = new Browser(host.Server, forwardedFor: "198.51.100.7");
        for (var i = 0; i < 3; i++) await RefusedAsync(await browser.SendAsync("GET", $"/sign-in/callback/corp?code={i}&state=x"), "out of date");
        using var limited = await browser.SendAsync("GET", "/sign-in/callback/corp?code=4&state=x");
        Assert.Equal(HttpStatusCode.TooManyRequests, limited.StatusCode);
    }

    [Fact]
    public async Task Signing_in_again_has_the_provider_ask_again()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        using (var first = await host.SignInAsync(browser)) Assert.Equal(HttpStatusCode.SeeOther, first.StatusCode);
        var page = WebUtility.HtmlDecode(await browser.PageAsync("/sign-in?again=1&return=/access"));
        Assert.Contains("href=\"/sign-in/with/corp?again=1&return=%2Faccess\"", page, StringComparison.Ordinal);
        using var gone = await browser.SendAsync("GET", "/sign-in/with/corp?again=1");
        Assert.Contains("prompt=login", gone.Headers.Location!.Query, StringComparison.Ordinal);
        Assert.Contains("max_age=0", gone.Headers.Location.Query, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_provider_that_did_not_ask_again_makes_nothing_that_outlives_the_session()
    {
        await using var host = await OidcHost.StartAsync();
        using var browser = new Browser(host.Server);
        var hourAgo = host.Clock.GetUtcNow().AddHours(-1).ToUnixTimeSeconds();
        foreach (var change in (Action<JsonObject>[])[c => c.Remove("auth_time"), c => c["auth_time"] = hourAgo, c => c["auth_time"] = "now"])
        {
            host.People.Change = change;
            using (var signedIn = await host.SignInAsync(browser)) Assert.Equal(HttpStatusCode.SeeOther, signedIn.StatusCode);
            Assert.Contains("Sign in again", await browser.PageAsync("/access"), StringComparison.Ordinal);
            using var refused = await browser.SubmitAsync("/access/login");
            Assert.Equal(HttpStatusCode.SeeOther, refused.StatusCode);
            Assert.StartsWith("/sign-in?", refused.Headers.Location!.ToString(), StringComparison.Ordinal);
        }

        host.People.Change = null;
        using (var again = await host.SignInAsync(browser)) Assert.Equal(HttpStatusCode.SeeOther, again.StatusCode);
        Assert.DoesNotContain("Sign in again", await browser.PageAsync("/access"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Settings_that_conflict_stop_the_start()
    {
        foreach (var (change, problem) in ((Action<TokenServerOptions>, string)[])
            [
                (o => o.PublicUrl = null, "set tokenServer.publicUrl"),
                (o => o.Portal.Providers[1].Name = "corp", "the name is used more than once"),
                (o => o.Portal.Providers[0].Name = "ldap", "has another meaning in policies"),
                (o => o.Portal.Providers[0].Scopes = ["open id"], "a scope contains a space"),
                (o => o.Portal.Providers[0].ClientSecretFile = "/none", "is missing"),
            ])
        {
            var refused = await Assert.ThrowsAsync<OperatorException>(() => OidcHost.StartAsync(more: change));
            Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
        }
    }

    private static async Task RefusedAsync(HttpResponseMessage answer, string text)
    {
        using (answer)
        {
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            var page = await answer.Content.ReadAsStringAsync(Cancel);
            Assert.Contains("role=\"alert\"", page, StringComparison.Ordinal);
            Assert.Contains(text, page, StringComparison.Ordinal);
            Assert.Equal("text/html; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        }
    }
}
