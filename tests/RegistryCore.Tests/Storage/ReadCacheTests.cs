using AuthIndex.RegistryCore.Storage.Sqlite;

namespace AuthIndex.RegistryCore.Tests.Storage;

public sealed class ReadCacheTests : IDisposable
{
    private readonly ReadCache cache = new(sizeLimit: 1_000_000);

    public void Dispose() => cache.Dispose();

    [Fact]
    public async Task A_write_that_failed_may_have_been_committed_and_what_was_read_before_is_forgotten()
    {
        Assert.Equal("old", cache.GetOrRead("a", "k", () => "old", _ => 1));
        await Assert.ThrowsAsync<IOException>(
            () => cache.InvalidateAfterAsync("a", Task.FromException<int>(new IOException("after the commit"))));
        Assert.Equal("new", cache.GetOrRead("a", "k", () => "new", _ => 1));
    }

    [Fact]
    public void What_was_read_is_kept_until_somebody_writes()
    {
        Assert.Equal("one", Read("a", "k", "one"));
        Assert.Equal("one", Read("a", "k", "two"));
        cache.Invalidate("a");
        Assert.Equal("three", Read("a", "k", "three"));
    }

    [Fact]
    public void A_reader_that_was_overtaken_by_a_writer_leaves_nothing_stale_behind()
    {
        var overtaken = cache.GetOrRead("a", "k", () =>
        {
            cache.Invalidate("a"); // a writer commits between this reader's query and its return
            return "old";
        }, _ => 1);
        Assert.Equal("old", overtaken);
        Assert.Equal("new", Read("a", "k", "new"));
        Assert.Equal("new", Read("a", "k", "newer"));
    }

    [Fact]
    public void A_slow_reader_does_not_replace_what_a_faster_one_read_after_the_write()
    {
        cache.GetOrRead("a", "k", () =>
        {
            cache.Invalidate("a");
            Assert.Equal("new", Read("a", "k", "new"));
            return "old";
        }, _ => 1);
        Assert.Equal("newer", Read("a", "k", "newer"));
    }

    [Fact]
    public void Nothing_found_is_not_kept()
    {
        Assert.Null(cache.GetOrRead<string>("a", "k", () => null, _ => 1));
        Assert.Equal("here now", Read("a", "k", "here now"));
    }

    [Fact]
    public void Repositories_keys_and_types_do_not_mix()
    {
        Assert.Equal("one", Read("a", "k", "one"));
        Assert.Equal("two", Read("b", "k", "two"));
        Assert.Equal("three", Read("a", "l", "three"));
        Assert.Equal(["four"], cache.GetOrRead<string[]>("a", "k", () => ["four"], _ => 1)!);
        Assert.Equal("one", Read("a", "k", "other"));
    }

    [Fact]
    public void A_value_beyond_the_limit_is_read_each_time()
    {
        using var small = new ReadCache(sizeLimit: 100);
        Assert.Equal("one", small.GetOrRead("a", "k", () => "one", _ => 1000));
        Assert.Equal("two", small.GetOrRead("a", "k", () => "two", _ => 1000));
    }

    private string? Read(string repository, string key, string value) => cache.GetOrRead(repository, key, () => value, v => v.Length);
}
