using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Tests.Files;

public sealed class FileOwnershipTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void The_owner_and_the_mode_of_a_file_are_told()
    {
        var file = folder.Write("a", "");
        File.SetUnixFileMode(file, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);
        Assert.Equal(
            new FileOwnership(FileOwnership.Self, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead),
            FileOwnership.Of(file));
        Assert.Equal(
            $"belongs to user id {FileOwnership.Self} with mode 640, and this process runs as user id {FileOwnership.Self}",
            FileOwnership.Of(file)!.Value.ToString());
    }

    [Fact]
    public void What_is_not_there_has_none_and_does_not_exist()
    {
        Assert.Null(FileOwnership.Of(folder["none"]));
        Assert.False(FileOwnership.Exists(folder["none/deeper"]));
        Assert.True(FileOwnership.Exists(folder.Path));
    }
}
