using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Ldap;

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
        Assert.Contains(signIn.Log.All, l => l.StartsWith("Error: OUTAGE", StringComparison.Ordinal));
        Assert.IsType<SignInOutcome.Unavailable>(await signIn.AsAsync("alice", "another password"));

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

    private static LdapDirectoryOptions Options(string name, FakeDirectory directory) =>
        new() { Name = name, Servers = [directory.Url], AnonymousSearch = true, BaseDn = $"dc={name}", Connections = 1 };

    private static FakeDirectory Holding(string name, params string[] accounts) => new()
    {
        OnSearch = search => accounts.Where(a => search.Filter.Contains($"(uid={a})", StringComparison.Ordinal) || search.BaseDn == $"uid={a},dc={name}").Select(a => new FakeEntry($"uid={a},dc={name}", ("uid", [a]))),
        OnBind = (dn, password) => dn.EndsWith($",dc={name}", StringComparison.Ordinal) && accounts.Any(a => dn == $"uid={a},dc={name}") && password == $"{name} password" ? (0, "") : (49, ""),
    };
}
