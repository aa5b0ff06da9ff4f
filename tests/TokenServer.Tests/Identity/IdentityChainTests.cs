using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;

namespace AuthIndex.TokenServer.Tests.Identity;

public sealed class IdentityChainTests
{
    private static readonly SignInOutcome Known = new SignInOutcome.SignedIn("alice", [], "second");

    public static TheoryData<string, string> Impossible => new()
    {
        { "", "password" },
        { "alice", "" },
        { "", "" },
        { "al\0ice", "password" },
        { "alice", "pass\0word" },
        { "robot:ci", "password" },
        { "aix_secret", "password" },
        { "alice", "air_secret" },
        { new string('a', 256), "password" },
        { "alice", new string('x', 4097) },
        { "alice", new string('x', 1024 * 1024) },
        { "alice", new string('ü', 2049) },
    };

    [Theory]
    [MemberData(nameof(Impossible))]
    public async Task What_cannot_be_a_sign_in_is_refused_before_any_source_is_asked(string user, string password)
    {
        var source = new Source(Known);
        Assert.IsType<SignInOutcome.Refused>(await SignInBy(Chain(source)).SignInAsync(user, password, null, "", CancellationToken.None));
        Assert.Equal(0, source.Asked);
    }

    [Fact]
    public async Task An_account_unknown_to_one_source_is_asked_of_the_next()
    {
        var (first, second) = (new Source(new SignInOutcome.UnknownAccount()), new Source(Known));
        Assert.Equal(Known, await SignInBy(Chain(first, second)).SignInAsync("alice", "pw", null, "", CancellationToken.None));
        Assert.Equal(0, first.Spent);
    }

    [Theory]
    [MemberData(nameof(Final))]
    public async Task Any_other_outcome_ends_the_search(object expected)
    {
        var outcome = (SignInOutcome)expected;
        var (first, second) = (new Source(outcome), new Source(Known));
        Assert.Equal(outcome, await SignInBy(Chain(first, second)).SignInAsync("alice", "pw", null, "", CancellationToken.None));
        Assert.Equal(0, second.Asked);
    }

    public static IEnumerable<object[]> Final =>
    [
        [new SignInOutcome.WrongPassword()],
        [new SignInOutcome.Refused("locked")],
        [new SignInOutcome.Unavailable(TimeSpan.FromSeconds(1), "down")],
    ];

    [Fact]
    public async Task An_account_that_nobody_knows_costs_the_time_of_a_wrong_password()
    {
        var source = new Source(new SignInOutcome.UnknownAccount());
        Assert.IsType<SignInOutcome.UnknownAccount>(
            await SignInBy(Chain(source)).SignInAsync("nobody", "pw", null, "", CancellationToken.None));
        Assert.Equal(1, source.Spent);
    }

    [Fact]
    public async Task A_failure_at_a_later_source_costs_that_time_at_the_earlier_ones_too()
    {
        var (first, second) = (new Source(new SignInOutcome.UnknownAccount()), new Source(new SignInOutcome.WrongPassword()));
        Assert.IsType<SignInOutcome.WrongPassword>(
            await SignInBy(Chain(first, second)).SignInAsync("alice", "pw", null, "", CancellationToken.None));
        Assert.Equal((1, 0), (first.Spent, second.Spent));
    }

    [Fact]
    public async Task A_source_that_changed_is_asked_again()
    {
        var source = new Source(Known);
        var signIn = SignInBy(Chain(source));
        await signIn.SignInAsync("alice", "pw", null, "", CancellationToken.None);
        await signIn.SignInAsync("alice", "pw", null, "", CancellationToken.None);
        Assert.Equal(1, source.Asked);
        source.Version++;
        await signIn.SignInAsync("alice", "pw", null, "", CancellationToken.None);
        Assert.Equal(2, source.Asked);
    }

    [Fact]
    public async Task An_account_that_bears_a_name_of_an_earlier_source_is_refused_after_the_same_work_as_any_failure()
    {
        var (first, second, third) =
            (new Source(new SignInOutcome.UnknownAccount()) { Names = new(["Alice"]) }, new Source(Known), new Source(
                Known) { Names = new(["alice"]) });
        var chain = Chain(first, second, third);

        var refused = Assert.IsType<SignInOutcome.Refused>(
            await SignInBy(chain).SignInAsync("alice@example.com", "pw", null, "", CancellationToken.None));
        Assert.Contains("'Alice' of test, which comes first", refused.Reason, StringComparison.Ordinal);
        Assert.Null(refused.Told);
        Assert.Equal((1, 0, 1), (first.Spent, second.Spent, third.Spent));
        Assert.IsType<SignInOutcome.Refused>(await chain.FindAsync("alice", CancellationToken.None));
    }

    [Fact]
    public async Task An_earlier_source_that_cannot_tell_whether_it_has_the_name_is_an_outage()
    {
        var outage = new SignInOutcome.Unavailable(TimeSpan.FromSeconds(1), "down");
        var chain = Chain(new Source(new SignInOutcome.UnknownAccount()) { Names = new([], outage) }, new Source(Known));
        foreach (var outcome in new[] { await SignInBy(chain).SignInAsync("alice", "pw", null, "", CancellationToken.None),
            await chain.FindAsync("alice", CancellationToken.None) })
        {
            var told = Assert.IsType<SignInOutcome.Unavailable>(outcome);
            Assert.Equal(outage.RetryAfter, told.RetryAfter);
            Assert.Equal("cannot check whether 'alice' of test is also the name of an account of test: down", told.Reason);
        }
    }

    [Fact]
    public async Task A_later_source_with_the_name_changes_nothing()
    {
        var chain = Chain(new Source(Known), new Source(Known) { Names = new(["alice"]) });
        Assert.Equal(Known, await SignInBy(chain).SignInAsync("alice", "pw", null, "", CancellationToken.None));
        Assert.Equal(Known, await chain.FindAsync("alice", CancellationToken.None));
    }

    private static IdentityChain Chain(params IIdentitySource[] sources) => new(sources);

    private static PasswordSignIn SignInBy(IdentityChain chain) =>
        new(
            chain, new PasswordCache(TimeSpan.FromMinutes(5), new FakeTimeProvider()), new SuspendedAccounts(),
            new SignInLimits(new SignInLimitsOptions(), new FakeTimeProvider()));

    private sealed class Source(SignInOutcome outcome) : IPasswordSource
    {
        public string Name => "test";

        public long Version { get; set; }

        public int Asked { get; private set; }

        public int Spent { get; private set; }

        public NamesFound Names { get; init; } = NamesFound.None;

        public ValueTask<SignInOutcome> SignInAsync(Requester by, string user, string password, CancellationToken cancellationToken)
        {
            Asked++;
            return new(outcome);
        }

        public ValueTask<SignInOutcome> RefuseUnknownAsync(
            Requester by, string user, string password, bool wasAsked, CancellationToken cancellationToken)
        {
            Spent++;
            return new(new SignInOutcome.UnknownAccount());
        }

        public ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken) => new(outcome);

        public ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken) => new(Names);
    }
}
