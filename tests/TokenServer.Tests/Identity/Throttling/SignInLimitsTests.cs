using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;

namespace AuthIndex.TokenServer.Tests.Identity.Throttling;

public sealed class SignInLimitsTests
{
    private static readonly IPAddress Here = IPAddress.Parse("192.0.2.1");
    private static readonly IPAddress Elsewhere = IPAddress.Parse("198.51.100.1");

    private readonly FakeTimeProvider clock = new();
    private readonly SignInLimitsOptions options =
        new() { PerAccountAndAddress = 3, PerAccount = 6, PerAddress = 8, Within = TimeSpan.FromMinutes(24) };
    private readonly Source source = new();
    private TimeSpan remember = TimeSpan.FromMinutes(5);
    private readonly HeldAccounts held;
    private readonly Lazy<PasswordSignIn> passwords;
    private SignInLimits limits = null!;

    public SignInLimitsTests()
    {
        held = new HeldAccounts(clock);
        passwords = new(
            () => new PasswordSignIn(
                new IdentityChain([source]), new PasswordCache(remember, clock), new SuspendedAccounts(),
                limits = new SignInLimits(options, clock, held)));
    }

    [Fact]
    public async Task An_account_may_be_guessed_from_an_address_so_often_and_no_more()
    {
        await GuessAsync("alice", Here, 3);
        var limited = Assert.IsType<SignInOutcome.Limited>(await SignInAsync("alice", "guess", Here));
        Assert.Equal(TimeSpan.FromMinutes(8), limited.RetryAfter);
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("ALICE ", "right", Here));
        Assert.Equal(3, source.Asked);

