using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;

namespace AuthIndex.Acceptance;

/// <summary>Signing in with a real domain controller.</summary>
public sealed class ActiveDirectorySignInTests(RealDirectories directories)
{
    [Theory]
    [InlineData("names")]
    [InlineData("NAMES")]
    [InlineData("names@corp.example.com")]
    public async Task An_account_signs_in_by_each_of_its_names(string typed)
    {
        var domain = await directories.SambaAsync();
        var account = await OwnAsync(domain, "names");
        using var signIn = new LdapSignIn(await directories.SambaOptionsAsync());

        Assert.Equal(account, Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(typed.Replace("names", account, StringComparison.OrdinalIgnoreCase), SambaDomain.Password)).Account);
        Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync(account, "wrong"));
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

        Assert.Contains(reason, Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync(account, SambaDomain.Password)).Reason, StringComparison.Ordinal);
        Assert.Contains(reason, Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync(account)).Reason, StringComparison.Ordinal);
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
