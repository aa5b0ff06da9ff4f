using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Revocation;

namespace AuthIndex.TokenServer.Tests.State;

public abstract partial class StateTests
{
    [Fact]
    public async Task Revocations_are_read_on_page_by_page_in_the_order_of_their_numbers()
    {
        Assert.Equal(0, (await Other.Revocations.LookAsync()).Revocation);
        Assert.Equal((0, 0), Told(await Other.Revocations.AfterAsync(0, 2)));
        foreach (var account in (string[])["alice", "bob", "carol"]) await One.Grants.EndAllAsync(account);

        var first = await Other.Revocations.AfterAsync(0, 2);
        Assert.Equal(["alice", "bob"], first.Items.Select(i => i.Value));
        Assert.All(first.Items, i => Assert.Equal("account", i.Kind));
        Assert.True(first.More);
        var second = await Other.Revocations.AfterAsync(first.Sequence, 2);
        Assert.Equal(["carol"], second.Items.Select(i => i.Value));
        Assert.False(second.More);
        Assert.Equal((await One.Revocations.LookAsync()).Revocation, second.Sequence);
        Assert.Equal((second.Sequence, 0), Told(await Other.Revocations.AfterAsync(second.Sequence, 2)));

        static (long, int) Told(RevocationPage page) => (page.Sequence, page.Items.Count);
    }

    [Fact]
    public async Task Endings_in_several_processes_at_once_are_all_in_the_list_for_whoever_reads_on_meanwhile()
    {
        const int each = 20;
        using var stop = new CancellationTokenSource();
        var reading = FollowAsync(stop.Token);
        await Task.WhenAll(
            Task.WhenAll(Enumerable.Range(0, each).Select(i => One.Grants.EndAllAsync($"one{i}"))),
            Task.WhenAll(Enumerable.Range(0, each).Select(i => Other.Grants.EndAllAsync($"other{i}"))));
        await stop.CancelAsync();
        var followed = await reading;
        Assert.Equal(2 * each, followed.Count);
        Assert.Equal(2 * each, followed.Distinct(StringComparer.Ordinal).Count());

        async Task<List<string>> FollowAsync(CancellationToken last)
        {
            var (after, values) = (0L, new List<string>());
            for (var isLast = false; !isLast;)
            {
                isLast = last.IsCancellationRequested;
                var page = await Other.Revocations.AfterAsync(after, 1000);
                values.AddRange(page.Items.Select(i => i.Value));
                after = page.Sequence;
                await Task.Yield();
            }

            return values;
        }
    }

    [Fact]
    public async Task Revocations_are_forgotten_when_their_tokens_have_expired_but_not_their_number()
    {
        await One.Grants.EndAllAsync("alice");
        var newest = (await One.Revocations.LookAsync()).Revocation;
        Assert.Equal(0, await Other.Revocations.SweepAsync());
        Clock.Advance(IRevocationStore.LongestLife + TimeSpan.FromHours(1));
        Assert.Equal(1, await Other.Revocations.SweepAsync());
        Assert.Equal(newest, (await One.Revocations.LookAsync()).Revocation);
        Assert.Equal(0, await One.Revocations.NewestOfAccountsAsync());
        var page = await One.Revocations.AfterAsync(0, 10);
        Assert.Equal((newest, 0, false), (page.Sequence, page.Items.Count, page.More));
        await One.Grants.EndAllAsync("alice");
        Assert.Equal(newest + 1, (await Other.Revocations.LookAsync()).Revocation);
    }

    [Fact]
    public async Task An_account_is_suspended_once_until_it_is_resumed()
    {
        var state = (await Other.Revocations.LookAsync()).Suspensions;
        Assert.Null(await One.Suspensions.SuspendAsync("bob", "root", "left the company", Now));
        Assert.NotEqual(state, state = (await Other.Revocations.LookAsync()).Suspensions);
        var first = new Suspension("bob", Now, "root", "left the company");
        Clock.Advance(TimeSpan.FromSeconds(5));
        Assert.Equal(first, await Other.Suspensions.SuspendAsync("bob", "admin", "again", Now));
        Assert.Null(await Other.Suspensions.SuspendAsync("alice", "root", "", Now));
        Assert.NotEqual(state, state = (await One.Revocations.LookAsync()).Suspensions);
        Assert.Equal([new Suspension("alice", Now, "root", ""), first], await One.Suspensions.AllAsync());

        Assert.Equal(Resumption.Resumed, await Other.Suspensions.ResumeAsync("bob", Now));
        Assert.NotEqual(state, (await One.Revocations.LookAsync()).Suspensions);
        Assert.Equal(Resumption.NotSuspended, await One.Suspensions.ResumeAsync("bob", Now));
        Assert.Equal(["alice"], (await One.Suspensions.AllAsync()).Select(s => s.Account));
        Assert.True(await One.Revocations.IsVoidAsync("bob", null, "jti", first.Since.ToUnixTimeSeconds()));
    }

