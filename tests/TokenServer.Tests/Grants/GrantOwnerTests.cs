using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.State;
using Dapper;

namespace AuthIndex.TokenServer.Tests.Grants;

/// <summary>Refresh tokens and access tokens belong to one account, not to whoever has its name later.</summary>
public sealed class GrantOwnerTests : IAsyncDisposable
{
    private const string Password = "carol's password";
    private const string Policy = "version: 1\nrules:\n  - { id: all, to: [authenticated], allow: [pull], on: [\"**\"] }\n";
    private const string NoLonger = "is no longer valid; sign in with the password";

    private readonly FakeDirectory directory = new();
    private readonly LdapDirectoryOptions options = new()
    {
        Name = "corp",
        AnonymousSearch = true,
        BaseDn = "dc=org",
        Connections = 2,
    };

    private readonly List<(string Name, string[] Values)> attributes = [("uid", ["carol"]), ("entryUUID", ["of the first"])];
    private bool isThere = true;
    private bool showsState = true;

    public GrantOwnerTests()
    {
        options.Servers = [directory.Url];
        directory.OnSearch = search => search.Filter.Contains("(uid=carol)", StringComparison.OrdinalIgnoreCase)
            ? isThere ? [new FakeEntry("uid=carol,dc=org", [.. attributes])] : []
            : search.Filter.Contains("nsAccountLock", StringComparison.Ordinal) && showsState ? [new FakeEntry(search.BaseDn)] : [];
        directory.OnBind = (dn, password) => dn == "uid=carol,dc=org" && password == Password ? (0, "") : (49, "");
    }

    public ValueTask DisposeAsync() => directory.DisposeAsync();

    [Fact]
    public async Task An_account_that_is_made_again_does_not_inherit_the_tokens_of_the_one_that_was_deleted()
    {
        await using var host = await StartAsync();
        var (refresh, access) = await TokensAsync(host);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("x:pull", await GrantedAsync(host, refresh));

        attributes[1] = ("entryUUID", ["of the second"]);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        await RefusedAsync(host, refresh, access);

        attributes.RemoveAt(1);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        await RefusedAsync(host, refresh, access);

        attributes.Add(("entryUUID", ["of the first"]));
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("x:pull", await GrantedAsync(host, refresh));
    }

    [Fact]
    public async Task A_local_account_that_gets_the_name_does_not_inherit_the_tokens_of_the_directorys_account()
    {
        await using var host = await StartAsync();
        var (refresh, access) = await TokensAsync(host);
        isThere = false;
        await host.ReplaceAccountsAsync(TokenServerHost.Accounts.Replace("alice:", "carol:", StringComparison.Ordinal));
        host.Clock.Advance(TimeSpan.FromMinutes(1));

        await RefusedAsync(host, refresh, access);
    }

    [Fact]
    public async Task Nor_does_a_directorys_account_inherit_those_of_a_local_one()
    {
        isThere = false;
        await using var host = await StartAsync();
        await host.ReplaceAccountsAsync(TokenServerHost.Accounts.Replace("alice:", "carol:", StringComparison.Ordinal));
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        var refresh = await host.LoginAsync("carol", TokenServerHost.AlicePassword);
        await host.ReplaceAccountsAsync(TokenServerHost.Accounts);
        isThere = true;
        host.Clock.Advance(TimeSpan.FromMinutes(1));

        Assert.Contains(NoLonger, await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_token_from_before_origins_were_kept_belongs_to_the_account_that_uses_it_first()
    {
        await using var host = await StartAsync();
        var refresh = await host.LoginAsync("carol", Password);
        await host.Service<StateDatabase>().WriteAsync(db => db.Execute("UPDATE grants SET source = NULL, entry_id = NULL"));
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal("x:pull", await GrantedAsync(host, refresh));
        await host.Service<GrantUsageRecorder>().WriteAsync();
        Assert.Equal("ldap:corp", Assert.Single(await host.Service<IGrantStore>().ListAsync("carol")).Origin?.Source);

        attributes[1] = ("entryUUID", ["of the second"]);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains(NoLonger, await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_refresh_ends_what_is_remembered_of_the_password()
    {
        await using var host = await StartAsync();
        var refresh = await host.LoginAsync("carol", Password);
        isThere = false;
        host.Clock.Advance(TimeSpan.FromSeconds(31));
        using (var remembered = await host.PasswordAsync("carol", Password)) Assert.True(remembered.IsSuccessStatusCode);

        Assert.StartsWith("401 ", await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
        using var forgotten = await host.PasswordAsync("carol", Password);
        Assert.False(forgotten.IsSuccessStatusCode);
    }

    [Fact]
    public async Task Where_the_directory_hides_the_state_a_refresh_token_is_good_for_a_while_after_the_sign_in()
    {
        attributes.Add(("nsUniqueId", ["of 389 Directory Server"]));
        await using var host = await StartAsync();
        var refresh = await host.LoginAsync("carol", Password);
        host.Clock.Advance(options.RefreshWithoutState + TimeSpan.FromMinutes(1));
        Assert.Equal("x:pull", await GrantedAsync(host, refresh));

        showsState = false;
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains(NoLonger, await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
        refresh = await host.LoginAsync("carol", Password);
        host.Clock.Advance(options.RefreshWithoutState - TimeSpan.FromMinutes(1));
        Assert.Equal("x:pull", await GrantedAsync(host, refresh));
        host.Clock.Advance(TimeSpan.FromMinutes(2));
        Assert.Contains(NoLonger, await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_changed_password_ends_tokens_where_that_is_configured(bool isConfigured)
    {
        options.EndGrantsOnPasswordChange = isConfigured;
        attributes.Add(("pwdChangedTime", ["20290101000000Z"]));
        await using var host = await StartAsync();
        var (refresh, access) = await TokensAsync(host);

        attributes[2] = ("pwdChangedTime", ["20300101000000Z"]);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        if (!isConfigured)
        {
            Assert.Equal("x:pull", await GrantedAsync(host, refresh));
            return;
        }

        await RefusedAsync(host, refresh, access);
        attributes.RemoveAt(2);
        host.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.StartsWith("401 ", await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
    }

    private static async Task RefusedAsync(TokenServerHost host, string refresh, string access)
    {
        Assert.Contains($"the refresh token {NoLonger}", await host.RefreshAsync(refresh).ErrorAsync(), StringComparison.Ordinal);
        Assert.Contains(
            $"the access token {NoLonger}", await host.GetAsync("/token?service=registry", "carol", access).ErrorAsync(),
            StringComparison.Ordinal);
    }

    private static Task<string> GrantedAsync(TokenServerHost host, string refresh) =>
        host.RefreshAsync(refresh, more: ("scope", "repository:x:pull")).GrantedAsync();

    private static async Task<(string Refresh, string Access)> TokensAsync(TokenServerHost host)
    {
        var refresh = await host.LoginAsync("carol", Password);
        using var made = await host.AccountAsync(HttpMethod.Post, "", "carol", Password, """{"name":"x"}""");
        return (refresh, (string)(await made.JsonAsync())["token"]!);
    }

    private Task<TokenServerHost> StartAsync() => TokenServerHost.StartAsync(o => o.Ldap.Add(options), Policy);
}
