using System.Runtime.InteropServices;

namespace AuthIndex.Hosting.Files;

/// <summary>Whose a path is and who may do what with it: for messages about what this process may not open.</summary>
/// <param name="Owner">The owner's user id.</param>
/// <param name="Mode">The permissions.</param>
[StructLayout(LayoutKind.Auto)]
public readonly partial record struct FileOwnership(uint Owner, UnixFileMode Mode)
{
    private const int Denied = 13; // EACCES
    private const int ReadOnly = 30; // EROFS

    /// <summary>The effective user id of this process.</summary>
    public static uint Self => EffectiveUser();

    /// <summary>Of a path, links followed; null when there is nothing or it may not be looked at.</summary>
    public static FileOwnership? Of(string path)
    {
        Span<byte> about = stackalloc byte[FileVersion.AboutSize];
        if (!FileVersion.TryRead(path, 0, about)) return null;
        return new FileOwnership(MemoryMarshal.Read<uint>(about[20..]), (UnixFileMode)(MemoryMarshal.Read<ushort>(about[28..]) & 0xfff));
    }

    /// <summary>Whether there is something under a path. <see cref="File.Exists"/> says no as well where it may not look.</summary>
    /// <exception cref="OperatorException">This process may not look.</exception>
    public static bool Exists(string path)
    {
        Span<byte> about = stackalloc byte[FileVersion.AboutSize];
        if (FileVersion.TryRead(path, 0, about)) return true;
        if (Marshal.GetLastPInvokeError() != Denied) return false;
        var closed = path;
        while (Path.GetDirectoryName(closed) is { } parent && Of(closed) is null) closed = parent;
        throw new OperatorException($"permission denied: {path} cannot be accessed, because {closed} {Of(closed)}");
    }

    /// <summary>
    /// Whether a path, links followed, is on a file system that is mounted read-only: of one that this process could write otherwise.
    /// </summary>
    public static bool IsReadOnlyMount(string path)
    {
        const int write = 2; // W_OK
        return Access(path, write) != 0 && Marshal.GetLastPInvokeError() == ReadOnly;
    }

    /// <summary>The owner, the mode, and who asks, as the end of a sentence that begins with the path.</summary>
    public override string ToString() =>
        $"belongs to user id {Owner} with mode {Convert.ToString((int)Mode, 8)}, and this process runs as user id {Self}";

    [LibraryImport("libc", EntryPoint = "access", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Access(string path, int mode);

    [LibraryImport("libc", EntryPoint = "geteuid")]
    private static partial uint EffectiveUser();
}
