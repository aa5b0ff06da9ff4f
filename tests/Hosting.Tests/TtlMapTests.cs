namespace AuthIndex.Hosting.Tests;

public sealed class TtlMapTests
{
    private readonly FakeTimeProvider clock = new();

    [Fact]
    public void The_oldest_values_go_first_when_there_is_no_room()
    {
        var map = new TtlMap<int, string>(3, TimeSpan.FromMinutes(1), clock);
        for (var i = 0; i < 5; i++) map.Set(i, "x");
        Assert.Equal([false, false, true, true, true], Enumerable.Range(0, 5).Select(i => map.Find(i) is not null));
        Assert.Equal(3, map.Count);
    }

    [Fact]
    public void A_value_is_gone_after_its_time_and_tells_its_age_until_then()
    {
        var map = new TtlMap<int, string>(10, TimeSpan.FromMinutes(1), clock);
        map.Set(1, "usual");
        map.Set(2, "shorter", TimeSpan.FromSeconds(10));
        map.Set(3, "no longer", TimeSpan.FromMinutes(2));
        clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal("usual", map.Find(1, out var age));
        Assert.Equal(TimeSpan.FromSeconds(10), age);
        Assert.Null(map.Find(2));
        clock.Advance(TimeSpan.FromSeconds(50));
        Assert.Null(map.Find(1));
        Assert.Null(map.Find(3));
    }

    [Fact]
    public void A_value_that_is_set_again_is_young_again()
    {
        var map = new TtlMap<int, string>(10, TimeSpan.FromMinutes(1), clock);
        map.Set(1, "old");
        clock.Advance(TimeSpan.FromSeconds(59));
        map.Set(1, "new");
        clock.Advance(TimeSpan.FromSeconds(59));
        map.Set(2, "another, which sweeps the old entry of the first");
        Assert.Equal("new", map.Find(1));
    }

    [Fact]
    public void A_lifetime_of_zero_keeps_nothing()
    {
        var map = new TtlMap<int, string>(10, TimeSpan.Zero, clock);
        map.Set(1, "x");
        Assert.Equal(0, map.Count);
    }

    [Fact]
    public void What_is_removed_or_cleared_is_gone()
    {
        var map = new TtlMap<int, string>(10, TimeSpan.FromMinutes(1), clock);
        for (var i = 0; i < 3; i++) map.Set(i, "x");
        map.Remove(1);
        Assert.Equal([true, false, true], Enumerable.Range(0, 3).Select(i => map.Find(i) is not null));
        map.Clear();
        Assert.Equal(0, map.Count);
    }
}
