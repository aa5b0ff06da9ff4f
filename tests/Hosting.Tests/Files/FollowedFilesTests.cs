using AuthIndex.Hosting.Files;
using AuthIndex.TestKit;

namespace AuthIndex.Hosting.Tests.Files;

public sealed class FollowedFilesTests : IDisposable
{
    private readonly TempFolder folder = new();
    private bool isFinal = true;
    private int reads;

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_file_at_rest_is_not_read_again_and_a_change_is_seen_at_the_next_use()
    {
        var followed = Follow(folder.Write("a", "one"));
        Assert.Equal("one", followed.Current);
        await SettledAsync(followed);

        folder.Write("a", "two");
        Assert.Equal("two", followed.Current);
        Assert.Equal("two", followed.Current);
    }

    [Fact]
    public async Task What_is_not_final_is_asked_for_again()
    {
        isFinal = false;
        var followed = Follow(folder.Write("a", "one"));
        await Eventually.TrueAsync(() => FileSnapshot.Of(folder["a"]).IsCurrent, TimeSpan.FromSeconds(20), () => "the file did not settle");
        for (var i = 2; i < 5; i++)
        {
            Assert.Equal("one", followed.Current);
            Assert.Equal(i, reads);
        }

        isFinal = true;
        await SettledAsync(followed);
    }

    [Fact]
    public void A_first_reading_that_fails_is_the_callers_to_know() => Assert.Throws<FileNotFoundException>(() => Follow(folder["none"]));

    [Fact]
    public async Task Threads_that_find_one_change_at_once_read_it_once()
    {
        var followed = Follow(folder.Write("a", "one"));
        await SettledAsync(followed);
        var file = folder.Write("new", "two");
        await Eventually.TrueAsync(
            () => FileVersion.Of(file) is { IsSettled: true }, TimeSpan.FromSeconds(20), () => "the file did not settle");
        reads = 0;

        // A link's change time is its own: the file that it leads to has settled long ago.
        File.Delete(folder["a"]);
        File.CreateSymbolicLink(folder["a"], file);
        var seen = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => Task.Run(() => followed.Current)));
        Assert.All(seen, text => Assert.Equal("two", text));
        Assert.Equal(1, reads);
    }

    private FollowedFiles<string> Follow(string file) => new([file], (string? _, out bool final) =>
    {
        Interlocked.Increment(ref reads);
        final = isFinal;
        return File.ReadAllText(file);
    });

    private async Task SettledAsync(FollowedFiles<string> followed) => await Eventually.TrueAsync(
        () =>
        {
            var before = reads;
            _ = followed.Current;
            return reads == before;
        },
        TimeSpan.FromSeconds(20),
        () => $"still read again after {reads} readings");
}
