using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.Hosting.Files;

/// <summary>
/// Distinguishes states of a file without reading it. The change time is among it because, unlike the modification time, nobody can set it
/// back.
/// </summary>
/// <param name="Inode">The file's number; another one after a replacement by rename.</param>
/// <param name="Length">In bytes.</param>
/// <param name="Modified">When the content last changed, in nanoseconds since 1970.</param>
/// <param name="Changed">When content or attributes last changed, likewise.</param>
[StructLayout(LayoutKind.Auto)]
public readonly partial record struct FileVersion(ulong Inode, ulong Length, long Modified, long Changed)
{
    /// <summary>For <see cref="TryRead(string, int, Span{byte})"/>: the link itself.</summary>
    internal const int NoFollow = 0x100; // AT_SYMLINK_NOFOLLOW

    private const uint BasicStatistics = 0x7ff; // STATX_BASIC_STATS
    private const int TypeMask = 0xf000, Regular = 0x8000; // S_IFMT, S_IFREG

    /// <summary>The stamp of a file, links followed; null when there is none to be had.</summary>
    public static FileVersion? Of(string path)
    {
        Span<byte> about = stackalloc byte[AboutSize];
        if (!TryRead(path, 0, about)) return null;
        return new FileVersion(
            MemoryMarshal.Read<ulong>(about[32..]),
            MemoryMarshal.Read<ulong>(about[40..]),
            Nanoseconds(about[112..]),
            Nanoseconds(about[96..]));
    }

    /// <summary>Whether the path itself is a file of bytes: no link, no folder, no pipe or device, which would be read for ever.</summary>
    public static bool IsRegularFile(string path)
    {
        Span<byte> about = stackalloc byte[AboutSize];
        return TryRead(path, NoFollow, about) && (MemoryMarshal.Read<ushort>(about[28..]) & TypeMask) == Regular;
    }

    /// <summary>Whether the path itself, and no link in its place, is the file that was opened.</summary>
    internal static bool IsAt(string path, SafeFileHandle opened)
    {
        const int handleItself = 0x1000; // AT_EMPTY_PATH
        Span<byte> named = stackalloc byte[AboutSize];
        Span<byte> found = stackalloc byte[AboutSize];
        return TryRead(path, NoFollow, named)
            && StatX(opened, "", handleItself, BasicStatistics, found) == 0
            && named[32..40].SequenceEqual(found[32..40]) // the inode, and its device
            && named[136..144].SequenceEqual(found[136..144]);
    }

    /// <summary>
    /// Whether the file can no longer change without its stamp changing: file systems count time in ticks of some milliseconds
    /// (whole seconds on some), so two writes within one tick look alike.
    /// </summary>
    public bool IsSettled => TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds() * 1_000_000 - Changed > 1_500_000_000;

    /// <summary>The size of a buffer for <see cref="TryRead"/>, in bytes.</summary>
    internal const int AboutSize = 256;

    /// <summary>
    /// Reads what the system knows of a path (struct statx, which has one layout on every architecture); false when it tells nothing,
    /// and the last error says why.
    /// </summary>
    internal static bool TryRead(string path, int flags, Span<byte> about)
    {
        const int currentDirectory = -100; // AT_FDCWD
        return StatX(currentDirectory, path, flags, BasicStatistics, about) == 0;
    }

    private static long Nanoseconds(ReadOnlySpan<byte> time) =>
        MemoryMarshal.Read<long>(time) * 1_000_000_000 + MemoryMarshal.Read<uint>(time[8..]);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(int directory, string path, int flags, uint mask, Span<byte> about);

    [LibraryImport("libc", EntryPoint = "statx", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int StatX(SafeFileHandle directory, string path, int flags, uint mask, Span<byte> about);
}
