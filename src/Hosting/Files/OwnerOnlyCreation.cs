using System.Runtime.InteropServices;

namespace AuthIndex.Hosting.Files;

/// <summary>
/// Makes whatever this process creates its owner's alone, whatever the umask it was started with: folders get mode 700 and files
/// 600, also those that SQLite and the runtime make. Modes that are set explicitly stay as they are.
/// </summary>
internal static partial class OwnerOnlyCreation
{
    private const uint OthersMask = 0x3f; // 077

    /// <summary>Sets the umask so that new files are for their owner alone.</summary>
    public static void Begin() => _ = SetMask(OthersMask);

    [LibraryImport("libc", EntryPoint = "umask")]
    private static partial uint SetMask(uint mask);
}
