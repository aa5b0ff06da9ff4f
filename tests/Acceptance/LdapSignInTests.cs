using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Passwords;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.Acceptance;

/// <summary>Signing in with a real directory.</summary>
public sealed class LdapSignInTests(SlapdParts parts) : IClassFixture<SlapdParts>
{
    [Theory]
    [InlineData("alice")]
    [InlineData("ALICE")]
    [InlineData("alice@example.org")]
    public async Task The_account_is_named_as_the_directory_names_it(string typed)
    {
        using var signIn = new LdapSignIn(await parts.OptionsAsync());

        Assert.Equal("Alice", Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(typed, "alice's password")).Account);
    }

    [Theory]
    [InlineData("alice", true)]
    [InlineData("ALICE", false)]
    [InlineData("alice ", false)]
    [InlineData(" Alice", false)]
    [InlineData("alice@example.org", false)]
    [InlineData("ALICE@example.org", false)]
    public async Task A_local_account_cannot_be_taken_over(string typed, bool isLocal)
    {
        using var folder = new TemporaryDirectory();
        using var threads = new PasswordThreads(1);
        await File.WriteAllTextAsync(folder["htpasswd"], TokenServerHost.Accounts, TestContext.Current.CancellationToken);
        var local = new HtpasswdSource(
            new HtpasswdFile(folder["htpasswd"], TimeProvider.System, NullLogger<HtpasswdFile>.Instance), threads);
        using var signIn = new LdapSignIn([local], await parts.OptionsAsync());

        var byDirectory = await signIn.AsAsync(typed, "alice's password");
        if (isLocal) Assert.IsType<SignInOutcome.WrongPassword>(byDirectory);
        else Assert.Contains("htpasswd", Assert.IsType<SignInOutcome.Refused>(byDirectory).Reason, StringComparison.Ordinal);
        Assert.Equal(
            "htpasswd", Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", TokenServerHost.AlicePassword)).SignedInBy);
        Assert.Equal("htpasswd", Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync("alice")).SignedInBy);
        Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync("Alice"));
        Assert.Equal("bob", Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("BOB", "bob's password")).Account);
    }

    [Fact]
    public async Task Its_name_can_be_taken_in_lower_case()
    {
        var options = await parts.OptionsAsync();
        options.AccountCase = "lower";
        using var signIn = new LdapSignIn(options);

        Assert.Equal("alice", Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("ALICE", "alice's password")).Account);
    }

    [Fact]
    public async Task A_name_of_characters_that_mean_something_signs_in_and_means_nothing()
    {
        var options = await parts.OptionsAsync();
        options.Groups.Via = "member";
        using var signIn = new LdapSignIn(options);

        var who = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(LdapPeople.Tricky, "tricky password"));
        Assert.Equal(LdapPeople.Tricky, who.Account);
        Assert.Contains("ldap:devs", who.Groups);
        Assert.Equal(who.Account, Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync(LdapPeople.Tricky)).Account);
    }

    [Theory]
    [InlineData("*")]
    [InlineData("alic*")]
    [InlineData("alice)(uid=*")]
    [InlineData("*)(objectClass=*))(|(uid=*")]
    public async Task A_filter_cannot_be_injected(string typed)
    {
        using var signIn = new LdapSignIn(await parts.OptionsAsync());

        Assert.IsType<SignInOutcome.UnknownAccount>(await signIn.AsAsync(typed, "alice's password"));
    }

    [Fact]
    public async Task Two_accounts_that_match_are_refused_and_logged()
    {
        using var signIn = new LdapSignIn(await parts.OptionsAsync());

        Assert.Contains(
            "several entries", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("twin@example.org", "bob's password")).Reason,
            StringComparison.Ordinal);
        Assert.Contains(signIn.Log.Lines, l => l.Contains("several entries", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_wrong_password_costs_one_bind_and_a_name_unknown_is_unknown()
    {
        var slapd = await parts.ServerAsync();
        using var signIn = new LdapSignIn(await parts.OptionsAsync());
        var dn = $"uid=carol,{LdapPeople.People}";

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 30).Select(_ => signIn.AsAsync("carol", "wrong")));

        Assert.All(outcomes, o => Assert.IsType<SignInOutcome.WrongPassword>(o));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("carol", "carol's password"));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("carol", "carol's password"));
        await Eventually.TrueAsync(() => slapd.Binds(dn) == 2, TimeSpan.FromSeconds(10), () => $"{slapd.Binds(dn)} binds");
        Assert.IsType<SignInOutcome.UnknownAccount>(await signIn.AsAsync("nobody", "carol's password"));
    }

    [Fact]
    public async Task A_locked_account_is_refused_with_the_reason()
    {
        using var signIn = new LdapSignIn(await parts.OptionsAsync());

        Assert.Contains(
            "pwdAccountLockedTime", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("locked", "locked's password")).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_that_meets_a_filter_of_refuseWhen_is_refused()
    {
        var options = await parts.OptionsAsync();
        options.RefuseWhen = ["(uid=nobody)", "(homeDirectory=/home/posix)"];
        using var signIn = new LdapSignIn(options);

        Assert.Contains(
            "refuseWhen", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("posix", "posix's password")).Reason,
            StringComparison.Ordinal);
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("bob", "bob's password"));
    }

    [Theory]
    [InlineData("member", "alice", "alice's password", "devs engineering staff")]
    [InlineData("memberOf", "alice", "alice's password", "devs engineering staff unique?")]
    [InlineData("uniqueMember", "alice", "alice's password", "unique")]
    [InlineData("memberUid", "posix", "posix's password", "posix-other posix-primary")]
    [InlineData("member", "bob", "bob's password", "")]
    [InlineData("none", "alice", "alice's password", "")]
    public async Task Groups_are_found_whatever_ties_them_to_accounts(string via, string user, string password, string expected)
    {
        var options = await parts.OptionsAsync();
        options.Groups.Via = via;
        using var signIn = new LdapSignIn(options);

        var who = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(user, password));

        var wanted = expected.Split(' ', StringSplitOptions.RemoveEmptyEntries).Where(g => !g.EndsWith('?'))
            .SelectMany(g => new[] { $"ldap:{g}", $"ldap:cn={g},{LdapPeople.Groups}" });
        Assert.Equal(wanted.Order(StringComparer.Ordinal), who.Groups.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task More_groups_than_one_page_are_read_and_more_than_the_bound_are_refused()
    {
        var options = await parts.OptionsAsync();
        options.Groups.Via = "member";
        options.Groups.NestedDepth = 0;
        options.Groups.MaxGroups = 5000;
        using (var signIn = new LdapSignIn(options))
        {
            var who = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("user0", "password 0"));
            Assert.Equal(1201, who.Groups.Count / 2);
        }

        options.Groups.MaxGroups = 1000;
        using (var signIn = new LdapSignIn(options))
        {
            Assert.Contains(
                "more than 1000 groups", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("user0", "password 0")).Reason,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Groups_decide_who_may_sign_in()
    {
        var options = await parts.OptionsAsync();
        options.Groups.Via = "member";
        options.AllowGroups = ["STAFF"];
        using (var signIn = new LdapSignIn(options))
        {
            Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "alice's password"));
            Assert.Contains(
                "allowGroups", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("bob", "bob's password")).Reason,
                StringComparison.Ordinal);
        }

        options.DenyGroups = [$"CN=devs, {LdapPeople.Groups}"];
        using (var signIn = new LdapSignIn(options))
        {
            Assert.Contains(
                "denyGroups", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", "alice's password")).Reason,
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Accounts_can_bind_directly_and_be_searched_by_nobody()
    {
        var options = await parts.OptionsAsync();
        (options.BindDn, options.BindPasswordFile, options.BaseDn) = (null, null, null);
        options.UserDnTemplate = $"uid={{account}},{LdapPeople.People}";
        options.Groups.Via = "member";
        using (var signIn = new LdapSignIn(options))
        {
            Assert.Contains("ldap:staff", Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "alice's password")).Groups);
            Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync(LdapPeople.Tricky, "tricky password"));
            Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync("alice", "bob's password"));
        }

        options = await parts.OptionsAsync();
        (options.BindDn, options.BindPasswordFile, options.AnonymousSearch) = (null, null, true);
        using (var signIn = new LdapSignIn(options))
        {
            Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "alice's password"));
        }
    }

    [Fact]
    public async Task A_crowd_signs_in_at_once()
    {
        using var signIn = new LdapSignIn(await parts.OptionsAsync());

        var outcomes = await Task.WhenAll(Enumerable.Range(1, 200).Select(i => signIn.AsAsync($"user{i}", $"password {i}")));

        Assert.All(outcomes, o => Assert.IsType<SignInOutcome.SignedIn>(o));
    }
}
