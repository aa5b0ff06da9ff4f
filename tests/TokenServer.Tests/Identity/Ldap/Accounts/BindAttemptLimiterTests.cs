using AuthIndex.TokenServer.Identity.Ldap.Accounts;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Accounts;

public sealed class BindAttemptLimiterTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly BindAttemptLimiter budget;

    public BindAttemptLimiterTests() => budget = new BindAttemptLimiter(3, TimeSpan.FromMinutes(15), clock);

    [Fact]
    public void So_many_tries_are_passed_on_and_no_more_until_all_are_forgotten_since_the_last()
    {
        Assert.True(Take("alice"));
        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.True(Take("alice"));
        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.True(Take("alice"));
        clock.Advance(TimeSpan.FromMinutes(10));
        Assert.False(budget.TryTake("alice", isPassedOn: false, out var wait, out _));
        Assert.Equal(TimeSpan.FromMinutes(5), wait);
        Assert.True(Take("bob"));

        clock.Advance(wait);
        for (var i = 0; i < 3; i++) Assert.True(Take("alice"));
        Assert.False(Take("alice"));
    }

    [Fact]
    public void Of_names_without_end_the_oldest_are_forgotten()
    {
        for (var i = 0; i < 3; i++) Take("first");
        Assert.False(Take("first"));

        for (var i = 0; i < 100_000; i++) Take($"name {i}");
        Assert.True(Take("first"));
    }

    [Fact]
    public async Task Many_at_once_take_no_more_than_there_are()
    {
        var taken = await Task.WhenAll(Enumerable.Range(0, 100).Select(_ => Task.Run(() => Take("alice"))));
        Assert.Equal(3, taken.Count(t => t));
    }

    [Fact]
    public void What_is_passed_on_takes_the_first_half_alone()
    {
        Assert.True(budget.TryTake("alice", isPassedOn: true, out _, out var isLast));
        Assert.False(isLast);
        clock.Advance(TimeSpan.FromMinutes(5));
        Assert.False(budget.TryTake("alice", isPassedOn: true, out var wait, out _));
        Assert.Equal(TimeSpan.FromMinutes(10), wait);
        Assert.True(Take("alice"));
        Assert.True(Take("alice"));

        var single = new BindAttemptLimiter(1, TimeSpan.FromMinutes(15), clock);
        Assert.False(single.TryTake("alice", isPassedOn: true, out wait, out _));
        Assert.Equal(TimeSpan.FromMinutes(15), wait);
        Assert.True(single.TryTake("alice", isPassedOn: false, out _, out _));
    }

    [Fact]
    public void A_success_and_a_try_given_back_make_room()
    {
        for (var i = 0; i < 3; i++) Take("alice");
        budget.GiveBack("alice");
        Assert.True(Take("alice"));
        Assert.False(Take("alice"));
        budget.Clear("alice");
        Assert.True(Take("alice"));
    }

    private bool Take(string account) => budget.TryTake(account, isPassedOn: false, out _, out _);
}
