using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>What a backup holds.</summary>
/// <param name="Blobs">Blobs that the copied database names and the backup holds.</param>
/// <param name="Copied">Those of them that this run copied or linked.</param>
/// <param name="Missing">Those that the database names and nobody has any more.</param>
internal sealed record BackupReport(int Blobs, int Copied, IReadOnlyList<string> Missing);

/// <summary>
/// Copies the registry's folder while it is served: first the database, in one moment, then every blob that this copy names. No
/// blob's file goes meanwhile, because the collector waits. The copied database gets its name last: until then the folder holds
/// the backup that it held before, or none. Run again, it copies only what is missing.
/// </summary>
internal sealed class Backup(StorageDirectory directory, RegistryDatabase database, Housekeeping housekeeping)
{
    /// <summary>Makes or renews a backup.</summary>
    /// <exception cref="OperatorException">The folder is no place for a backup.</exception>
    public async Task<BackupReport> RunAsync(string target, CancellationToken cancellationToken)
    {
        Prepare(target);
        using var turn = await housekeeping.EnterAsync(cancellationToken);
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
                if (!IsThere(path, blob.Size))
                {
                    if (!await TakeAsync(directory.Blob(blob.Digest), path, blob, cancellationToken))
                    {
                        copy.MarkDamaged(blob.Digest, database.Now);
                        missing.Add(blob.Digest.Value);
                        continue;
                    }

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
        if (target == directory.Root || target.StartsWith(directory.Root + "/", StringComparison.Ordinal)) throw new OperatorException($"{target} lies in the registry's own folder");
        if (Directory.Exists(target) && !BackupFolder.Is(target) && Directory.EnumerateFileSystemEntries(target).Any())
        {
            throw new OperatorException($"{target} is not empty and holds no backup: name a new folder, or that of an earlier backup");
        }

        try
        {
            DataDirectory.Ensure(target);
            BackupFolder.Create(target);
        }
        catch (IOException e)
        {
            throw new OperatorException($"{target} cannot be written: {e.Message}", e);
        }
    }

    private static bool IsThere(string path, long size) => new FileInfo(path) is { Exists: true } file && file.Length == size;

    /// <summary>
    /// A second name for the same file where the volume is the same, since a blob's file is never written again; otherwise a copy.
    /// False when the registry itself has lost it.
    /// </summary>
    private static async Task<bool> TakeAsync(string source, string target, BlobRecord blob, CancellationToken cancellationToken)
    {
        if (!IsThere(source, blob.Size)) return false;
        File.Delete(target);
        return DurableFile.TryLinkOnSameVolume(source, target) || await BlobFile.CopyAsync(source, target, blob.Digest, cancellationToken);
    }
}
