using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Tests.Grants;

/// <summary>Tokens of accounts that live in a directory.</summary>
public sealed class LdapGrantTests : IAsyncDisposable
{
    private const string Password = "carol's password";

    private const string Policy = """
        version: 1
        rules:
          - { id: engineers, to: ["ldap:engineers"], allow: [pull, push], on: ["platform/**"] }

        """;

    private const string Scopes = "repository:platform/app:pull,push";

    private readonly FakeDirectory directory = new();
    private string[] groups = ["cn=engineers,dc=org"];
    private bool isThere = true;

    public LdapGrantTests()
    {
        directory.OnSearch = search => isThere && search.Filter.Contains("(uid=carol)", StringComparison.OrdinalIgnoreCase)
            ? [new FakeEntry("uid=carol,dc=org", ("uid", ["carol"]), ("memberOf", groups))]
            : [];
        directory.OnBind = (dn, password) => dn == "uid=carol,dc=org" && password == Password ? (0, "") : (49, "data 52e");
    }

    public ValueTask DisposeAsync() => directory.DisposeAsync();

    [Fact]
    public async Task Tokens_never_reach_the_directory()
    {
        await using var host = await TokenServerHost.StartAsync(Configure, Policy);
        var token = await host.LoginAsync("carol", Password);
        var (binds, searches) = (directory.Binds.Count, directory.Searches.Count);
        foreach (var (user, secret) in new[] { ("carol", TokenSecret.New(TokenKind.Access).Text), ("carol", token[..^1]),
            ("carol", "aix_x"), (token, "password"), ("", TokenSecret.New(TokenKind.Refresh).Text) })
        {
            using var get = await host.GetAsync("/token?service=registry", user, secret);
            Assert.Equal(HttpStatusCode.Unauthorized, get.StatusCode);
            using var form = await host.PasswordAsync(user, secret);
            Assert.Equal(HttpStatusCode.BadRequest, form.StatusCode);
            using var catalog = await host.GetAsync("/index/v1/repositories", user, secret);
            Assert.Equal(HttpStatusCode.Unauthorized, catalog.StatusCode);
            using var account = await host.AccountAsync(HttpMethod.Get, "", user, secret);
            Assert.Equal(HttpStatusCode.Unauthorized, account.StatusCode);
        }

        Assert.Equal((binds, searches), (directory.Binds.Count, directory.Searches.Count));
    }

    [Fact]
    public async Task A_push_of_many_requests_costs_the_directory_one_look_and_groups_are_taken_anew_after_a_while()
    {
        await using var host = await TokenServerHost.StartAsync(Configure, Policy);
        var token = await host.LoginAsync("carol", Password);
        host.Clock.Advance(TimeSpan.FromMinutes(10));
        var (binds, searches) = (directory.Binds.Count, directory.Searches.Count);
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 20).Select(_ => host.RefreshAsync(token, more: ("scope", Scopes)).GrantedAsync()));
        Assert.All(answers, granted => Assert.Equal("platform/app:pull,push", granted));
        Assert.Equal((binds, searches + 1), (directory.Binds.Count, directory.Searches.Count));

        groups = [];
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("", await host.RefreshAsync(token, more: ("scope", Scopes)).GrantedAsync());

        isThere = false;
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.StartsWith(
            "401 invalid_grant: sign-in failed: the account of the refresh token no longer exists", await host.RefreshAsync(token).ErrorAsync(),
            StringComparison.Ordinal);

        await directory.DisposeAsync();
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        using var outage = await host.RefreshAsync(token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, outage.StatusCode);
        Assert.NotNull(outage.Headers.RetryAfter);
    }

    [Fact]
    public async Task In_an_outage_nobody_gets_anything_that_outlasts_it()
    {
        await using var host = await TokenServerHost.StartAsync(
            o =>
            {
                Configure(o);
                o.Ldap[0].OutageGrace = TimeSpan.FromHours(1);
            },
            Policy);
        await host.LoginAsync("carol", Password);
        await directory.DisposeAsync();
        host.Clock.Advance(TimeSpan.FromMinutes(6));

        using var answer = await host.GetAsync($"/token?service=registry&offline_token=true&scope={Scopes}", "carol", Password);
        Assert.False((await answer.JsonAsync()).ContainsKey("refresh_token"));
        using var made = await host.AccountAsync(HttpMethod.Post, "", "carol", Password, """{"name":"x"}""");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, made.StatusCode);
        Assert.Single(await host.Service<IGrantStore>().ListAsync(null));
    }

    [Fact]
    public async Task Where_accounts_are_found_by_their_password_only_nothing_stands_for_it()
    {
        directory.OnSearch = _ => [new FakeEntry("uid=carol,dc=org", ("uid", ["carol"]))];
        await using var host = await TokenServerHost.StartAsync(
            o =>
            {
                Configure(o);
                o.Ldap[0].AnonymousSearch = false;
                o.Ldap[0].UserDnTemplate = "uid={account},dc=org";
            },
            Policy);
        using var answer = await host.GetAsync("/token?service=registry&offline_token=true", "carol", Password);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.False((await answer.JsonAsync()).ContainsKey("refresh_token"));
        Assert.StartsWith(
            "403 access_denied: the account can be looked up only with its password or OIDC token",
            await host.AccountAsync(HttpMethod.Post, "", "carol", Password, """{"name":"x"}""").ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directorys_account_is_never_taken_for_a_robot()
    {
        directory.OnSearch = _ => [new FakeEntry("uid=robot:ci,dc=org", ("uid", ["robot:ci"]))];
        directory.OnBind = (_, _) => (0, "");
        await using var host = await TokenServerHost.StartAsync(Configure, "version: 1\nrobots: { ci: }\n");
        Assert.StartsWith("400 invalid_grant: ", await host.PasswordAsync("robot:ci", Password).ErrorAsync(), StringComparison.Ordinal);
        Assert.StartsWith("400 invalid_grant: ", await host.PasswordAsync("ci", Password).ErrorAsync(), StringComparison.Ordinal);
        Assert.Equal(
            SignIn.Token,
            Assert.IsType<SignInOutcome.SignedIn>(
                await host.Service<AccountFinder>().FindAsync("robot:ci", CancellationToken.None)).SignedInBy);
    }

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
