using System.Collections.Concurrent;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Passwords;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

/// <summary>A directory's account never stands for an account of the same name of a source that comes before.</summary>
public sealed class NameTakeoverTests : IAsyncDisposable
{
    private const string DirectoryPassword = "password of the directory";

    private readonly TemporaryDirectory folder = new();
    private readonly PasswordThreads threads = new(1);
    private readonly ConcurrentQueue<string> passwords = new();
    private readonly FakeDirectory directory = new();
    private string uid = "admin";

    public NameTakeoverTests()
    {
        // As real directories compare: whatever of these is typed, it is the one account.
        directory.OnSearch = search => Spellings(uid).Any(s => search.Filter.Contains($"={s})", StringComparison.OrdinalIgnoreCase))
            || search.Filter.Contains("=someone@example.com)", StringComparison.Ordinal)
            ? [new FakeEntry("cn=a,dc=org", ("uid", [uid]))]
            : [];
        directory.OnBind = (dn, password) =>
        {
            passwords.Enqueue(password);
            return dn == "cn=a,dc=org" && password == DirectoryPassword ? (0, "") : (49, "");
        };
    }

    public async ValueTask DisposeAsync()
    {
        await directory.DisposeAsync();
        threads.Dispose();
        folder.Dispose();
    }

    public static TheoryData<string> Typed => [.. Spellings("admin").Append("ADMIN")];

    [Theory]
    [MemberData(nameof(Typed))]
    public async Task A_local_account_cannot_be_taken_over_by_one_of_a_directory_however_its_name_is_typed(string typed)
    {
        using var signIn = await AfterHtpasswdAsync();

        var outcome = await signIn.AsAsync(typed, DirectoryPassword);
        if (typed == "admin") Assert.IsType<SignInOutcome.WrongPassword>(outcome);
        else Assert.Contains(
            "in htpasswd",
            Assert.IsType<SignInOutcome.Refused>(outcome).Reason.Replace("of htpasswd", "in htpasswd", StringComparison.Ordinal),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("ADMIN")]
    [InlineData("admin ")]
    [InlineData(" admin")]
    public async Task The_password_of_a_local_account_does_not_reach_the_directory_when_its_name_is_misspelt(string typed)
    {
        using var signIn = await AfterHtpasswdAsync();

        Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync(typed, TokenServerHost.AdminPassword));
        Assert.DoesNotContain(TokenServerHost.AdminPassword, passwords);
        Assert.NotEmpty(passwords); // the time of a bind is spent, with a password of nobody's
    }

    [Theory]
    [InlineData("admin")]
    [InlineData("Admin")]
    public async Task Nor_can_a_token_of_the_directorys_account_stand_for_the_local_one(string name)
    {
        uid = name;
        using var signIn = await AfterHtpasswdAsync();

        var outcome = await signIn.FindAsync(name);
        if (name == "admin") Assert.Equal("htpasswd", Assert.IsType<SignInOutcome.SignedIn>(outcome).SignedInBy);
        else Assert.IsType<SignInOutcome.Refused>(outcome);
    }

    [Fact]
    public async Task What_is_remembered_of_a_directorys_account_ends_when_a_local_one_gets_its_name()
    {
        uid = "Carol";
        using var signIn = await AfterHtpasswdAsync();
        Assert.Equal("Carol", Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("carol@example.com", DirectoryPassword)).Account);

        await File.WriteAllTextAsync(
            folder["htpasswd"], TokenServerHost.Accounts.Replace("alice:", "carol:", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("carol@example.com", DirectoryPassword));
        Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync("Carol"));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("carol", TokenServerHost.AlicePassword));
    }

    [Fact]
    public async Task Of_two_directories_with_one_name_the_first_has_it()
    {
        uid = "Bob";
        await using var first =
            new FakeDirectory { OnSearch = search => search.Filter.Contains("(uid=bob)", StringComparison.OrdinalIgnoreCase)
                ? [new FakeEntry("uid=bob,dc=first", ("uid", ["bob"]))]
                : [] };
        using var signIn = new LdapSignIn(Options("first", first), Options("second", directory));

        var refused = Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("bob@example.com", DirectoryPassword));
        Assert.Contains("'Bob' of ldap:second has the same name as the account 'bob' of ldap:first", refused.Reason, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("robot:ci")]
    [InlineData("cert:alice")]
    [InlineData("spiffe://example.org/alice")]
    [InlineData("github:example/app")]
    [InlineData(" admin")]
    public async Task An_entry_cannot_bear_a_name_of_another_kind_of_account(string name)
    {
        uid = name;
        using var signIn = await AfterHtpasswdAsync();

        Assert.Contains(
            "uid of cn=a,dc=org: an account name cannot",
            Assert.IsType<SignInOutcome.Refused>(await signIn.AsAsync("someone@example.com", DirectoryPassword)).Reason,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_server_warns_at_its_start_of_names_that_exist_twice()
    {
        await using var host = await TokenServerHost.StartAsync(options => options.Ldap.Add(Options("corp", directory)));

        Assert.Contains(
            host.Log.Lines,
            l => l.StartsWith("Warning", StringComparison.Ordinal)
            && l.Contains("'admin' is an account of htpasswd and 'admin' one of ldap:corp", StringComparison.Ordinal));
        Assert.DoesNotContain(host.Log.Lines, l => l.Contains("'alice' is an account of htpasswd", StringComparison.Ordinal));
    }

    private static string[] Spellings(string name) =>
        [name, $" {name}", $"{name} ", $"{name}@example.com", $"{name[0]}\u200B{name[1..]}", $"{(char)(name[0] + 0xFEE0)}{name[1..]}"];

    private static LdapDirectoryOptions Options(string name, FakeDirectory directory) =>
        new() { Name = name, Servers = [directory.Url], AnonymousSearch = true, BaseDn = "dc=org",
            UserFilter = "(|(uid={account})(mail={account}))", Connections = 1 };

    private async Task<LdapSignIn> AfterHtpasswdAsync()
    {
        await File.WriteAllTextAsync(folder["htpasswd"], TokenServerHost.Accounts, TestContext.Current.CancellationToken);
        var file = new HtpasswdFile(folder["htpasswd"], TimeProvider.System, NullLogger<HtpasswdFile>.Instance);
        return new LdapSignIn([new HtpasswdSource(file, threads)], Options("corp", directory));
    }
}
