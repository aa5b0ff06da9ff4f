using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Tests.Files;

public sealed class FileVersionTests : IDisposable
{
    private readonly TempFolder directory = new();

    [Fact]
    public void A_file_that_is_left_alone_keeps_its_stamp_and_one_that_is_replaced_has_another()
    {
        DurableFile.Create(directory["file"], "one"u8);
        var first = FileVersion.Of(directory["file"]);
        Assert.NotNull(first);
        Assert.Equal(3UL, first.Value.Length);
        Assert.Equal(first, FileVersion.Of(directory["file"]));
        DurableFile.Replace(directory["file"], "two"u8);
        Assert.NotEqual(first, FileVersion.Of(directory["file"]));
    }

    [Fact]
    public void Setting_the_modification_time_back_hides_nothing()
    {
        DurableFile.Create(directory["file"], "one"u8);
        var first = FileVersion.Of(directory["file"])!.Value;
        File.SetLastWriteTimeUtc(directory["file"], DateTime.UnixEpoch);
        var second = FileVersion.Of(directory["file"])!.Value;
        Assert.Equal(0, second.Modified);
        Assert.True(second.Changed >= first.Changed && second.Changed > 1_600_000_000_000_000_000);
    }

    [Fact]
    public void A_file_of_this_moment_may_still_change_unseen_and_an_old_one_not()
    {
        DurableFile.Create(directory["file"], "one"u8);
        Assert.False(FileVersion.Of(directory["file"])!.Value.IsSettled);
        Assert.True(FileVersion.Of(typeof(object).Assembly.Location)!.Value.IsSettled);
        Assert.Null(FileVersion.Of(directory["missing"]));
    }

    public void Dispose() => directory.Dispose();
}
