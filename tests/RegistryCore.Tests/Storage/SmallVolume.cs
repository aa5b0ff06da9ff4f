using System.Diagnostics;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>A volume of a few megabytes, which only root can mount.</summary>
internal sealed class SmallVolume : IDisposable
{
    private readonly TemporaryDirectory folder;

    private SmallVolume(TemporaryDirectory folder) => this.folder = folder;

    /// <summary>Where it is mounted.</summary>
    public string Root => folder.Root;

    private string Filler => Path.Combine(Root, "filler");

    /// <summary>Mounts one; the test is skipped where that is not allowed.</summary>
    public static SmallVolume MountOrSkip(int megabytes)
    {
        var place = new TemporaryDirectory();
        if (Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m,mode=700", "tmpfs", place.Root)) return new SmallVolume(place);
        place.Dispose();
        Assert.Skip("Mounting a small volume needs root.");
        throw new UnreachableException();
    }

    /// <summary>Somebody else takes all the room there is.</summary>
    public void Fill()
    {
        using var file = new FileStream(Filler, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true) file.Write(new byte[4096]);
        }
        catch (IOException)
        {
            // full
        }
    }

    /// <summary>The room is given back.</summary>
    public void Clear() => File.Delete(Filler);

    /// <inheritdoc/>
    public void Dispose()
    {
        Assert.True(Run("umount", folder.Root));
        folder.Dispose();
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
