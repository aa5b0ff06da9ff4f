using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.Hosting.Files;

/// <summary>
/// Opens files in folders where another account may write: the superuser's commands work in the data directory of the servers' account,
/// which must not lead them elsewhere by a link that it puts there.
/// </summary>
public static class GuardedFile
{
    private const int MostLinks = 40; // as the system itself
    private const int Exists = 17; // EEXIST
    private const int Attempts = 10;

    /// <summary>
    /// The file that a path leads to. The superuser follows no link of another account; others follow all, since they can open no more
    /// than that account may.
    /// </summary>
    /// <exception cref="IOException">The path is such a link, or leads in a circle.</exception>
    public static string Resolve(string path)
    {
        path = Path.GetFullPath(path);
        for (var links = 0; new FileInfo(path).LinkTarget is { } target; links++)
        {
            if (links == MostLinks) throw new IOException($"'{path}' is a link that leads in a circle");
            if (FileOwner.Me == 0 && OwnerOf(path) is var owner and not 0)
            {
                throw new IOException($"'{path}' is a link that belongs to user id {owner}: the superuser does not follow it");
            }

            path = Path.GetFullPath(target, ParentFolder.Of(path));
        }

        return path;
    }

    /// <summary>
    /// Opens a file to read and write, or makes it for its owner alone; in both cases the file that <see cref="Resolve"/> names, even
    /// where somebody exchanges it for a link at this moment.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="share">What others may do meanwhile.</param>
    /// <param name="isNew">Whether it was made.</param>
    /// <exception cref="IOException">It cannot be opened, or another process holds it.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be opened.</exception>
    public static FileStream OpenOrCreate(string path, FileShare share, out bool isNew)
    {
        path = Resolve(path);
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                isNew = true;
                return Open(path, FileMode.CreateNew, share); // follows no link (open(2), O_EXCL)
            }
            catch (IOException e) when (e.HResult == Exists)
            {
                isNew = false;
            }

            try
            {
                var file = Open(path, FileMode.Open, share);
                if (FileVersion.IsAt(path, file.SafeFileHandle)) return file;
                file.Dispose();
            }
            catch (FileNotFoundException) when (attempt < Attempts)
            {
                continue; // renamed in between
            }

            if (attempt == Attempts) throw new IOException($"'{path}' is a link, or is exchanged all the time: it is not opened");
        }
    }

    /// <summary>Makes a file in place of whatever has the name; nothing that is put there meanwhile is opened.</summary>
    /// <exception cref="IOException">It cannot be made.</exception>
    /// <exception cref="UnauthorizedAccessException">It may not be made.</exception>
    public static SafeFileHandle Recreate(string path, long size = 0)
    {
        File.Delete(path);
        return File.OpenHandle(path, FileMode.CreateNew, FileAccess.Write, preallocationSize: size);
    }

    private static uint OwnerOf(string link)
    {
        Span<byte> about = stackalloc byte[FileVersion.AboutSize];
        return FileVersion.TryRead(link, FileVersion.NoFollow, about)
            ? MemoryMarshal.Read<uint>(about[20..])
            : throw DurableFile.Failure("look at", link);
    }

    private static FileStream Open(string path, FileMode mode, FileShare share) => new(path, new FileStreamOptions
    {
        Mode = mode,
        Access = FileAccess.ReadWrite,
        Share = share,
        BufferSize = 0,
        UnixCreateMode = mode == FileMode.CreateNew ? DurableFile.OwnerOnly : null,
    });
}
