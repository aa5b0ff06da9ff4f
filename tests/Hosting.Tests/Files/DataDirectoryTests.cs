using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Tests.Files;

public sealed class DataDirectoryTests : IDisposable
{
    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void It_is_made_for_its_owner_alone()
    {
        using var data = DataDirectory.Hold(folder["a/b"]);
        Assert.Equal(folder["a/b"], data.Root);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute, File.GetUnixFileMode(data.Root));
        Assert.Equal(["lock"], Directory.EnumerateFileSystemEntries(data.Root).Select(Path.GetFileName));
    }

    [Fact]
    public void A_second_holder_is_refused_until_the_first_lets_go()
    {
        using (DataDirectory.Hold(folder["a"]))
        {
            Assert.Equal(
                $"the data directory {folder["a"]} is in use by another process",
                Assert.Throws<OperatorException>(() => DataDirectory.Hold(folder["a"])).Message);
        }

        DataDirectory.Hold(folder["a"]).Dispose();
    }

    [Fact]
    public void One_that_cannot_be_made_is_the_operators_business()
    {
        folder.Write("file", "");
        Assert.Contains(
            folder["file/a"], Assert.Throws<OperatorException>(() => DataDirectory.Hold(folder["file/a"])).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void One_whose_lock_cannot_be_opened_is_the_operators_business()
    {
        Directory.CreateDirectory(folder["a/lock"]);
        Assert.Contains(
            folder["a"], Assert.Throws<OperatorException>(() => DataDirectory.Hold(folder["a"])).Message, StringComparison.Ordinal);
    }
}
