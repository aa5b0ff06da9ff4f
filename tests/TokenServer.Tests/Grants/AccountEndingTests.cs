using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests.Grants;

/// <summary>What becomes of sign-ins that are under way when their account is ended.</summary>
public sealed class AccountEndingTests : IAsyncDisposable
{
    private readonly FakeDirectory directory = new();
    private string password = "carol's password";
    private Func<TokenServerHost, Task> meanwhile = _ => Task.CompletedTask;
    private TokenServerHost? host;

    public AccountEndingTests()
    {
        directory.OnSearch = search => search.Filter.Contains("(uid=carol)", StringComparison.OrdinalIgnoreCase)
            ? [new FakeEntry("uid=carol,dc=org", ("uid", ["carol"]))]
            : [];
        directory.OnBind = (dn, typed) =>
        {
            if (dn != "uid=carol,dc=org" || typed != password) return (49, "data 52e");
            meanwhile(host!).GetAwaiter().GetResult();
            return (0, "");
        };
    }

    public async ValueTask DisposeAsync()
    {
        if (host is not null) await host.DisposeAsync();
        await directory.DisposeAsync();
    }

    [Fact]
    public async Task A_slow_sign_in_gets_no_refresh_token_when_its_accounts_tokens_are_revoked_meanwhile()
    {
        host = await StartAsync();
        meanwhile = server => server.BesideAsync(store => store.EndAllAsync("carol"));
        Assert.StartsWith(
            "401 invalid_client: sign-in failed: the account's tokens were revoked during the sign-in; sign in again (decision ",
            await OfflineAsync(host).ErrorAsync(), StringComparison.Ordinal);
        Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));

        // Once the server has noticed, the same password signs in again.
        meanwhile = _ => Task.CompletedTask;
        await Eventually.TrueAsync(
            () => host.Service<SuspendedAccounts>().NewestEnding > 0, TimeSpan.FromSeconds(30), () => "never noticed");
        Assert.NotEmpty(await host.LoginAsync("carol", password));
    }

    [Fact]
    public async Task A_slow_sign_in_gets_none_either_when_its_account_was_suspended_meanwhile_and_is_resumed_already()
    {
        host = await StartAsync();
        meanwhile = async server =>
        {
            await using var database = new StateDatabase(server.Options.DatabaseFile);
            var suspensions = new SqliteSuspensionStore(database);
            Assert.Null(await suspensions.SuspendAsync("carol", "root", "", server.Clock.GetUtcNow()));
            Assert.Equal(Resumption.Resumed, await suspensions.ResumeAsync("carol", server.Clock.GetUtcNow()));
        };
        using var answer = await OfflineAsync(host);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));
    }

    [Fact]
    public async Task A_suspension_that_the_server_has_not_noticed_yet_keeps_grants_from_being_made()
    {
        host = await StartAsync();
        var who = Assert.IsType<SignInOutcome.SignedIn>(
            await host.Service<PasswordSignIn>().SignInAsync("carol", password, null, "", CancellationToken.None));
        await using var database = new StateDatabase(host.Options.DatabaseFile);
        Assert.Null(await new SqliteSuspensionStore(database).SuspendAsync("carol", "root", "", host.Clock.GetUtcNow()));
        var maker = host.Service<GrantFactory>();
        Assert.Null(await maker.GiveRefreshAsync(who with { EndingsSeen = long.MaxValue }, "registry", "docker", null));
        Assert.Equal(
            GrantRefusal.AccountEnded,
            (await maker.MakeAccessAsync("carol", null, "x", TimeSpan.FromDays(1), TokenRestriction.None, who.EndingsSeen)).Refusal);
        Assert.Null(
            (await maker.MakeAccessAsync("carol", null, "made by an administrator", TimeSpan.FromDays(1), TokenRestriction.None)).Refusal);
    }

    [Fact]
    public async Task The_token_of_a_slow_sign_in_is_dated_by_its_beginning_and_so_void_when_its_account_was_ended_meanwhile()
    {
        host = await StartAsync();
        var began = host.Clock.GetUtcNow().ToUnixTimeSeconds();
        meanwhile = async server =>
        {
            server.Clock.Advance(TimeSpan.FromSeconds(2));
            await server.BesideAsync(store => store.EndAllAsync("carol"));
            server.Clock.Advance(TimeSpan.FromSeconds(2));
        };
        var claims = await host.GetAsync("/token?service=registry", "carol", password).ClaimsAsync();
        Assert.Equal(began, claims["iat"]!.GetValue<long>());
        Assert.True(await host.Service<IRevocationStore>().IsVoidAsync("carol", null, claims["jti"]!.ToString(), began));
    }

    [Fact]
    public async Task A_remembered_password_is_checked_anew_once_its_accounts_tokens_are_revoked()
    {
        host = await StartAsync();
        using (var remembered = await host.GetAsync("/token?service=registry", "carol", password))
        {
            Assert.Equal(HttpStatusCode.OK, remembered.StatusCode);
        }

        var old = password;
        password = "another";
        await host.BesideAsync(store => store.EndAllAsync("carol"));
        await Eventually.TrueAsync(
            async () =>
            {
                using var answer = await host.GetAsync("/token?service=registry", "carol", old);
                return answer.StatusCode == HttpStatusCode.Unauthorized;
            },
            TimeSpan.FromSeconds(30),
            () => "the old password is still remembered");
    }

    [Fact]
    public async Task An_account_makes_no_access_token_when_its_tokens_are_revoked_while_it_signs_in()
    {
        host = await StartAsync();
        meanwhile = server => server.BesideAsync(store => store.EndAllAsync("carol"));
        Assert.StartsWith(
            "401 ", await host.AccountAsync(HttpMethod.Post, "", "carol", password, """{"name":"x"}""").ErrorAsync(),
            StringComparison.Ordinal);
        Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));
    }

    private static Task<HttpResponseMessage> OfflineAsync(TokenServerHost server) =>
        server.GetAsync("/token?service=registry&offline_token=true", "carol", "carol's password");

    private Task<TokenServerHost> StartAsync() => TokenServerHost.StartAsync(o => o.Ldap.Add(new LdapDirectoryOptions
    {
        Name = "corp",
        Servers = [directory.Url],
        AnonymousSearch = true,
        BaseDn = "dc=org",
        Connections = 2,
    }));
}
