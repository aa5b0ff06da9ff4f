using AuthIndex.Hosting.Files;
using AuthIndex.TestKit;

namespace AuthIndex.Hosting.Tests.Files;

public sealed class FileSnapshotTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task A_state_is_current_until_one_of_the_files_changes()
    {
        var files = new[] { folder.Write("a", "one"), folder.Write("b", "two") };
        var seen = await SettledAsync(files);
        Assert.True(seen.IsCurrent);
        folder.Write("b", "2nd");
        Assert.False(seen.IsCurrent);
    }

    [Fact]
    public async Task A_file_that_is_replaced_by_a_rename_or_goes_away_is_another()
    {
        var file = folder.Write("a", "one");
        var seen = await SettledAsync(file);
        File.Move(folder.Write("new", "one"), file, overwrite: true);
        Assert.False(seen.IsCurrent);

        seen = await SettledAsync(file);
        File.Delete(file);
        Assert.False(seen.IsCurrent);
        Assert.False(FileSnapshot.Of(file).IsCurrent);
    }

    /// <summary>
    /// A second write within the tick of the first shows in no time stamp: what was read in between is never taken for the last.
    /// </summary>
    [Fact]
    public async Task A_state_taken_while_a_file_was_still_settling_never_becomes_current()
    {
        var file = folder.Write("a", "one");
        var seen = FileSnapshot.Of(file);
        Assert.False(seen.IsCurrent);
        await SettledAsync(file);
        Assert.False(seen.IsCurrent);
    }

    [Fact]
    public void No_files_never_change() => Assert.True(FileSnapshot.Of().IsCurrent);

    private static async Task<FileSnapshot> SettledAsync(params string[] files)
    {
        await Eventually.TrueAsync(() => FileSnapshot.Of(files).IsCurrent, TimeSpan.FromSeconds(20), () => "the files did not settle");
        return FileSnapshot.Of(files);
    }
}
