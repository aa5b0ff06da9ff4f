using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Native;

namespace AuthIndex.Acceptance;

/// <summary>Signing in with a real 389 Directory Server.</summary>
public sealed class Directory389SignInTests(RealDirectories directories)
{
    [Fact]
    public async Task An_account_signs_in_with_its_groups()
    {
        var server = await directories.Directory389Async();
        await server.AddUserAsync("groups");
        await server.AddGroupAsync("direct", Directory389.DnOf("groups"));
        await server.AddGroupAsync("outer", $"cn=direct,{Directory389.Groups}");
        using var signIn = new LdapSignIn(await directories.Directory389OptionsAsync());

        var groups = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("groups", Directory389.Password)).Groups;
        Assert.Contains("ldap:direct", groups);
        Assert.Contains("ldap:outer", groups);
        Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync("groups", "wrong"));
    }

    [Fact]
    public async Task An_inactivated_account_is_refused_with_the_reason()
    {
        var server = await directories.Directory389Async();
        await server.AddUserAsync("inactive", "nsAccountLock: true");
        using var signIn = new LdapSignIn(await directories.Directory389OptionsAsync());

        Assert.Contains(
            "nsAccountLock", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("inactive", Directory389.Password)).Reason,
            StringComparison.Ordinal);
        Assert.Contains(
            "nsAccountLock", Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync("inactive")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Where_the_state_of_an_account_cannot_be_read_it_is_known_that_it_cannot()
    {
        var server = await directories.Directory389Async();
        await server.AddUserAsync("unseen");
        var options = await directories.Directory389OptionsAsync();
        using (var signIn = new LdapSignIn(options))
        {
            Assert.Null(Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync("unseen")).RefreshFor);
        }

        options.BindDn = Directory389.Blind;
        using (var signIn = new LdapSignIn(options))
        {
            Assert.Equal(options.RefreshWithoutState, Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync("unseen")).RefreshFor);
        }
    }

    [Fact]
    public async Task An_account_that_is_made_again_is_told_from_the_one_that_was_deleted()
    {
        var server = await directories.Directory389Async();
        await server.AddUserAsync("again");
        using var signIn = new LdapSignIn(await directories.Directory389OptionsAsync());
        var first = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("again", Directory389.Password)).Origin!;
        Assert.StartsWith("nsUniqueId=", first.EntryId, StringComparison.Ordinal);

        await server.RemoveUserAsync("again");
        await server.AddUserAsync("again");
        signIn.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains(
            "was deleted", first.Mismatch(Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync("again")).Origin!),
            StringComparison.Ordinal);
    }

    /// <summary>389 counts an answered request as pending for a moment, in which it refuses StartTLS.</summary>
    [Fact]
    public async Task Every_one_of_many_connections_begins_TLS()
    {
        var options = await directories.Directory389OptionsAsync();
        var server = DirectorySettings.Read([options])[0].Servers[0];
        var connector = new ProtocolsConnector(options.CaFile);
        await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 50; i++) connector.Connect(server, TimeSpan.FromSeconds(30)).Dispose();
        })));
    }

    [Fact]
    public async Task A_password_that_must_be_changed_first_or_has_expired_is_told_and_is_no_wrong_one()
    {
        var server = await directories.Directory389Async();
        var policy = await server.AddPolicyAsync(
            "age", "passwordMustChange: on", "passwordChange: on", "passwordExp: on", "passwordMaxAge: 8640000", "passwordWarning: 0");
        await server.AddUserAsync("mustchange", $"pwdpolicysubentry: {policy}");
        await server.SetAsync("mustchange", ("userPassword", Directory389.Password));
        await server.AddUserAsync("outdated", $"pwdpolicysubentry: {policy}");
        await server.SetAsync("outdated", ("passwordExpirationTime", "20200101000000Z"));
        using var signIn = new LdapSignIn(await directories.Directory389OptionsAsync());

        Assert.Contains(
            "must be changed first", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("mustchange", Directory389.Password)).Reason,
            StringComparison.Ordinal);
        for (var i = 0; i < 5; i++)
        {
            signIn.Clock.Advance(TimeSpan.FromMinutes(1));
            Assert.Contains(
                "expired", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("outdated", Directory389.Password)).Reason,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task An_account_that_searches_and_must_change_its_password_first_is_told()
    {
        var server = await directories.Directory389Async();
        var policy = await server.AddPolicyAsync("service", "passwordMustChange: on", "passwordChange: on");
        await server.AddUserAsync("service", $"pwdpolicysubentry: {policy}");
        await server.SetAsync("service", ("userPassword", Directory389.ReaderPassword));
        var options = await directories.Directory389OptionsAsync();
        options.BindDn = Directory389.DnOf("service");
        using var signIn = new LdapSignIn(options);

        Assert.Contains(
            "its password must probably be changed first",
            Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("anybody", "wrong")).Reason, StringComparison.Ordinal);
        Assert.Equal("its servers reject bindDn, or its password cannot be read", signIn.Problem);
    }
}
