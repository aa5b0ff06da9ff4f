using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Backup;

/// <summary>
/// Copies the server's state while it serves: a consistent copy of the database, then each file. Keys and accounts are therefore never
/// older than the database. The new state replaces an older one atomically.
/// </summary>
internal sealed class StateBackup(TokenServerOptions options, TimeProvider time)
{
    private const int Attempts = 20;

    /// <summary>Creates or updates a backup.</summary>
    /// <param name="target">Its folder, a full path.</param>
    /// <param name="withAuditLog">Whether the audit log is copied too.</param>
    /// <exception cref="OperatorException">There is nothing to copy, or the folder cannot be used for a backup.</exception>
    public BackupContent Run(string target, bool withAuditLog)
    {
        var files = new StateFiles(options);
        if (KeyDirectory.List(options.KeysPath).Count == 0)
        {
            throw new OperatorException(
                $"there is no token server in {Path.GetFullPath(options.DataDirectory)}: {options.KeysPath} contains no signing key; "
                + "name the data directory with --data");
        }

        RestoreMarker.DemandNone(options.DataDirectory);
        DataDirectory.DemandOutside(target, options.DataDirectory);
        if (Directory.Exists(target) && !BackupFolder.Is(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new OperatorException(
                $"{target} is not empty and does not contain a token server backup: name a new folder or an earlier backup");
        }

        using var held = DataDirectory.Hold(target);
        File.SetUnixFileMode(target, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute); // secrets go there
        BackupFolder.Mark(target);
        BackupFolder.RemoveStatesBut(target, BackupFolder.Read(target)?.State);
        var now = time.GetUtcNow();
        var name = BackupFolder.NewState(target, now);
        var state = Path.Combine(target, name);
        var copied = new List<BackupFile>();

        if (!options.SharesDatabase && File.Exists(options.DatabaseFile))
        {
            copied.Add(CopyDatabase(Path.Combine(state, files.Database), files.Database));
        }

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
        DataDirectory.MakeForOwner(ParentFolder.Of(copy));
        Database.CopyFile(options.DatabaseFile, copy);
        File.SetUnixFileMode(copy, DurableFile.OwnerOnly);
        using (var file = File.OpenHandle(copy, FileMode.Open, FileAccess.ReadWrite)) RandomAccess.FlushToDisk(file);
        var (digest, size) = BackupFolder.Hash(copy);
        return new BackupFile(path, size, digest, BackupFolder.Digits(File.GetUnixFileMode(options.DatabaseFile)));
    }

    /// <summary>
    /// Copies a file consistently; null when it is gone. A file that is replaced during the copy is copied in its old state; one that is
    /// written in place is copied again.
    /// </summary>
    private static BackupFile? Copy(string file, string copy, string path, bool isGrowing)
    {
        DataDirectory.MakeForOwner(ParentFolder.Of(copy));
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
                // truncated during the copy: try again
            }
        }

        throw new OperatorException($"{file} is being written constantly and cannot be copied consistently");
    }

    private static (long Length, DateTime Written) State(FileStream file) => (file.Length, File.GetLastWriteTimeUtc(file.SafeFileHandle));

    private static (string Digest, long Size) Write(FileStream source, string copy, long length)
    {
        File.Delete(copy);
        using var target = new FileStream(
            copy, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = DurableFile.OwnerOnly });
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

    /// <summary>The length of a log up to its last complete line.</summary>
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
