using System.Net;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Sessions;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>The codes that people log in with on another machine.</summary>
public sealed partial class LoginCodeTests
{
    private const string Login = "/token?service=registry&client_id=docker&offline_token=true";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_login_code_is_exchanged_once_for_a_refresh_token_of_the_same_sign_in()
    {
        await using var host = await TokenServerHost.StartAsync(
            o => o.Services.Add(new ServiceOptions { Name = "registry", CredentialFile = o.CredentialPath, Url = new("https://r.example") }));
        var code = await CodeAsync(host);
        string refresh;
        using (var good = await host.GetAsync(Login, "alice", code))
        {
            Assert.Equal(HttpStatusCode.OK, good.StatusCode);
            refresh = (await good.JsonAsync())["refresh_token"]!.ToString();
        }

        Assert.StartsWith("air_", refresh, StringComparison.Ordinal);
        Assert.Equal("htpasswd", host.Grant(refresh).Origin!.Source);
        using (var used = await host.RefreshAsync(refresh)) Assert.Equal(HttpStatusCode.OK, used.StatusCode);
        Assert.Contains("the login code has been used; create a new one", await MessageAsync(host, Login, "alice", code),
            StringComparison.Ordinal);
        Assert.DoesNotContain(code, host.Log.Text, StringComparison.Ordinal);
        Assert.Single(await host.Service<IGrantStore>().ListAsync("alice"));
    }

    [Fact]
    public async Task The_page_has_the_command_of_every_registry()
    {
        await using var host = await TokenServerHost.StartAsync(
            o => o.Services.Add(new ServiceOptions { Name = "registry", CredentialFile = o.CredentialPath, Url = new("https://r.example:8443") }));
        using var browser = new Browser(host);
        await browser.SignInAsync();
        Assert.Contains("Get a login code", await browser.PageAsync("/access"), StringComparison.Ordinal);
        using var made = await browser.SubmitAsync("/access/login");
        var page = await made.Content.ReadAsStringAsync(Cancel);
        Assert.Contains("docker login r.example:8443 --username alice", page, StringComparison.Ordinal);
        Assert.DoesNotContain(Code().Match(page).Value, await browser.PageAsync("/access"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_that_asks_by_a_form_exchanges_it_too()
    {
        await using var host = await TokenServerHost.StartAsync();
        var code = await CodeAsync(host);
        using var good = await host.PasswordAsync("alice", code, ("access_type", "offline"));
        Assert.StartsWith("air_", (await good.JsonAsync())["refresh_token"]!.ToString(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_code_that_is_sent_the_wrong_way_is_refused_and_still_good_for_the_right_one()
    {
        await using var host = await TokenServerHost.StartAsync();
        var code = await CodeAsync(host);
        Assert.Contains(
            "podman and skopeo need an access token", await MessageAsync(host, "/token?service=registry", "alice", code),
            StringComparison.Ordinal);
        Assert.Contains("for another account", await MessageAsync(host, Login, "admin", code), StringComparison.Ordinal);
        using (var api = await host.AccountAsync(HttpMethod.Get, "", "alice", code)) Assert.Equal(HttpStatusCode.Unauthorized, api.StatusCode);
        using (var search = await host.GetAsync("/index/v1/repositories", "alice", code))
        {
            Assert.Equal(HttpStatusCode.Unauthorized, search.StatusCode);
        }

        Assert.StartsWith("401 invalid_grant", await host.RefreshAsync(code).ErrorAsync(), StringComparison.Ordinal);
        using var browser = new Browser(host);
        await browser.OpenSignInAsync();
        using (var form = await browser.SubmitAsync("/sign-in", ("account", "alice"), ("password", code)))
        {
            Assert.Equal(HttpStatusCode.Forbidden, form.StatusCode);
        }

        using var good = await host.GetAsync(Login, "alice", code);
        Assert.Equal(HttpStatusCode.OK, good.StatusCode);
    }

    [Fact]
    public async Task An_expired_code_says_so()
    {
        await using var host = await TokenServerHost.StartAsync();
        var code = await CodeAsync(host);
        host.Clock.Advance(LoginCode.Lifetime + TimeSpan.FromSeconds(1));
        Assert.Contains("the login code has expired", await MessageAsync(host, Login, "alice", code), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_ends_the_account_ends_its_codes()
    {
        await using var host = await TokenServerHost.StartAsync();
        var (code, other) = (await CodeAsync(host), await CodeAsync(host, "admin", TokenServerHost.AdminPassword));
        await host.BesideAsync(grants => grants.EndAllAsync("alice"));
        Assert.Contains("the login code is unknown", await MessageAsync(host, Login, "alice", code), StringComparison.Ordinal);
        Assert.Null(await host.Service<ISuspensionStore>().SuspendAsync("admin", "root", "", host.Clock.GetUtcNow()));
        host.Service<RevocationWatch>().Wake();
        await Eventually.TrueAsync(
            () => host.Service<SuspendedAccounts>().Count == 1, TimeSpan.FromSeconds(30), () => "the suspension was not noticed");
        using var refused = await host.GetAsync(Login, "admin", other);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task Only_a_recent_sign_in_makes_a_code_since_what_it_gives_outlives_the_session()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var browser = new Browser(host);
        await browser.SignInAsync();
        host.Clock.Advance(AccessPageEndpoint.Recent);
        Assert.DoesNotContain("action=\"/access/login\"", await browser.PageAsync("/access"), StringComparison.Ordinal);
        using var late = await browser.SubmitAsync("/access/login");
        Assert.Equal("/sign-in?again=1&return=%2Faccess", late.Headers.Location!.ToString());
    }

    [Fact]
    public async Task A_server_without_refresh_tokens_makes_no_code()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.RefreshTokens = false);
        using var browser = new Browser(host);
        await browser.SignInAsync();
        using var refused = await browser.SubmitAsync("/access/login");
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task Guessed_codes_are_counted_by_the_limits_of_the_address()
    {
        await using var host = await TokenServerHost.StartAsync(
            o =>
            {
                o.TrustedProxies = [new IPNetwork(IPAddress.Parse("127.0.0.0"), 8)];
                o.SignInLimits.PerAddress = 5;
            });
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 6; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, Login);
            request.Headers.Authorization = TokenServerHost.Basic("alice", TokenSecret.New(TokenKind.LoginCode).Text);
            request.Headers.Add("X-Forwarded-For", "198.51.100.7");
            using var answer = await host.Client.SendAsync(request, Cancel);
            statuses.Add(answer.StatusCode);
        }

        Assert.All(statuses.Take(5), s => Assert.Equal(HttpStatusCode.Unauthorized, s));
        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[5]);
    }

    /// <summary>A code of an account, made in the portal.</summary>
    private static async Task<string> CodeAsync(
        TokenServerHost host, string account = "alice", string password = TokenServerHost.AlicePassword)
    {
        using var browser = new Browser(host);
        await browser.SignInAsync(account, password);
        using var made = await browser.SubmitAsync("/access/login");
        Assert.Equal(HttpStatusCode.OK, made.StatusCode);
        var code = Code().Match(await made.Content.ReadAsStringAsync(Cancel)).Value;
        Assert.NotEmpty(code);
        return code;
    }

    private static async Task<string> MessageAsync(TokenServerHost host, string path, string user, string password)
    {
        using var answer = await host.GetAsync(path, user, password);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        return (await answer.JsonAsync())["errors"]![0]!["message"]!.ToString();
    }

    [GeneratedRegex("aic_[0-9A-Za-z]{49}", RegexOptions.None, 1000)]
    private static partial Regex Code();
}