    [Theory]
    [InlineData("github:example/App", "github:Example/app", true)]
    [InlineData("github:example/app", "github:example/app2", false)]
    [InlineData("ALICE", "alice", false)] // an account of htpasswd
    [InlineData("robot:ci", "robot:CI", false)]
    [InlineData("cert:Build", "cert:build", false)]
    [InlineData("spiffe://example.org/CI", "spiffe://example.org/ci", false)]
    public async Task A_token_is_void_by_every_spelling_of_a_providers_account(string revoked, string account, bool isVoid)
    {
        Assert.Null(await One.Suspensions.SuspendAsync(revoked, "root", "", Now));
        var issuedAt = Now.ToUnixTimeSeconds();
        Assert.True(await Other.Revocations.IsVoidAsync(revoked, null, "jti", issuedAt));
        Assert.Equal(isVoid, await Other.Revocations.IsVoidAsync(account, null, "jti", issuedAt));
        Assert.False(await Other.Revocations.IsVoidAsync(account, null, "jti", issuedAt + 3600));
    }

    [Fact]
    public async Task What_a_clock_that_ran_ahead_revoked_is_revoked_up_to_now_when_the_account_is_resumed()
    {
        var ahead = Now + TimeSpan.FromDays(365);
        Assert.Null(await One.Suspensions.SuspendAsync("alice", "root", "", ahead));
        Assert.Equal(["alice"], await Other.Revocations.AccountsAheadAsync());
        Assert.Equal(Resumption.ResumedAgainstTheClock, await Other.Suspensions.ResumeAsync("alice", Now));
        Assert.Empty(await One.Revocations.AccountsAheadAsync());
        Assert.True(await One.Revocations.IsVoidAsync("alice", null, "jti", Now.ToUnixTimeSeconds()));
        Assert.False(await One.Revocations.IsVoidAsync("alice", null, "jti", Now.ToUnixTimeSeconds() + 1));
    }

    [Fact]
    public async Task Accounts_that_are_held_back_are_written_down_anew_and_released_in_any_spelling()
    {
        var number = await Other.SignInHolds.NewestAsync();
        var (alice, bob) = (new HeldAccount("Alice", Now + TimeSpan.FromMinutes(5), "10 failed"),
            new HeldAccount("bob", Now + TimeSpan.FromMinutes(1), "20 failed"));
        await One.SignInHolds.WriteAsync([bob, alice]);
        Assert.Equal([alice, bob], await Other.SignInHolds.ReadAsync());
        Clock.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal([alice], await Other.SignInHolds.ReadAsync());

        Assert.Equal(1, await Other.SignInHolds.ReleaseAsync(["alice"]));
        Assert.Empty(await One.SignInHolds.ReadAsync());
        Assert.Equal(["alice"], await One.SignInHolds.ReleasedAfterAsync(number));
        Assert.True(await One.SignInHolds.NewestAsync() > number);
        await Other.SignInHolds.ReleaseAsync(["x", "y"]);
        Assert.Equal(["x", "y"], await One.SignInHolds.ReleasedAfterAsync(number + 1));

        Clock.Advance(ISignInHoldStore.KeepReleases + TimeSpan.FromSeconds(1));
        await Other.SignInHolds.ReleaseAsync(["z"]);
        Assert.Equal(["z"], await One.SignInHolds.ReleasedAfterAsync(number));
        await One.SignInHolds.WriteAsync([bob with { Until = Now + TimeSpan.FromMinutes(1) }]);
        await One.SignInHolds.WriteAsync([]);
        Assert.Empty(await Other.SignInHolds.ReadAsync());
    }
}
