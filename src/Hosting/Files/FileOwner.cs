using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.Hosting.Files;

/// <summary>The ownership of files that this process creates.</summary>
public static partial class FileOwner
{
    /// <summary>The number of the account that this process works for.</summary>
    public static uint Me => FileOwnership.Self;

    /// <summary>
    /// Gives what the superuser has just made to the owner of the folder that it is in, so that the server can go on using it.
    /// </summary>
    /// <param name="path">A folder; not followed if somebody has put a link in its place.</param>
    public static void FollowFolder(string path)
    {
        if (TryReadOwner(path, out var user, out var group) && ChangeNamed(path, user, group) != 0)
        {
            throw DurableFile.Failure("chown", path);
        }
    }

    /// <summary>The same for a file that is open, whatever has its name now.</summary>
    /// <param name="path">The file's name.</param>
    /// <param name="file">The file.</param>
    public static void FollowFolder(string path, SafeFileHandle file)
    {
        if (TryReadOwner(path, out var user, out var group) && ChangeOpened(file, user, group) != 0)
        {
            throw DurableFile.Failure("chown", path);
        }
    }

    /// <summary>The owner of the folder that a path is in; false where nothing is to be given away.</summary>
    private static bool TryReadOwner(string path, out uint user, out uint group)
    {
        Span<byte> about = stackalloc byte[FileVersion.AboutSize];
        var isRead = Me == 0 && FileVersion.TryRead(ParentFolder.Of(Path.GetFullPath(path)), 0, about);
        (user, group) = (MemoryMarshal.Read<uint>(about[20..]), MemoryMarshal.Read<uint>(about[24..]));
        return isRead;
    }

    [LibraryImport("libc", EntryPoint = "lchown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChangeNamed(string path, uint user, uint group);

    [LibraryImport("libc", EntryPoint = "fchown", SetLastError = true)]
    private static partial int ChangeOpened(SafeFileHandle file, uint user, uint group);
}
