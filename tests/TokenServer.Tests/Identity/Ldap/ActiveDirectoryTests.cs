using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

/// <summary>A directory that answers as Active Directory is documented to.</summary>
public sealed class ActiveDirectoryTests : IAsyncDisposable
{
    private const string AliceDn = @"CN=Alice \(IT\),OU=People,DC=corp,DC=example";
    private const string WrongPassword = "80090308: LdapErr: DSID-0C09042A, comment: AcceptSecurityContext error, data 52e, v4563";

    private readonly FakeDirectory directory = new();
    private readonly TemporaryDirectory folder = new();

    public ActiveDirectoryTests()
    {
        directory.OnBind = (dn, password) => (dn, password) switch
        {
            ("CN=reader,DC=corp,DC=example", "reader's password") => (0, ""),
            (AliceDn, "right") => (0, ""),
            _ => (49, WrongPassword),
        };
        directory.OnSearch = search => search.Filter switch
        {
            var f when f.Contains("(sAMAccountName=alice)", StringComparison.OrdinalIgnoreCase) => [Alice("512")],
            var f when f.Contains("(member:1.2.840.113556.1.4.1941:=", StringComparison.Ordinal) =>
                [new FakeEntry("CN=Developers,OU=Groups,DC=corp,DC=example", ("cn", ["Developers"])),
                    new FakeEntry("CN=Staff,OU=Groups,DC=corp,DC=example", ("cn", ["Staff"]))],
            _ => [],
        };
    }

    public async ValueTask DisposeAsync()
    {
        await directory.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public async Task An_account_signs_in_with_its_true_name_and_its_nested_groups()
    {
        using var signIn = new LdapSignIn(Options());

        var who = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));

