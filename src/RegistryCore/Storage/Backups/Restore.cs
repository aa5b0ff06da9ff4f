using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Storage.Blobs;

namespace AuthIndex.RegistryCore.Storage.Backups;

/// <summary>The result of a restore, counted in blobs and bytes.</summary>
/// <param name="Blobs">Blobs that are there and right.</param>
/// <param name="Damaged">
/// Blobs and manifests that the backup names and does not hold, or not rightly: they answer 404 until they are pushed again.
/// </param>
internal sealed record RestoreReport(int Blobs, IReadOnlyList<string> Damaged);

/// <summary>
/// Makes a registry's folder from a backup, every digest checked. The database gets its name last; until then a note in the
/// folder keeps servers away, and the same command goes on where it was interrupted.
/// </summary>
internal static class Restore
{
    /// <summary>
    /// Takes a folder that holds nothing for a restore, or one in which a restore was begun; until it is finished no server starts
    /// there.
    /// </summary>
    /// <exception cref="OperatorException">There is no backup, or the target is in use.</exception>
    public static DataDirectory Begin(string backup, string root)
    {
        if (!BackupFolder.Is(backup) || !File.Exists(BackupFolder.Database(backup)))
        {
            throw new OperatorException($"{backup} does not contain a complete backup");
        }

        var target = DataDirectory.Hold(root);
        if (!RestoreMarker.IsIn(target.Root) && Directory.EnumerateFileSystemEntries(target.Root).Any(e => Path.GetFileName(e) != "lock"))
        {
            target.Dispose();
            throw new OperatorException(
                $"{target.Root} is not empty, and a restore never replaces a registry: move it away, or use another --data");
        }

        RestoreMarker.Write(target.Root);
        return target;
    }

    /// <summary>Restores into a folder that holds nothing, or goes on where it was begun.</summary>
    /// <exception cref="OperatorException">There is no backup, or the target is in use.</exception>
    public static async Task<RestoreReport> RunAsync(string backup, string root, TimeProvider clock, CancellationToken cancellationToken)
    {
        using var target = Begin(backup, root);
        foreach (var (folder, _) in StorageDirectory.BlobFoldersIn(target.Root)) Directory.CreateDirectory(folder);
        var unfinished = StorageDirectory.DatabaseIn(target.Root) + ".partial";
        File.Copy(BackupFolder.Database(backup), unfinished, overwrite: true);
        var report = await CopyAsync(backup, target.Root, unfinished, clock.GetUtcNow().ToUnixTimeSeconds(), cancellationToken);
        BlobFile.Sync(unfinished);
        BackupFolder.Sync(target.Root);
        Fault.Pass(FaultPoint.RestoreDatabaseCopied);
        File.Move(unfinished, StorageDirectory.DatabaseIn(target.Root), overwrite: true);
        DurableFile.SyncDirectory(target.Root);
        RestoreMarker.Remove(target.Root);
        return report;
    }

    private static async Task<RestoreReport> CopyAsync(
        string backup, string root, string database, long now, CancellationToken cancellationToken)
    {
        using var copy = new DatabaseCopy(database);
        var (blobs, damaged) = (0, new List<string>());
        foreach (var blob in copy.Blobs())
        {
            var path = StorageDirectory.BlobIn(root, blob.Digest);
            if (!File.Exists(path)
                && !await BlobFile.CopyAsync(BackupFolder.Blob(backup, blob.Digest), path, blob.Digest, cancellationToken))
            {
                copy.MarkDamaged(blob.Digest, now);
                damaged.Add(blob.Digest.Value);
                continue;
            }

            copy.MarkIntact(blob.Digest);
            blobs++;
            Fault.Pass(FaultPoint.RestoreBlobCopied);
        }

        foreach (var manifest in copy.DamagedManifests())
        {
            copy.MarkDamaged(manifest, now);
            damaged.Add(manifest.Value);
        }

        return new RestoreReport(blobs, damaged);
    }
}
