using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;

namespace AuthIndex.Acceptance;

/// <summary>Signing in with a real domain controller.</summary>
public sealed class ActiveDirectorySignInTests(RealDirectories directories)
{
    private static readonly Guid AccountRestrictions = new("4c164200-20c0-11d0-a768-00aa006e0529");
    private static readonly Guid PwdLastSet = new("bf967a0a-0de6-11d0-a285-00aa003049e2");

    [Theory]
    [InlineData("NAME")]
    [InlineData("name")]
    [InlineData("name@corp.example.com")]
    [InlineData("name@example.org")]
    [InlineData(@"CORP\name")]
    [InlineData(@"corp\Name")]
    public async Task An_account_signs_in_by_each_of_its_names(string typed)
    {
        var domain = await directories.SambaAsync();
        var account = await OwnAsync(domain, "name");
        var options = await directories.SambaOptionsAsync();
        options.Domain = "CORP";
        using var signIn = new LdapSignIn(options);

        Assert.Equal(
            account, Assert.IsType<SignInOutcome.SignedIn>(
                await signIn.AsAsync(typed.Replace("name", account, StringComparison.OrdinalIgnoreCase), SambaDomain.Password)).Account);
        Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync(account, "wrong"));
        Assert.IsType<SignInOutcome.UnknownAccount>(await signIn.AsAsync($@"OTHER\{account}", SambaDomain.Password));
    }

    [Theory]
    [InlineData("reader@corp.example.com")]
    [InlineData(@"CORP\Reader")]
    public async Task The_account_that_searches_can_be_given_as_Active_Directory_names_it(string bindDn)
    {
        var domain = await directories.SambaAsync();
        var account = await OwnAsync(domain, "by");
        var options = await directories.SambaOptionsAsync();
        options.BindDn = bindDn;
        using var signIn = new LdapSignIn(options);

        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(account, SambaDomain.Password));
    }

    [Theory]
    [InlineData("userAccountControl", "514", "disabled")]
    [InlineData("accountExpires", "130000000000000000", "expired at 2012")]
    public async Task An_account_that_its_entry_keeps_out_is_refused_with_the_reason(string attribute, string value, string reason)
    {
        var domain = await directories.SambaAsync();
        var account = await OwnAsync(domain, "state");
        await domain.SetAsync(account, (attribute, value));
        using var signIn = new LdapSignIn(await directories.SambaOptionsAsync());

        Assert.Contains(
            reason, Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync(account, SambaDomain.Password)).Reason,
            StringComparison.Ordinal);
        Assert.Contains(reason, Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync(account)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_locked_account_is_refused_with_the_reason_and_our_own_limit_keeps_guesses_from_locking_it()
    {
        var domain = await directories.SambaAsync();
        var account = await OwnAsync(domain, "locked");
        await domain.AddLockoutAsync(account, 3);
        var options = await directories.SambaOptionsAsync();
        options.Lockout.Failures = 2;
        using var signIn = new LdapSignIn(options);
        for (var i = 0; i < 6; i++) await signIn.AsAsync(account, $"wrong {i}");
        Assert.Equal("2", await domain.ValueAsync(account, "badPwdCount"));

        options.Lockout.Failures = 10;
        using var unshielded = new LdapSignIn(options);
        await unshielded.AsAsync(account, "wrong");
        Assert.Contains(
            "locked out", Assert.IsType<SignInOutcome.Refused>(await unshielded.AsAsync(account, SambaDomain.Password)).Reason,
            StringComparison.Ordinal);
        Assert.Contains(
            "locked out", Assert.IsType<SignInOutcome.Refused>(await unshielded.FindAsync(account)).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_whose_state_cannot_be_read_is_refused_and_one_whose_state_is_read_in_part_signs_in_with_the_password()
    {
        var domain = await directories.SambaAsync();
        var (hidden, partly) = (await OwnAsync(domain, "hidden"), await OwnAsync(domain, "partly"));
        await domain.HideAsync(hidden, AccountRestrictions);
        await domain.HideAsync(partly, PwdLastSet);
        var options = await directories.SambaOptionsAsync();
        using var signIn = new LdapSignIn(options);

        Assert.Contains(
            "userAccountControl cannot be read",
            Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync(hidden, SambaDomain.Password)).Reason, StringComparison.Ordinal);
        Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync(hidden));
        Assert.Equal(options.RefreshWithoutState, Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync(partly)).RefreshFor);
        var open = await OwnAsync(domain, "open");
        Assert.Null(Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync(open)).RefreshFor);
    }

    [Fact]
    public async Task An_account_that_is_made_again_is_told_from_the_one_that_was_deleted()
    {
        var domain = await directories.SambaAsync();
        var account = await OwnAsync(domain, "again");
        using var signIn = new LdapSignIn(await directories.SambaOptionsAsync());
        var first = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(account, SambaDomain.Password)).Origin!;
        Assert.StartsWith(@"objectGUID=\", first.EntryId, StringComparison.Ordinal);
        Assert.Equal(first, Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync(account)).Origin);

        await domain.RemoveUserAsync(account);
        await domain.AddUserAsync(account);
        signIn.Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Contains(
            "was deleted", first.Mismatch(Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync(account)).Origin!),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_changed_password_ends_the_old_one_after_rememberFor_and_tokens_where_that_is_configured()
    {
        var domain = await directories.SambaAsync();
        var account = await OwnAsync(domain, "change");
        var options = await directories.SambaOptionsAsync();
        options.EndGrantsOnPasswordChange = true;
        using var signIn = new LdapSignIn(options);
        var before = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(account, SambaDomain.Password)).Origin!;

        await domain.SetPasswordAsync(account, "Another-password-2");
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(account, SambaDomain.Password));
        signIn.Clock.Advance(options.RememberFor);
        Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync(account, SambaDomain.Password));
        Assert.Contains(
            "password was changed", before.Mismatch(Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync(account)).Origin!),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Groups_are_found_nested_and_through_the_primary_group()
    {
        var domain = await directories.SambaAsync();
        var account = await OwnAsync(domain, "member");
        await domain.AddGroupAsync("direct", SambaDomain.DnOf(account));
        await domain.AddGroupAsync("outer", $"CN=direct,{SambaDomain.Groups}");
        var options = await directories.SambaOptionsAsync();
        options.Groups.BaseDn = SambaDomain.Domain;
        using var signIn = new LdapSignIn(options);

        var groups = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(account, SambaDomain.Password)).Groups;
        Assert.Contains("ldap:direct", groups);
        Assert.Contains("ldap:outer", groups);
        Assert.Contains("ldap:Domain Users", groups);
    }

    // Tests share the domain: each has accounts of its own.
    private static async Task<string> OwnAsync(SambaDomain domain, string purpose)
    {
        var account = $"{purpose}-{Guid.NewGuid():N}"[..20];
        await domain.AddUserAsync(account, $"userPrincipalName: {account}@corp.example.com", $"mail: {account}@example.org");
        return account;
    }
}
