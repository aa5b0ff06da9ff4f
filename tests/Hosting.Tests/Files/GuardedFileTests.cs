using System.Diagnostics;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Tests.Files;

/// <summary>What another account puts into a folder does not lead the superuser elsewhere.</summary>
public sealed class GuardedFileTests : IDisposable
{
    private const uint Stranger = 12345;

    private readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void A_link_of_ones_own_is_followed_and_leads_to_the_file()
    {
        File.CreateSymbolicLink(folder["second"], "there");
        File.CreateSymbolicLink(folder["first"], folder["second"]);
        Assert.Equal(folder["there"], GuardedFile.Resolve(folder["first"]));
        using (GuardedFile.OpenOrCreate(folder["first"], FileShare.None, out var isNew)) Assert.True(isNew);
        using (GuardedFile.OpenOrCreate(folder["first"], FileShare.None, out var isNew)) Assert.False(isNew);
        Assert.Equal(["first", "second", "there"], folder.Names);
        File.CreateSymbolicLink(folder["circle"], "circle");
        Assert.Throws<IOException>(() => GuardedFile.Resolve(folder["circle"]));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void The_superuser_follows_no_link_of_another_account(bool exists)
    {
        Assert.SkipUnless(FileOwner.Me == 0, "only the superuser can give files away");
        if (exists) folder.Write("target", "untouched");
        Plant("link");
        var refusals = new Action[]
        {
            () => DurableFile.Replace(folder["link"], "new"u8),
            () => GuardedFile.OpenOrCreate(folder["link"], FileShare.None, out _),
            () =>
            {
                using var audit = new AuditFile(folder["link"], new AuditRotation(), TimeProvider.System);
                audit.Append("{}\n"u8);
            },
        };
        foreach (var refused in refusals)
        {
            Assert.Contains("does not follow", Assert.Throws<IOException>(refused).Message, StringComparison.Ordinal);
        }

        Assert.Contains(
            "does not follow", Assert.Throws<OperatorException>(() => FileLock.TryTake(folder["link"])).Message, StringComparison.Ordinal);
        AssertUntouched(exists);
    }

    [Fact]
    public void A_file_that_is_made_is_made_in_place_of_a_link()
    {
        folder.Write("target", "untouched");
        Plant("made");
        GuardedFile.Recreate(folder["made"]).Dispose();
        Assert.Null(new FileInfo(folder["made"]).LinkTarget);
        Plant(SpaceReserve.Name);
        var reserve = new SpaceReserve(folder[SpaceReserve.Name]);
        reserve.Take();
        Assert.Equal(0, reserve.Missing);
        Assert.Null(new FileInfo(folder[SpaceReserve.Name]).LinkTarget);
        Plant($".writable-{Environment.ProcessId}");
        DataDirectory.Ensure(folder.Path);
        Assert.DoesNotContain($".writable-{Environment.ProcessId}", folder.Names);
        AssertUntouched(true);
    }

    [Fact]
    public void A_file_that_was_exchanged_for_a_link_is_told_from_it()
    {
        folder.Write("target", "untouched");
        folder.Write("file", "own");
        using var opened = File.OpenHandle(folder["file"]);
        Assert.True(FileVersion.IsAt(folder["file"], opened));
        File.Delete(folder["file"]);
        Assert.False(FileVersion.IsAt(folder["file"], opened));
        Plant("file");
        using var followed = File.OpenHandle(folder["file"]);
        Assert.False(FileVersion.IsAt(folder["file"], followed));
    }

    [Fact]
    public void An_audit_log_that_the_superuser_makes_belongs_to_the_owner_of_its_folder()
    {
        Assert.SkipUnless(FileOwner.Me == 0, "only the superuser can give files away");
        Directory.CreateDirectory(folder["data"]);
        GiveToStranger(folder["data"]);
        using (var audit = new AuditFile(folder["data/audit.jsonl"], new AuditRotation(), TimeProvider.System)) audit.Append("{}\n"u8);
        Assert.Equal(Stranger, FileOwnership.Of(folder["data/audit.jsonl"])?.Owner);
    }

    private void Plant(string name)
    {
        File.CreateSymbolicLink(folder[name], folder["target"]);
        if (FileOwner.Me == 0) GiveToStranger(folder[name]);
    }

    private void AssertUntouched(bool exists) =>
        Assert.Equal(exists ? "untouched" : null, File.Exists(folder["target"]) ? File.ReadAllText(folder["target"]) : null);

    private static void GiveToStranger(string path)
    {
        using var chown = Process.Start("chown", ["-h", $"{Stranger}:{Stranger}", path]);
        chown.WaitForExit();
        Assert.Equal(0, chown.ExitCode);
    }
}
