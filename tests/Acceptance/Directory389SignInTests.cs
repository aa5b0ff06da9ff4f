using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;

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

        Assert.Contains("nsAccountLock", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("inactive", Directory389.Password)).Reason, StringComparison.Ordinal);
        Assert.Contains("nsAccountLock", Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync("inactive")).Reason, StringComparison.Ordinal);
    }
}
