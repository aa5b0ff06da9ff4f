using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Backups;

/// <summary>The result of a backup, counted in blobs and bytes.</summary>
/// <param name="Blobs">Blobs that the copied database names and the backup holds.</param>
/// <param name="Copied">Those of them that this run copied or linked.</param>
/// <param name="Missing">
/// Those that the database names and whose bytes neither the registry nor the backup has any more: missing, damaged or not to be read.
/// </param>
internal sealed record BackupReport(int Blobs, int Copied, IReadOnlyList<string> Missing);

/// <summary>
/// Copies the registry's folder while it is served: first the database, in one moment, then every blob that this copy names. No
/// blob's file goes meanwhile, because the collector waits. The copied database gets its name last: until then the folder holds
/// the backup that it held before, or none. Run again, it copies only what is missing or was pushed again since.
/// </summary>
internal sealed class Backup(StorageDirectory directory, RegistryDatabase database, MaintenanceLock maintenance)
{
    /// <summary>Makes or renews a backup.</summary>
    /// <exception cref="OperatorException">The folder is no place for a backup.</exception>
    public async Task<BackupReport> RunAsync(string target, CancellationToken cancellationToken)
    {
        Prepare(target);
        using var turn = await maintenance.EnterAsync(cancellationToken);
        var unfinished = BackupFolder.Database(target) + ".partial";
        File.Delete(unfinished);
        database.CopyTo(unfinished);
        BlobFile.Sync(unfinished);
        Fault.Pass(FaultPoint.BackupDatabaseCopied);

        var (blobs, copied, missing) = (new HashSet<string>(StringComparer.Ordinal), 0, new List<string>());
        using (var copy = new DatabaseCopy(unfinished))
        {
            foreach (var blob in copy.Blobs())
            {
                var path = BackupFolder.Blob(target, blob.Digest);
                var outcome = await TakeAsync(path, blob, cancellationToken);
                if (outcome == Outcome.Lost)
                {
                    copy.MarkDamaged(blob.Digest, database.Now);
                    missing.Add(blob.Digest.Value);
                    continue;
                }

                if (outcome == Outcome.New)
                {
                    copied++;
                    Fault.Pass(FaultPoint.BackupBlobCopied);
                }

                blobs.Add(path);
            }
        }

        BlobFile.Sync(unfinished);
        BackupFolder.Sync(target);
        Fault.Pass(FaultPoint.BackupBlobsSynced);
        File.Move(unfinished, BackupFolder.Database(target), overwrite: true);
        DurableFile.SyncDirectory(target);
        foreach (var file in BackupFolder.Files(target).Where(f => !blobs.Contains(f))) File.Delete(file); // of an older backup
        return new BackupReport(blobs.Count, copied, missing);
    }

    private void Prepare(string target)
    {
        DataDirectory.DemandOutside(target, ParentFolder.Of(directory.Root));
        if (Directory.Exists(target) && !BackupFolder.Is(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new OperatorException(
                $"{target} is not empty and does not contain a backup: use a new folder, or that of an earlier backup");
        }

        try
        {
            DataDirectory.MakeForOwner(target);
            DataDirectory.Ensure(target);
            BackupFolder.Create(target);
        }
        catch (IOException e)
        {
            throw new OperatorException($"{target} cannot be written: {e.Message}", e);
        }
    }

    private static bool IsThere(string path, long size) => new FileInfo(path) is { Exists: true } file && file.Length == size;

    /// <summary>Whether the registry's own file will do, as far as is known.</summary>
    private async Task<bool> IsSoundAsync(CopiedBlob blob, CancellationToken cancellationToken)
    {
        var path = directory.Blob(blob.Digest);
        return blob.IsDamaged ? await IsIntactAsync(path, blob, cancellationToken) : IsThere(path, blob.Size);
    }

    /// <summary>
    /// Has the backup hold a blob: by a second name for the registry's own file where the volume is the same, since a blob's file is
    /// never written again, and otherwise by a copy. What was taken from a file that rotted and was pushed again since has the right
    /// length too: so only the same file will do, or a copy that was found right and has had its file's time since.
    /// </summary>
    private async Task<Outcome> TakeAsync(string path, CopiedBlob blob, CancellationToken cancellationToken)
    {
        var source = directory.Blob(blob.Digest);
        var isThere = IsThere(path, blob.Size);
        if (!await IsSoundAsync(blob, cancellationToken)) // then the backup may have the last good copy
        {
            return isThere && await IsIntactAsync(path, blob, cancellationToken) ? Outcome.Had : Outcome.Lost;
        }

        if (isThere && FileVersion.Of(path) == FileVersion.Of(source)) return Outcome.Had;
        if (TryLink(source, path)) return Outcome.New;
        if (isThere && File.GetLastWriteTimeUtc(path) == File.GetLastWriteTimeUtc(source)) return Outcome.Had;
        var wasRight = isThere && await IsIntactAsync(path, blob, cancellationToken);
        if (!wasRight && !await BlobFile.CopyAsync(source, path, blob.Digest, cancellationToken)) return Outcome.Lost;
        KeepTime(source, path);
        return wasRight ? Outcome.Had : Outcome.New;
    }

    /// <summary>Gives the registry's file its name in the backup, in one step: what the backup had is there until then.</summary>
    private static bool TryLink(string source, string target)
    {
        var unfinished = target + ".partial";
        File.Delete(unfinished);
        if (!DurableFile.TryLinkOnSameVolume(source, unfinished)) return false;
        File.Move(unfinished, target, overwrite: true);
        return true;
    }

    private static void KeepTime(string source, string copy)
    {
        try
        {
            File.SetLastWriteTimeUtc(copy, File.GetLastWriteTimeUtc(source));
        }
        catch (UnauthorizedAccessException)
        {
            // another user's: it is compared again the next time
        }
    }

    private static Task<bool> IsIntactAsync(string path, CopiedBlob blob, CancellationToken cancellationToken) =>
        BlobFile.IsIntactAsync(path, blob.Digest, blob.Size, BlobFile.NoPace, cancellationToken);

    private enum Outcome
    {
        Had,
        New,
        Lost,
    }
}
