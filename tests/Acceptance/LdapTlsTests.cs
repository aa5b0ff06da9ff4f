using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.Acceptance;

/// <summary>TLS to a real directory.</summary>
public sealed class LdapTlsTests(SlapdParts parts) : IClassFixture<SlapdParts>
{
    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_whose_CA_is_trusted_is_spoken_to(bool startTls)
    {
        using var signIn = new LdapSignIn(await OptionsAsync(startTls, (await parts.ServerAsync()).Certificates.CaFile));

        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "alice's password"));
        Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync("alice", "wrong"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_server_of_another_CA_gets_no_password(bool startTls)
    {
        var slapd = await parts.ServerAsync();
        var before = slapd.Binds(LdapPeople.Reader);
        using var signIn = new LdapSignIn(await OptionsAsync(startTls, slapd.Certificates.OtherCaFile));

        var outage = Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", "alice's password"));
        Assert.Contains("TLS failed: ", outage.Reason, StringComparison.Ordinal);
        Assert.Contains("(certificate of CN=directory by CN=test directory CA)", outage.Reason, StringComparison.Ordinal);
        Assert.Equal("the TLS certificate of a server cannot be trusted", signIn.Problem);
        Assert.Equal(before, slapd.Binds(LdapPeople.Reader));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Without_a_CA_of_its_own_the_systems_are_trusted_and_a_private_one_is_not(bool startTls)
    {
        using var signIn = new LdapSignIn(await OptionsAsync(startTls, null));

        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", "alice's password"));
    }

    [Fact]
    public async Task A_server_that_has_no_StartTLS_is_never_spoken_to_in_plain_text()
    {
        await using var plain = new FakeDirectory { OnSearch = _ => [new FakeEntry("uid=alice,dc=org", ("uid", ["alice"]))] };
        using var signIn = new LdapSignIn(
            new LdapDirectoryOptions { Name = "corp", Servers = [plain.Url], StartTls = true, AnonymousSearch = true, BaseDn = "dc=org" });

        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", "alice's password"));
        Assert.Empty(plain.Binds);
        Assert.Empty(plain.Searches);
    }

    [Fact]
    public async Task A_certificate_that_expires_while_it_is_in_use_is_named_with_the_command_that_shows_it()
    {
        var options = await parts.OptionsAsync();
        await using var slapd = await SlapdServer.StartAsync(LdapPeople.Ldif(), certificateLifetime: TimeSpan.FromSeconds(15));
        options.Servers = [slapd.TlsUrl];
        options.CaFile = slapd.Certificates.CaFile;
        using var signIn = new LdapSignIn(options);
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "alice's password"));

        await Eventually.TrueAsync(
            () => TimeProvider.System.GetUtcNow() > slapd.Certificates.Ends + TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60),
            () => "time stands still");
        signIn.Clock.Advance(TimeSpan.FromHours(1)); // connections that lie idle are not used again
        var outage = Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("bob", "bob's password"));
        Assert.Contains("TLS failed: NotTimeValid", outage.Reason, StringComparison.Ordinal);
        Assert.Contains(
            "(certificate of CN=directory by CN=test directory CA); 'ldap doctor' shows the certificate", outage.Reason,
            StringComparison.Ordinal);
        Assert.Equal("the TLS certificate of a server cannot be trusted", signIn.Problem);
    }

    private async Task<LdapDirectoryOptions> OptionsAsync(bool startTls, string? caFile)
    {
        var slapd = await parts.ServerAsync();
        var options = await parts.OptionsAsync();
        options.Servers = [startTls ? slapd.Url : slapd.TlsUrl];
        options.StartTls = startTls;
        options.CaFile = caFile;
        return options;
    }
}
