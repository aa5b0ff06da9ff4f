using System.Collections.Concurrent;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Passwords;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

/// <summary>Directories one after another.</summary>
public sealed class LdapChainTests : IAsyncDisposable
{
    private readonly FakeDirectory first = Holding("first", "alice");
    private readonly FakeDirectory second = Holding("second", "alice", "bob");

    public async ValueTask DisposeAsync()
    {
        await first.DisposeAsync();
        await second.DisposeAsync();
    }

    [Fact]
    public async Task An_account_that_one_does_not_know_is_asked_of_the_next()
    {
        using var signIn = new LdapSignIn(Options("first", first), Options("second", second));

        Assert.Equal("bob", Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("bob", "second password")).Account);
        Assert.IsType<SignInOutcome.UnknownAccount>(await signIn.AsAsync("carol", "second password"));
    }

    [Fact]
    public async Task A_wrong_password_where_the_account_exists_is_not_tried_at_the_next()
    {
        using var signIn = new LdapSignIn(Options("first", first), Options("second", second));

        Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync("alice", "second password"));
        Assert.DoesNotContain(second.Binds, b => b.StartsWith("uid=alice", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_directory_that_does_not_answer_is_not_passed_over()
    {
        await first.DisposeAsync();
        using var signIn = new LdapSignIn(Options("first", first), Options("second", second));

        // Whoever is bob there may be somebody else than bob here.
        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("bob", "second password"));
    }

    [Fact]
    public async Task In_an_outage_who_signed_in_lately_may_pull_when_that_is_configured()
    {
        var options = Options("first", first);
        options.OutageGrace = TimeSpan.FromHours(1);
        using var signIn = new LdapSignIn(options);
        Assert.Null(Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "first password")).PullOnly);

        await first.DisposeAsync();
        signIn.Clock.Advance(TimeSpan.FromMinutes(6));
        var who = Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "first password"));
        Assert.Contains("can only pull", who.PullOnly, StringComparison.Ordinal);
        Assert.Contains(signIn.Log.Lines, l => l.StartsWith("Error OUTAGE", StringComparison.Ordinal));
        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", "another password"));
        Assert.NotNull(Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync("alice")).PullOnly);
        Assert.IsType<SignInOutcome.Unavailable>(await signIn.FindAsync("bob"));

        signIn.Clock.Advance(TimeSpan.FromHours(1));
        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", "first password"));
    }

    [Fact]
    public async Task Without_that_an_outage_is_one_for_everybody()
    {
        using var signIn = new LdapSignIn(Options("first", first));
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "first password"));

        await first.DisposeAsync();
        Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "first password"));
        signIn.Clock.Advance(TimeSpan.FromMinutes(6));
        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", "first password"));
    }

    [Fact]
    public async Task Where_accounts_bind_directly_the_typed_name_cannot_leave_its_place()
    {
        var options = new LdapDirectoryOptions { Name = "direct", Servers = [first.Url], UserDnTemplate = "uid={account},dc=first" };
        using var signIn = new LdapSignIn(options);

        Assert.Equal("alice", Assert.IsType<SignInOutcome.SignedIn>(await signIn.AsAsync("alice", "first password")).Account);
        Assert.IsType<SignInOutcome.WrongPassword>(await signIn.AsAsync("alice,dc=first", "first password"));
        Assert.Contains(@"uid=alice\,dc\=first,dc=first", first.Binds);
        Assert.Equal("alice", Assert.IsType<SignInOutcome.SignedIn>(await signIn.FindAsync("alice")).Account);
        Assert.IsType<SignInOutcome.Refused>(await signIn.FindAsync("bob"));
    }

    [Theory]
    [InlineData("local")]
    [InlineData("alice")]
    [InlineData("bob")]
    public async Task Whoever_knows_the_account_a_failure_asks_all_the_same_so_that_time_does_not_tell(string account)
    {
        using var folder = new TemporaryDirectory();
        using var threads = new PasswordThreads(1);
        await File.WriteAllTextAsync(
            folder["htpasswd"], TokenServerHost.Accounts.Replace("alice:", "local:", StringComparison.Ordinal),
            TestContext.Current.CancellationToken);
        var htpasswd = new HtpasswdSource(
            new HtpasswdFile(folder["htpasswd"], TimeProvider.System, NullLogger<HtpasswdFile>.Instance), threads);
        using var signIn = new LdapSignIn([htpasswd], Options("first", first), Options("second", second));
        var passwords = new ConcurrentQueue<string>();
        foreach (var directory in (FakeDirectory[])[first, second])
        {
            var answer = directory.OnBind;
            directory.OnBind = (dn, password) =>
            {
                passwords.Enqueue(password);
                return answer(dn, password);
            };
        }

        // Connections are made.
        await signIn.AsAsync("nobody at all", "guess");
        var unknown = await CostAsync(signIn, threads, "nobody", "secret");
        Assert.All(unknown, cost => Assert.NotEqual(0, cost));
        passwords.Clear();

        // More often than is passed on to a directory.
        for (var i = 0; i < 5; i++) Assert.Equal(unknown, await CostAsync(signIn, threads, account, $"secret {i}"));
        if (account == "local") Assert.DoesNotContain(passwords, p => p.StartsWith("secret", StringComparison.Ordinal));
    }

    private async Task<int[]> CostAsync(LdapSignIn signIn, PasswordThreads threads, string user, string password)
    {
        int[] Now() => [(int)threads.Verified, first.Searches.Count, first.Binds.Count, second.Searches.Count, second.Binds.Count];
        var before = Now();
        Assert.True(
            await signIn.AsAsync(user, password) is SignInOutcome.WrongPassword or SignInOutcome.UnknownAccount or SignInOutcome.Refused);
        return [.. Now().Zip(before, (after, earlier) => after - earlier)];
    }

    private static LdapDirectoryOptions Options(string name, FakeDirectory directory) =>
        new() { Name = name, Servers = [directory.Url], AnonymousSearch = true, BaseDn = $"dc={name}", Connections = 1 };

    private static FakeDirectory Holding(string name, params string[] accounts) => new()
    {
        OnSearch = search => accounts.Where(
            a => search.Filter.Contains($"(uid={a})", StringComparison.Ordinal)
            || search.BaseDn == $"uid={a},dc={name}").Select(a => new FakeEntry($"uid={a},dc={name}", ("uid", [a]))),
        OnBind = (dn, password) => dn.EndsWith($",dc={name}", StringComparison.Ordinal)
            && accounts.Any(a => dn == $"uid={a},dc={name}")
            && password == $"{name} password" ? (0, "") : (49, ""),
    };
}
