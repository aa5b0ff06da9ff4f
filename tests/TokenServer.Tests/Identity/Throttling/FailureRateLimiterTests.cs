using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Throttling;

namespace AuthIndex.TokenServer.Tests.Identity.Throttling;

public sealed class FailureRateLimiterTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly Random random = new(1);

    [Fact]
    public void Tries_come_back_evenly()
    {
        var counts = new FailureRateLimiter(3, TimeSpan.FromMinutes(3), clock);
        var key = Key();
        for (var i = 0; i < 3; i++)
        {
            Assert.Equal(TimeSpan.Zero, counts.Wait(key));
            counts.Take(key);
        }

        Assert.Equal(TimeSpan.FromMinutes(1), counts.Wait(key));
        clock.Advance(TimeSpan.FromSeconds(59));
        Assert.Equal(TimeSpan.FromSeconds(1), counts.Wait(key));
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(TimeSpan.Zero, counts.Wait(key));
        counts.Take(key);
        Assert.Equal(TimeSpan.FromMinutes(1), counts.Wait(key));
    }

    [Fact]
    public void A_try_can_be_given_back_and_all_can()
    {
        var counts = new FailureRateLimiter(2, TimeSpan.FromMinutes(2), clock);
        var key = Key();
        counts.Take(key);
        counts.Take(key);
        counts.GiveBack(key);
        Assert.Equal(TimeSpan.Zero, counts.Wait(key));
        counts.Take(key);
        Assert.NotEqual(TimeSpan.Zero, counts.Wait(key));
        counts.Clear(key);
        counts.Take(key);
        Assert.Equal(TimeSpan.Zero, counts.Wait(key));
    }

    [Fact]
    public void Other_keys_in_any_number_neither_clear_a_count_nor_use_up_the_tries_of_others()
    {
        var counts = new FailureRateLimiter(10, TimeSpan.FromMinutes(15), clock);
        var limited = Key();
        for (var i = 0; i < 10; i++) counts.Take(limited);
        for (var i = 0; i < 200_000; i++) counts.Take(Key());
        Assert.NotEqual(TimeSpan.Zero, counts.Wait(limited));
        for (var i = 0; i < 10_000; i++) Assert.Equal(TimeSpan.Zero, counts.Wait(Key()));
    }

    [Fact]
    public void A_clock_that_is_turned_back_locks_out_nobody()
    {
        var counts = new FailureRateLimiter(1, TimeSpan.FromMinutes(1), clock);
        var key = Key();
        clock.Advance(TimeSpan.FromDays(1));
        counts.Take(key);
        clock.AdjustTime(clock.GetUtcNow().AddHours(-12));
        Assert.Equal(TimeSpan.Zero, counts.Wait(key));
        Assert.Equal(TimeSpan.Zero, counts.Wait(Key()));
    }

    [Fact]
    public void None_at_all_limits_nothing()
    {
        var counts = new FailureRateLimiter(0, TimeSpan.FromMinutes(1), clock);
        for (var i = 0; i < 100; i++) counts.Take(default);
        Assert.Equal(TimeSpan.Zero, counts.Wait(default));
    }

    private UInt256 Key() =>
        new(
            new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()),
            new UInt128((ulong)random.NextInt64(), (ulong)random.NextInt64()));
}