        Assert.Equal("Alice", who.Account);
        Assert.Equal("ldap", who.SignedInBy);
        Assert.Equal(
            ["ldap:Developers", "ldap:CN=Developers,OU=Groups,DC=corp,DC=example", "ldap:Staff",
                "ldap:CN=Staff,OU=Groups,DC=corp,DC=example"], who.Groups);
        Assert.Contains(directory.Searches, s => s.Filter == $"(member:1.2.840.113556.1.4.1941:={AliceDn})");
    }

    [Theory]
    [InlineData("alice")]
    [InlineData("ALICE")]
    public async Task An_account_held_back_by_its_budget_is_named_and_released(string released)
    {
        using var signIn = new LdapSignIn(Options());
        for (var i = 0; i < 3; i++) Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync("alice", $"wrong {i}"));
        Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", "right"));
        Assert.Equal(["Alice"], signIn.Held.TakeChanged()!.Select(h => h.Account));

        await signIn.ReleaseAsync(released);
        signIn.Clock.Advance(PasswordCache.WrongFor);
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
    }

    [Theory]
    [InlineData("532", "the password has expired")]
    [InlineData("533", "the account is disabled")]
    [InlineData("701", "the account has expired")]
    [InlineData("773", "the password must be changed first")]
    [InlineData("775", "the account is locked out")]
    public async Task The_code_in_the_diagnostic_message_is_the_reason(string data, string reason)
    {
        var bind = directory.OnBind;
        directory.OnBind = (dn, password) => dn == AliceDn
            ? (49, WrongPassword.Replace("52e", data, StringComparison.Ordinal))
            : bind(dn, password);
        using var signIn = new LdapSignIn(Options());

        var refused = Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", "right"));

        Assert.StartsWith(reason, refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disabled_account_is_refused_without_a_bind()
    {
        var search = directory.OnSearch;
        directory.OnSearch = s => s.Filter.Contains("sAMAccountName", StringComparison.Ordinal) ? [Alice("514")] : search(s);
        using var signIn = new LdapSignIn(Options());

        var refused = Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", "right"));

        Assert.Contains("disabled", refused.Reason, StringComparison.Ordinal);
        Assert.DoesNotContain(AliceDn, directory.Binds);
        Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync("alice"));
    }

    [Fact]
    public async Task A_list_of_groups_that_comes_in_parts_is_not_taken_for_all_of_them()
    {
        directory.OnSearch = s => s.Filter.Contains("sAMAccountName", StringComparison.Ordinal)
            ? [new FakeEntry(AliceDn, ("sAMAccountName", ["Alice"]), ("memberOf;range=0-1499", ["CN=Staff,DC=corp,DC=example"]))]
            : [];
        var options = Options();
        options.Groups.Via = "memberOf";
        using var signIn = new LdapSignIn(options);

        Assert.Contains(
            "more than", Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", "right")).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_identifiers_of_an_accounts_groups_are_read_as_bytes_and_looked_up()
    {
        var search = directory.OnSearch;
        directory.OnSearch = s => s switch
        {
            { BaseDn: AliceDn } when s.Attributes.Contains("tokenGroups") =>
                [new FakeEntry(AliceDn, ("tokenGroups", ["\u0001\u0005\0*", "\u0001\u0006"]))],
            { Filter: "(|(objectSid=\u0001\u0005\0*)(objectSid=\u0001\u0006))" } =>
                [new FakeEntry("CN=Devs,OU=Groups,DC=corp,DC=example", ("cn", ["Devs"]))],
            _ => search(s),
        };
        var options = Options();
        options.Groups.Via = "tokenGroups";
        using var signIn = new LdapSignIn(options);

        var who = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));

        Assert.Equal(["ldap:Devs", "ldap:CN=Devs,OU=Groups,DC=corp,DC=example"], who.Groups);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(32)]
    [InlineData(50)]
    public async Task A_directory_that_will_not_search_is_an_outage_and_no_wrong_password(int result)
    {
        directory.SearchResult = result;
        using var signIn = new LdapSignIn(Options());

        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("bob", "right"));
    }

    [Fact]
    public async Task A_service_account_that_is_not_let_in_is_not_tried_again_and_again()
    {
        await using var second = new FakeDirectory { OnBind = (_, _) => (49, WrongPassword) };
        var bind = directory.OnBind;
        directory.OnBind = (_, _) => (49, WrongPassword);
        var options = Options();
        options.Servers.Add(second.Url);
        using var signIn = new LdapSignIn(options);

        for (var i = 0; i < 10; i++)
        {
            var outage = Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", $"password {i}"));
            Assert.Contains("rejected bindDn CN=reader,DC=corp,DC=example: the password in", outage.Reason, StringComparison.Ordinal);
            Assert.DoesNotContain("reader's password", outage.Reason, StringComparison.Ordinal);
            signIn.Clock.Advance(TimeSpan.FromSeconds(20));
        }

        Assert.Single(directory.Binds);
        Assert.Empty(second.Binds);
        Assert.Single(signIn.Log.Lines);
        Assert.Equal(DirectoryHealth.Unavailable, signIn.Health);
        Assert.Equal("its servers reject bindDn, or its password cannot be read", signIn.Problem);

        // The same password is tried again after minutes, another one as soon as it is in the file.
        signIn.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", "right"));
        Assert.Equal(2, directory.Binds.Count);
        directory.OnBind = (dn, password) => password == "another password" ? (0, "") : bind(dn, password);
        await File.WriteAllTextAsync(folder["password"], "another password\n", TestContext.Current.CancellationToken);
        signIn.Clock.Advance(TimeSpan.FromSeconds(20));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
        Assert.Equal(DirectoryHealth.Ok, signIn.Health);
    }

    [Fact]
    public async Task A_search_that_is_refused_is_told_once_and_shown_until_one_is_answered()
    {
        directory.SearchResult = 32;
        using var signIn = new LdapSignIn(Options());

        for (var i = 0; i < 3; i++) Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", $"password {i}"));

        Assert.Equal(DirectoryHealth.Degraded, signIn.Health);
        Assert.Equal("a search at baseDn is refused: no such object (result 32)", signIn.Problem);
        Assert.Single(
            signIn.Log.Lines,
            l => l.Contains("refused to search DC=corp,DC=example: no such object (result 32)", StringComparison.Ordinal));

        directory.SearchResult = 0;
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
        Assert.Equal(DirectoryHealth.Ok, signIn.Health);
        Assert.Null(signIn.Problem);
    }

    [Theory]
    [InlineData("530")]
    [InlineData("531")]
    [InlineData("532")]
    [InlineData("533")]
    [InlineData("701")]
    [InlineData("773")]
    public async Task A_refusal_of_a_right_password_is_no_guess(string data)
    {
        var bind = directory.OnBind;
        directory.OnBind = (dn, password) => dn == AliceDn && password != "right"
            ? (49, WrongPassword.Replace("52e", data, StringComparison.Ordinal))
            : bind(dn, password);
        using var signIn = new LdapSignIn(Options());

        for (var i = 0; i < 5; i++) Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", $"password {i}"));

        Assert.Equal(5, directory.Binds.Count(b => b == AliceDn));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
    }

    [Theory]
    [InlineData(53, "")]
    [InlineData(50, "Operations are restricted to bind/unbind/abandon/StartTLS/modify password")]
    public async Task An_account_that_is_let_in_only_to_change_its_password_is_not_let_in_here(int code, string diagnostic)
    {
        directory.OnSearch = s => s.Filter.Contains("sAMAccountName", StringComparison.Ordinal)
            ? [new FakeEntry(AliceDn, ("sAMAccountName", ["Alice"]))]
            : [];
        directory.OnSearchDone = s => s.BaseDn == AliceDn ? (code, diagnostic) : null;
        using var signIn = new LdapSignIn(Options());

        var refused = Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", "right"));

        Assert.StartsWith("the password must be changed first", refused.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_account_that_may_not_read_its_own_entry_signs_in()
    {
        directory.OnSearch = s => s.Filter.Contains("sAMAccountName", StringComparison.Ordinal)
            ? [new FakeEntry(AliceDn, ("sAMAccountName", ["Alice"]))]
            : [];
        directory.OnSearchDone = s => s.BaseDn == AliceDn ? (50, "no read access") : null;
        using var signIn = new LdapSignIn(Options());

        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
    }

    [Fact]
    public async Task Guesses_stop_short_of_the_directorys_threshold_while_the_right_password_works()
    {
        using var signIn = new LdapSignIn(Options());
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
        var before = directory.Binds.Count(b => b == AliceDn);

        for (var i = 0; i < 20; i++)
        {
            Assert.IsNotType<SignInOutcome.SignedIn>(await signIn.AsAsync(i % 2 == 0 ? "alice" : "ALICE", $"guess {i}"));
        }

        Assert.Equal(before + 3, directory.Binds.Count(b => b == AliceDn));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));

        // Also when it is no longer remembered, and has to be checked anew.
        signIn.Clock.Advance(TimeSpan.FromMinutes(10));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
        Assert.Contains(
            signIn.Log.Lines,
            l => l.StartsWith("Warning", StringComparison.Ordinal) && l.Contains("3 wrong passwords", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Guesses_through_a_registry_take_nobodys_last_tries_at_the_directory()
    {
        using var signIn = new LdapSignIn(Options());
        for (var i = 0; i < 5; i++) Assert.IsNotType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", $"guess {i}", "registry"));
        Assert.Single(directory.Binds, b => b == AliceDn);
        Assert.Empty(signIn.Held.TakeChanged() ?? []); // nobody is held back where it signs in directly

        Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync("alice", "typo"));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right", "registry"));
    }

    [Fact]
    public async Task A_wrong_password_that_a_push_repeats_costs_one_bind()
    {
        using var signIn = new LdapSignIn(Options());

        var outcomes = await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => signIn.AsAsync("alice", "wrong")));

        Assert.All(outcomes, o => Assert.IsType<SignInOutcome.WrongPassword>(o));
        Assert.Single(directory.Binds, b => b == AliceDn);
    }

    [Fact]
    public async Task Nobody_signs_in_without_a_password_or_a_name_and_nothing_is_asked()
    {
        using var signIn = new LdapSignIn(Options());

        Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", ""));
        Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("", "right"));
        Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", new string('x', 1 << 20)));
        Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("alice", "right\0"));
        Assert.Empty(directory.Binds);
        Assert.Empty(directory.Searches);
    }

    [Fact]
    public async Task An_account_that_changed_its_groups_has_the_new_ones_at_the_next_refresh()
    {
        using var signIn = new LdapSignIn(Options());
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right"));
        var search = directory.OnSearch;
        directory.OnSearch = s => s.Filter.StartsWith("(member:", StringComparison.Ordinal) ? [] : search(s);

        Assert.NotEmpty(Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right")).Groups);
        signIn.Clock.Advance(TimeSpan.FromMinutes(5));
        Assert.Empty(Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "right")).Groups);
    }

    private static FakeEntry Alice(string control) =>
        new(AliceDn, ("sAMAccountName", ["Alice"]), ("userAccountControl", [control]), ("pwdLastSet", ["133000000000000000"]));

    private LdapDirectoryOptions Options()
    {
        File.WriteAllText(folder["password"], "reader's password\n");
        File.SetUnixFileMode(folder["password"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        return new LdapDirectoryOptions
        {
            Name = "corp",
            Servers = [directory.Url],
            BindDn = "CN=reader,DC=corp,DC=example",
            BindPasswordFile = folder["password"],
            BaseDn = "DC=corp,DC=example",
            UserFilter = "(&(objectClass=user)(sAMAccountName={account}))",
            AccountAttribute = "sAMAccountName",
            Groups = { Via = "inChain", BaseDn = "OU=Groups,DC=corp,DC=example" },
            Connections = 2,
        };
    }
}
