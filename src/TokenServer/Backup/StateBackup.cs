using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Backup;

/// <summary>
/// Copies the server's state while it serves: the database as of one moment, then the files, each as it was at one moment. Keys
/// and accounts are so never older than what the database says of them. The new state takes the place of an older one in one
/// step; until then the backup holds what it held before.
/// </summary>
internal sealed class StateBackup(TokenServerOptions options, TimeProvider time)
{
    private const int Attempts = 20;

    /// <summary>Makes or renews a backup.</summary>
    /// <param name="target">Its folder, a full path.</param>
    /// <param name="withAuditLog">Whether the audit log is copied too.</param>
    /// <exception cref="OperatorException">There is nothing to copy, or the folder is no place for a backup.</exception>
    public BackupContent Run(string target, bool withAuditLog)
    {
        var files = new StateFiles(options);
        if (KeyDirectory.List(options.KeysPath).Count == 0)
        {
            throw new OperatorException(
                $"there is no token server in {Path.GetFullPath(options.DataDirectory)}: {options.KeysPath} holds no signing key; --data "
                + $"names the data directory");
        }

        RestoreMarker.DemandNone(options.DataDirectory);
        DataDirectory.DemandOutside(target, options.DataDirectory);
        if (Directory.Exists(target) && !BackupFolder.Is(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new OperatorException(
                $"{target} is not empty and holds no backup of a token server: name a new folder, or that of an earlier backup");
        }

        using var held = DataDirectory.Hold(target);
        File.SetUnixFileMode(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute); // secrets go there
        BackupFolder.Mark(target);
        BackupFolder.RemoveStatesBut(target, BackupFolder.Read(target)?.State);
        var now = time.GetUtcNow();
        var name = BackupFolder.NewState(target, now);
        var state = Path.Combine(target, name);
        var copied = new List<BackupFile>();

        if (File.Exists(options.DatabaseFile)) copied.Add(CopyDatabase(Path.Combine(state, files.Database), files.Database));
        foreach (var (path, file) in files.All(withAuditLog).Concat(files.Policies()))
        {
            if (Copy(file, Path.Combine(state, path), path, isGrowing: files.IsAuditLog(file)) is { } copy) copied.Add(copy);
        }

        foreach (var folder in Directory.GetDirectories(state, "*", SearchOption.AllDirectories).Append(state).Append(target))
        {
            DurableFile.SyncDirectory(folder);
        }

        var content = new BackupContent(1, name, now, copied);
        BackupFolder.Commit(target, content);
        BackupFolder.RemoveStatesBut(target, name);
        return content;
    }

    private BackupFile CopyDatabase(string copy, string path)
    {
        DataDirectory.MakeForOwner(Path.GetDirectoryName(copy)!);
        Database.CopyFile(options.DatabaseFile, copy);
        File.SetUnixFileMode(copy, DurableFile.OwnerOnly);
        using (var file = File.OpenHandle(copy, FileMode.Open, FileAccess.ReadWrite)) RandomAccess.FlushToDisk(file);
        var (digest, size) = BackupFolder.Hash(copy);
        return new BackupFile(path, size, digest, BackupFolder.Digits(File.GetUnixFileMode(options.DatabaseFile)));
    }

    /// <summary>
    /// Copies a file as it is at one moment; null when it has gone. One that is exchanged meanwhile was copied as it was before,
    /// one that is written in place is copied again.
    /// </summary>
    private static BackupFile? Copy(string file, string copy, string path, bool isGrowing)
    {
        DataDirectory.MakeForOwner(Path.GetDirectoryName(copy)!);
        for (var attempt = 0; attempt < Attempts; attempt++)
        {
            try
            {
                using var source = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
                var mode = File.GetUnixFileMode(source.SafeFileHandle);
                var before = State(source);
                var (digest, size) = Write(source, copy, isGrowing ? WholeLines(source, before.Length) : before.Length);
                if (isGrowing || State(source) == before) return new BackupFile(path, size, digest, BackupFolder.Digits(mode));
            }
            catch (Exception e) when (e is FileNotFoundException or DirectoryNotFoundException)
            {
                return null; // removed, as a key by a rotation
            }
            catch (EndOfStreamException)
            {
                // cut meanwhile: once more
            }
        }

        throw new OperatorException($"{file} is written all the time; it cannot be copied as it is at one moment");
    }

    private static (long Length, DateTime Written) State(FileStream file) => (file.Length, File.GetLastWriteTimeUtc(file.SafeFileHandle));

    private static (string Digest, long Size) Write(FileStream source, string copy, long length)
    {
        using var target = new FileStream(
            copy, new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write, UnixCreateMode = DurableFile.OwnerOnly });
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var buffer = new byte[80 * 1024];
        source.Position = 0;
        for (var left = length; left > 0;)
        {
            var part = buffer.AsSpan(0, (int)Math.Min(buffer.Length, left));
            source.ReadExactly(part);
            hash.AppendData(part);
            target.Write(part);
            left -= part.Length;
        }

        target.Flush(flushToDisk: true);
        return (Convert.ToHexStringLower(hash.GetCurrentHash()), length);
    }

    /// <summary>How much of a log there is up to the end of a line.</summary>
    private static long WholeLines(FileStream log, long length)
    {
        for (var end = length; end > 0; end--)
        {
            log.Position = end - 1;
            if (log.ReadByte() == '\n') return end;
        }

        return 0;
    }
}