        clock.Advance(TimeSpan.FromMinutes(8));
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));
    }

    [Fact]
    public async Task Names_that_do_not_exist_are_limited_as_those_that_do()
    {
        await GuessAsync("nobody", Here, 3);
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("nobody", "guess", Here));
    }

    [Fact]
    public async Task Guesses_made_at_once_are_no_way_around()
    {
        source.Gate = new TaskCompletionSource();
        var guesses = Enumerable.Range(0, 50).Select(i => SignInAsync("alice", $"guess {i}", Here)).ToList();
        source.Gate.SetResult();
        Assert.Equal(47, (await Task.WhenAll(guesses)).Count(o => o is SignInOutcome.Limited));
        Assert.Equal(3, source.Asked);
    }

    [Fact]
    public async Task Who_signed_in_lately_goes_on_while_the_account_is_guessed_from_elsewhere()
    {
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));
        for (var i = 1; i <= 20; i++) await SignInAsync("alice", $"guess {i}", IPAddress.Parse($"198.51.100.{i}"));
        Assert.Equal(1 + 6, source.Asked);
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));

        // Also when what was remembered has lapsed.
        clock.Advance(TimeSpan.FromMinutes(6));
        for (var i = 21; i <= 40; i++) await SignInAsync("alice", $"guess {i}", IPAddress.Parse($"198.51.100.{i}"));
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));
    }

    [Fact]
    public async Task A_guess_from_where_the_account_never_was_is_not_even_compared_with_what_is_remembered()
    {
        await SignInAsync("alice", "right", Here);
        await GuessAsync("alice", Elsewhere, 3);
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("alice", "right", Elsewhere));
    }

    [Fact]
    public async Task Beside_the_owner_guesses_are_compared_with_what_is_remembered_a_bounded_number_of_times()
    {
        await SignInAsync("alice", "right", Here);
        await GuessAsync("alice", Here, 3);
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));
        for (var i = 0; i < 300; i++) Assert.IsType<SignInOutcome.Limited>(await SignInAsync("alice", $"further {i}", Here));
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("alice", "right", Here));
    }

    [Fact]
    public async Task An_address_may_fail_so_often_whatever_the_accounts()
    {
        for (var i = 0; i < 8; i++) Assert.IsType<SignInOutcome.UnknownAccount>(await SignInAsync($"name{i}", "guess", Here));
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("bob", "right", Here));
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("bob", "right", Elsewhere));
    }

    [Fact]
    public async Task Accounts_known_at_a_limited_address_sign_in_there_and_new_ones_do_not()
    {
        await SignInAsync("alice", "right", Here);
        for (var i = 0; i < 8; i++) await SignInAsync($"name{i}", "guess", Here);
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("bob", "right", Here));
    }

    [Theory]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true)]
    [InlineData("2001:db8:1:2::1", "2001:db8:1:3::1", false)]
    [InlineData("::ffff:192.0.2.1", "192.0.2.1", true)]
    [InlineData("192.0.2.1", "192.0.2.2", false)]
    public async Task An_IPv6_network_of_64_bits_is_one_address(string first, string second, bool isOne)
    {
        await GuessAsync("alice", IPAddress.Parse(first), 3);
        var outcome = await SignInAsync("alice", "right", IPAddress.Parse(second));
        Assert.Equal(isOne, outcome is SignInOutcome.Limited);
    }

    [Theory]
    [InlineData("127.0.0.1")]
    [InlineData("::1")]
    public async Task On_loopback_the_accounts_are_limited_and_not_the_address(string loopback)
    {
        for (var i = 0; i < 20; i++)
        {
            Assert.IsType<SignInOutcome.UnknownAccount>(await SignInAsync($"name{i}", "guess", IPAddress.Parse(loopback)));
        }

        await GuessAsync("alice", IPAddress.Parse(loopback), 3);
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("alice", "guess", IPAddress.Parse(loopback)));
    }

    [Fact]
    public async Task The_same_wrong_password_again_and_again_is_one_failure()
    {
        for (var i = 0; i < 12; i++)
        {
            Assert.IsType<SignInOutcome.WrongPassword>(await SignInAsync("alice", "old password", Here));
            clock.Advance(PasswordCache.WrongFor);
        }

        Assert.Equal(12, source.Asked);
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));
    }

    [Fact]
    public async Task The_right_password_gives_back_the_tries_of_the_account_there_and_not_those_of_the_address()
    {
        remember = TimeSpan.Zero;
        for (var round = 0; round < 4; round++)
        {
            await GuessAsync("alice", Here, 2, $"round {round}");
            await SignInAsync("alice", "right", Here);
        }

        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("bob", "guess", Here));
    }

    [Fact]
    public async Task Where_an_account_signed_in_directly_guesses_through_a_registry_from_elsewhere_do_not_lock_it_out_there()
    {
        await SignInAsync("alice", "right", Here);
        for (var i = 0; i < 6; i++) await SignInAsync("alice", $"guess {i}", IPAddress.Parse($"198.51.100.{i}"), "registry");
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("alice", "right", Elsewhere, "registry"));
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here, "registry"));
    }

    [Fact]
    public async Task An_outage_uses_up_no_try()
    {
        source.IsDown = true;
        for (var i = 0; i < 20; i++) Assert.IsType<SignInOutcome.Unavailable>(await SignInAsync("alice", $"guess {i}", Here));
        source.IsDown = false;
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));
    }

    [Fact]
    public async Task A_remembered_password_goes_on_beside_guesses_although_a_source_changed_in_between()
    {
        await SignInAsync("alice", "right", Here);
        await GuessAsync("alice", Here, 3);
        source.Version++;
        Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", Here));

        // One that is right no more is looked at once, and from elsewhere never.
        await GuessAsync("alice", Here, 3, "more");
        (source.Version, source.Right) = (source.Version + 1, "new");
        var asked = source.Asked;
        Assert.IsType<SignInOutcome.WrongPassword>(await SignInAsync("alice", "right", Here));
        source.Version++;
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("alice", "right", Here));
        Assert.Equal(asked + 1, source.Asked);
    }

    [Fact]
    public async Task A_sign_in_that_is_given_up_gives_its_try_back()
    {
        source.Gate = new TaskCompletionSource();
        for (var i = 0; i < 3; i++)
        {
            using var cancel = new CancellationTokenSource();
            var guess = passwords.Value.SignInAsync("alice", $"guess {i}", Here, "", cancel.Token).AsTask();
            await cancel.CancelAsync();
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => guess);
        }

        source.Gate = null;
        await Eventually.TrueAsync(
            async () => await SignInAsync("alice", "right", Here) is SignInOutcome.SignedIn, TimeSpan.FromSeconds(30),
            () => "the tries did not come back");

        // No more of them than were taken.
        await GuessAsync("bob", Here, 3);
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("bob", "guess", Here));
    }

    [Fact]
    public async Task An_account_that_is_held_back_is_named_and_can_be_released_wherever_it_was_guessed_from()
    {
        await GuessAsync("alice", Here, 3);
        await GuessAsync("alice", Elsewhere, 3, "other");
        await GuessAsync("bob", Here, 2);
        held.TakeChanged();
        foreach (var address in (IPAddress[])[Here, Elsewhere])
        {
            Assert.IsType<SignInOutcome.Limited>(await SignInAsync("alice", "right", address));
        }

        var told = Assert.Single(held.TakeChanged()!);
        Assert.Equal(("alice", clock.GetUtcNow() + TimeSpan.FromMinutes(8)), (told.Account, told.Until));
        Assert.Null(held.TakeChanged());

        limits.Release("Alice");
        foreach (var address in (IPAddress[])[Here, Elsewhere])
        {
            Assert.IsType<SignInOutcome.SignedIn>(await SignInAsync("alice", "right", address));
        }

        await GuessAsync("bob", Here, 1, "last");
        Assert.IsType<SignInOutcome.Limited>(await SignInAsync("bob", "right", Here));
    }

    [Fact]
    public void Of_accounts_held_back_so_many_are_kept_and_those_that_are_over_make_room()
    {
        for (var i = 0; i <= HeldAccounts.MaxAccounts; i++) held.Add($"name{i}", TimeSpan.FromMinutes(1), "guesses");
        Assert.Equal(HeldAccounts.MaxAccounts, held.TakeChanged()!.Count);
        clock.Advance(TimeSpan.FromMinutes(1));
        held.Add("another", TimeSpan.FromMinutes(1), "guesses");
        Assert.Equal(["another"], held.TakeChanged()!.Select(h => h.Account));
    }

    [Fact]
    public async Task Zero_sets_no_limit()
    {
        (options.PerAccount, options.PerAccountAndAddress, options.PerAddress) = (0, 0, 0);
        await GuessAsync("alice", Here, 200);
    }

    private async Task<SignInOutcome> SignInAsync(string user, string password, IPAddress address, string registry = "") =>
        await passwords.Value.SignInAsync(user, password, address, registry, CancellationToken.None);

    private async Task GuessAsync(string user, IPAddress address, int count, string salt = "")
    {
        for (var i = 0; i < count; i++)
        {
            Assert.True(
                await SignInAsync(user, $"wrong {salt} {i}", address) is SignInOutcome.WrongPassword or SignInOutcome.UnknownAccount);
        }
    }

    /// <summary>Accounts alice and bob, whose password is "right".</summary>
    private sealed class Source : IPasswordSource
    {
        private int asked;

        public string Name => "test";

        public long Version { get; set; }

        public string Right { get; set; } = "right";

        public int Asked => asked;

        public bool IsDown { get; set; }

        public TaskCompletionSource? Gate { get; set; }

        public async ValueTask<SignInOutcome> SignInAsync(Requester by, string user, string password, CancellationToken cancellationToken)
        {
            Interlocked.Increment(ref asked);
            if (Gate is not null) await Gate.Task.WaitAsync(cancellationToken);
            if (IsDown) return new SignInOutcome.Unavailable(TimeSpan.FromSeconds(1), "down");
            if (user is not ("alice" or "bob")) return new SignInOutcome.UnknownAccount();
            return password == Right ? new SignInOutcome.SignedIn(user, [], Name) : new SignInOutcome.WrongPassword();
        }

        public ValueTask<SignInOutcome> RefuseUnknownAsync(
            Requester by, string user, string password, bool wasAsked, CancellationToken cancellationToken) =>
                new(new SignInOutcome.UnknownAccount());

        public ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken) =>
            new(new SignInOutcome.UnknownAccount());

        public ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken) => new(NamesFound.None);
    }
}
