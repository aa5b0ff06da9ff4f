using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.Hosting.Files;

/// <summary>
/// Files that survive power loss: what these calls have returned from is on the disk, name and content. A reader sees the old
/// file or the new one, never a part.
/// </summary>
public static partial class DurableFile
{
    /// <summary>Mode 600: for secrets and private data.</summary>
    public const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    /// <summary>Writes a file by way of a neighbour and a rename, keeping the mode of the file it replaces, if there is one.</summary>
    /// <exception cref="IOException">The disk is full or the folder cannot be written; the old file is unchanged.</exception>
    public static void Replace(string path, ReadOnlySpan<byte> content, UnixFileMode mode = OwnerOnly)
    {
        path = GuardedFile.Resolve(path); // so that a link goes on pointing at what was edited
        if (File.Exists(path)) mode = File.GetUnixFileMode(path);
        var neighbour = Neighbour(path);
        try
        {
            WriteNew(neighbour, content, mode);
            File.Move(neighbour, path, overwrite: true);
        }
        catch
        {
            File.Delete(neighbour);
            throw;
        }

        SyncDirectory(ParentFolder.Of(path));
    }

    /// <summary>Writes a file that must not exist yet; false when it does. Never leaves a part of it.</summary>
    public static bool Create(string path, ReadOnlySpan<byte> content, UnixFileMode mode = OwnerOnly)
    {
        path = Path.GetFullPath(path);
        if (File.Exists(path)) return false;
        var neighbour = Neighbour(path);
        try
        {
            WriteNew(neighbour, content, mode);
            if (!TryLink(neighbour, path)) return false;
        }
        finally
        {
            File.Delete(neighbour);
        }

        SyncDirectory(ParentFolder.Of(path));
        return true;
    }

    /// <summary>
    /// Gives a file a second name; false when the volumes are not the same, or the volume has no second names. Not yet durable.
    /// </summary>
    /// <exception cref="IOException">The name is taken or cannot be made.</exception>
    public static bool TryLinkOnSameVolume(string existing, string name)
    {
        const int notPermitted = 1, otherVolume = 18, tooManyLinks = 31, notSupported = 95; // EPERM, EXDEV, EMLINK, EOPNOTSUPP
        if (Link(existing, name) == 0) return true;
        return Marshal.GetLastPInvokeError() is notPermitted or otherVolume or tooManyLinks or notSupported
            ? false
            : throw Failure("link", name);
    }

    /// <summary>Whether a read failure means that the bytes are lost; others, such as a missing volume, do not.</summary>
    public static bool TellsDamage(IOException e)
    {
        // EIO, EBADMSG, EUCLEAN: how file systems tell of damage
        const int inputOutputError = 5, badMessage = 74, structureNeedsCleaning = 117;
        return e.HResult is inputOutputError or badMessage or structureNeedsCleaning;
    }

    /// <summary>Makes the names in a directory durable: files created, renamed or removed in it.</summary>
    /// <exception cref="IOException">The directory cannot be opened or synced.</exception>
    public static void SyncDirectory(string directory)
    {
        using var folder = OpenDirectory(directory);
        if (FSync(folder) != 0) throw Failure("sync", directory);
    }

    /// <summary>Opens a directory itself, which .NET does not.</summary>
    /// <exception cref="IOException">It cannot be opened.</exception>
    internal static SafeFileHandle OpenDirectory(string directory)
    {
        const int readOnly = 0x80000; // O_CLOEXEC; without O_DIRECTORY, whose value on x64 is O_DIRECT's on arm64
        var folder = Open(directory, readOnly);
        return folder.IsInvalid ? throw Failure("open", directory) : folder;
    }

    // A name that nobody can guess and put a link at.
    private static string Neighbour(string path) => $"{path}.{Path.GetRandomFileName()}.tmp";

    private static void WriteNew(string path, ReadOnlySpan<byte> content, UnixFileMode mode)
    {
        using var file = new FileStream(path, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = mode,
        });
        File.SetUnixFileMode(file.SafeFileHandle, mode); // said again, because the umask takes bits away at creation
        file.Write(content);
        file.Flush(flushToDisk: true);
    }

    /// <summary>Gives a file a second name; false when that name is taken.</summary>
    private static bool TryLink(string existing, string name)
    {
        const int exists = 17; // EEXIST
        if (Link(existing, name) == 0) return true;
        return Marshal.GetLastPInvokeError() == exists ? false : throw Failure("link", name);
    }

    /// <summary>What the system says of the call just made.</summary>
    internal static IOException Failure(string verb, string path) =>
        new($"Could not {verb} '{path}': {Marshal.GetPInvokeErrorMessage(Marshal.GetLastPInvokeError())}", Marshal.GetLastPInvokeError());

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial SafeFileHandle Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int FSync(SafeFileHandle file);

    [LibraryImport("libc", EntryPoint = "link", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string name);
}
