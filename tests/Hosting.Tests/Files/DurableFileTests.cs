using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Tests.Files;

public sealed class DurableFileTests : IDisposable
{
    private const UnixFileMode Everyone = (UnixFileMode)0b110_110_110;

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_new_file_is_for_its_owner_alone_unless_told_otherwise()
    {
        DurableFile.Replace(folder["a"], "1"u8);
        DurableFile.Replace(folder["b"], "2"u8, Everyone);
        Assert.Equal(("1", DurableFile.OwnerOnly), Read("a"));
        Assert.Equal(("2", Everyone), Read("b"));
    }

    [Theory]
    [InlineData(UnixFileMode.UserRead | UnixFileMode.UserWrite)]
    [InlineData(UnixFileMode.UserRead)]
    [InlineData(Everyone)]
    public void A_replaced_file_keeps_its_mode(UnixFileMode mode)
    {
        File.SetUnixFileMode(folder.Write("a", "old and longer"), mode);
        DurableFile.Replace(folder["a"], "new"u8, UnixFileMode.UserRead | UnixFileMode.GroupRead);
        Assert.Equal(("new", mode), Read("a"));
        Assert.Equal(["a"], folder.Names);
    }

    [Fact]
    public void A_link_is_followed_and_stays_a_link()
    {
        Directory.CreateDirectory(folder["elsewhere"]);
        folder.Write("elsewhere/a", "old");
        File.CreateSymbolicLink(folder["second"], "elsewhere/a");
        File.CreateSymbolicLink(folder["first"], "second");
        DurableFile.Replace(folder["first"], "new"u8);
        Assert.Equal("new", File.ReadAllText(folder["elsewhere/a"]));
        Assert.Equal(("second", "elsewhere/a"), (new FileInfo(folder["first"]).LinkTarget, new FileInfo(folder["second"]).LinkTarget));
    }

    [Fact]
    public void A_link_to_nothing_yet_gets_its_file()
    {
        File.CreateSymbolicLink(folder["link"], "target");
        DurableFile.Replace(folder["link"], "new"u8);
        Assert.Equal(("new", DurableFile.OwnerOnly), Read("target"));
        Assert.Equal("target", new FileInfo(folder["link"]).LinkTarget);
    }

    [Fact]
    public void A_bare_file_name_lies_in_the_working_directory()
    {
        var name = Path.GetFileName(folder.Path);
        try
        {
            DurableFile.Replace(name, "1"u8);
            Assert.False(DurableFile.Create(name, "2"u8));
            Assert.Equal("1", File.ReadAllText(name));
            File.Delete(name);
            Assert.True(DurableFile.Create(name, "2"u8));
        }
        finally
        {
            File.Delete(name);
        }
    }

    [Fact]
    public void What_cannot_be_replaced_leaves_nothing_behind()
    {
        Directory.CreateDirectory(folder["a"]);
        Assert.ThrowsAny<Exception>(() => DurableFile.Replace(folder["a"], "1"u8));
        Assert.ThrowsAny<IOException>(() => DurableFile.Replace(folder["none/a"], "1"u8));
        Assert.Equal(["a"], folder.Names);
        Assert.Empty(Directory.EnumerateFileSystemEntries(folder["a"]));
    }

    [Fact]
    public void A_file_is_created_once()
    {
        Assert.True(DurableFile.Create(folder["a"], "1"u8));
        Assert.False(DurableFile.Create(folder["a"], "2"u8));
        Assert.Equal(("1", DurableFile.OwnerOnly), Read("a"));
        Assert.Equal(["a"], folder.Names);
    }

    [Fact]
    public void A_link_to_nothing_takes_the_name_too()
    {
        File.CreateSymbolicLink(folder["a"], "nothing");
        Assert.False(DurableFile.Create(folder["a"], "1"u8));
        Assert.Equal(["a"], folder.Names);
    }

    [Fact]
    public void Of_many_who_create_a_file_at_once_one_does()
    {
        for (var round = 0; round < 20; round++)
        {
            var path = folder[$"{round}"];
            var made = new bool[8];
            using var start = new Barrier(made.Length);
            var threads = Enumerable.Range(0, made.Length).Select(i => new Thread(() =>
            {
                start.SignalAndWait();
                made[i] = DurableFile.Create(path, [(byte)i]);
            })).ToList();
            threads.ForEach(t => t.Start());
            threads.ForEach(t => t.Join());
            Assert.Equal([(byte)Array.IndexOf(made, true)], File.ReadAllBytes(path));
            Assert.Single(made, m => m);
        }

        Assert.Equal(20, folder.Names.Length);
    }

    private (string Text, UnixFileMode Mode) Read(string name) => (File.ReadAllText(folder[name]), File.GetUnixFileMode(folder[name]));
}
