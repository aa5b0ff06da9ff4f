using System.Runtime.InteropServices;

namespace AuthIndex.Hosting.Files;

/// <summary>The ownership of files that this process creates.</summary>
public static partial class FileOwner
{
    /// <summary>The number of the account that this process works for.</summary>
    public static uint Me => FileOwnership.Self;

    /// <summary>
    /// Gives what the superuser has just made to the owner of the folder that it is in, so that the server can go on using it.
    /// </summary>
    public static void FollowFolder(string path)
    {
        if (Me != 0) return;
        Span<byte> about = stackalloc byte[FileVersion.AboutSize];
        if (!FileVersion.TryRead(ParentFolder.Of(Path.GetFullPath(path)), 0, about)) return;
        if (ChOwn(path, MemoryMarshal.Read<uint>(about[20..]), MemoryMarshal.Read<uint>(about[24..])) != 0)
        {
            throw DurableFile.Failure("chown", path);
        }
    }

    [LibraryImport("libc", EntryPoint = "chown", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int ChOwn(string path, uint user, uint group);
}
