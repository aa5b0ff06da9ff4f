using System.Diagnostics;

namespace AuthIndex.TestKit;

/// <summary>A volume of a few megabytes, which only root can mount.</summary>
public sealed class SmallVolume : IDisposable
{
    /// <summary>Why a test is skipped that gets none.</summary>
    public const string NeedsRoot = "Mounting a small volume needs root.";

    private readonly TemporaryDirectory folder;

    private SmallVolume(TemporaryDirectory folder) => this.folder = folder;

    /// <summary>Where it is mounted.</summary>
    public string Root => folder.Root;

    /// <summary>Mounts one; null where that is not allowed.</summary>
    public static SmallVolume? TryMount(int megabytes)
    {
        var place = new TemporaryDirectory();
        if (Run("mount", "-t", "tmpfs", "-o", $"size={megabytes}m,mode=700", "tmpfs", place.Root)) return new SmallVolume(place);
        place.Dispose();
        return null;
    }

    /// <summary>Somebody else takes all the room there is.</summary>
    /// <param name="name">The name of the file that takes it.</param>
    public void Fill(string name = "filler")
    {
        using var file = new FileStream(Path.Combine(Root, name), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        try
        {
            while (true) file.Write(new byte[4096]);
        }
        catch (IOException)
        {
            // full
        }
    }

    /// <summary>The room that a file took is given back.</summary>
    public void Clear(string name = "filler") => File.Delete(Path.Combine(Root, name));

    /// <summary>
    /// From now on it is mounted read-only here, as the kubelet mounts secrets and tokens: the file system below is not read-only.
    /// </summary>
    public void MakeReadOnly()
    {
        if (!Run("mount", "-o", "remount,bind,ro", folder.Root)) throw new InvalidOperationException($"{folder.Root} stays writable");
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (!Run("umount", folder.Root)) throw new InvalidOperationException($"{folder.Root} is still in use");
        folder.Dispose();
    }

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(
            new ProcessStartInfo(program, arguments) { RedirectStandardError = true, UseShellExecute = false })!;
        process.StandardError.ReadToEnd();
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}
