using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.Hosting.Files;

/// <summary>A lock file that one process at a time holds; the lock ends with the process. The file itself stays.</summary>
public static partial class FileLock
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(50);

    private const int WouldBlock = 11; // EWOULDBLOCK

    /// <summary>Takes the lock; null when another process has it.</summary>
    /// <exception cref="OperatorException">The file cannot be made.</exception>
    public static IDisposable? TryTake(string path)
    {
        try
        {
            return GuardedFile.OpenOrCreate(path, FileShare.None, out _);
        }
        catch (IOException e) when (e.HResult == WouldBlock)
        {
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"the lock {path} cannot be made: {e.Message}", e);
        }
    }

    /// <summary>Takes the lock, waiting a while for another process to give it back.</summary>
    /// <param name="path">The lock's file.</param>
    /// <param name="patience">How long to wait.</param>
    /// <param name="cancellationToken">Ends the waiting.</param>
    /// <exception cref="OperatorException">The other process still has it, or the file cannot be made.</exception>
    public static async Task<IDisposable> TakeAsync(string path, TimeSpan patience, CancellationToken cancellationToken)
    {
        for (var waited = TimeSpan.Zero; ; waited += Pause)
        {
            if (TryTake(path) is { } taken) return taken;
            if (waited >= patience)
            {
                throw new OperatorException(
                    $"another process is changing the same files (it holds {path}): try again when it has finished");
            }

            await Task.Delay(Pause, cancellationToken);
        }
    }

    /// <summary>
    /// Takes the lock of a folder, waiting for as long as another has it. No file is made: one made by the superuser could be
    /// locked by nobody else.
    /// </summary>
    /// <exception cref="IOException">The folder cannot be opened or locked.</exception>
    public static IDisposable TakeFolder(string path)
    {
        const int exclusive = 2; // LOCK_EX
        var folder = DurableFile.OpenDirectory(path);
        if (FLock(folder, exclusive) == 0) return folder;
        using (folder) throw DurableFile.Failure("lock", path);
    }

    [LibraryImport("libc", EntryPoint = "flock", SetLastError = true)]
    private static partial int FLock(SafeFileHandle file, int operation);
}
