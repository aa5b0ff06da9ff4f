using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Backup;

/// <summary>
/// Restores a state where there is none. Every file of the backup is checked against its digest before the first is written, and no
/// existing file is replaced; identical files are skipped, so that an interrupted restore can continue.
/// </summary>
internal sealed class StateRestore(TokenServerOptions options)
{
    /// <summary>Checks the backup and restores its files.</summary>
    /// <param name="backup">The backup's folder, a full path.</param>
    /// <param name="withKeys">Whether the signing keys are restored; without them, previously issued tokens are invalid.</param>
    /// <returns>The backup's manifest.</returns>
    /// <exception cref="OperatorException">The backup is damaged, or other files are where the state belongs; nothing was
    /// written.</exception>
    public BackupContent Run(string backup, bool withKeys)
    {
        var content = BackupFolder.Read(backup) ?? throw new OperatorException($"{backup} does not contain a finished token server backup");
        var state = Path.Combine(backup, content.State);
        var damaged = content.Files.Where(f => !IsIntact(Path.Combine(state, f.Path), f)).Select(f => Path.Combine(state, f.Path)).ToList();
        if (damaged.Count > 0)
        {
            throw new OperatorException(
                $"the backup is damaged, nothing was restored; missing or changed: {string.Join(", ", damaged)}");
        }

        var files = new StateFiles(options);
        var wanted = new List<(BackupFile File, string Target)>();
        foreach (var file in content.Files.Where(f => withKeys || !files.IsOfKeys(f.Path)))
        {
            if (files.Target(file.Path) is { } target) wanted.Add((file, target));
        }

        DataDirectory.Ensure(options.DataDirectory);
        using var init = FileLock.TryTake(options.InitLockPath)
            ?? throw new OperatorException($"the data directory {options.DataDirectory} is in use by another process");
        using var held = DataDirectory.Hold(options.StatePath);
        DemandNothingElse(files, wanted);

        RestoreMarker.Write(options.DataDirectory);
        foreach (var (file, target) in wanted.OrderBy(w => w.File.Path == files.Database))
        {
            Put(Path.Combine(state, file.Path), target, file);
        }

        foreach (var folder in wanted.Select(w => ParentFolder.Of(w.Target)).Distinct(StringComparer.Ordinal))
        {
            DurableFile.SyncDirectory(folder);
        }

        RestoreMarker.Remove(options.DataDirectory);
        return content;
    }

    private void DemandNothingElse(StateFiles files, List<(BackupFile File, string Target)> wanted)
    {
        var there = files.All(withAuditLog: true).Concat(File.Exists(options.DatabaseFile) ? [(files.Database, options.DatabaseFile)] : []);
        foreach (var (path, file) in there)
        {
            if (wanted.Exists(w => w.Target == file && IsIntact(file, w.File))) continue;
            throw new OperatorException(
                $"{file} already exists and differs from {path} in the backup; a restore never replaces files: move it away, or use "
                + $"another --data");
        }
    }

    private static void Put(string source, string target, BackupFile file)
    {
        if (File.Exists(target)) return; // the same, as was seen
        DataDirectory.MakeForOwner(ParentFolder.Of(target));
        var neighbour = target + ".tmp";
        File.Delete(neighbour);
        File.Copy(source, neighbour);
        File.SetUnixFileMode(neighbour, DurableFile.OwnerOnly);
        if (!IsIntact(neighbour, file))
        {
            throw new OperatorException(
            $"{source} changed during the restore, or {neighbour} was not written correctly: run the restore again");
        }

        using (var written = File.OpenHandle(neighbour, FileMode.Open, FileAccess.ReadWrite)) RandomAccess.FlushToDisk(written);
        File.SetUnixFileMode(neighbour, BackupFolder.Mode(file));
        File.Move(neighbour, target);
    }

    private static bool IsIntact(string path, BackupFile file)
    {
        try
        {
            return File.Exists(path) && BackupFolder.Hash(path) == (file.Sha256, file.Size);
        }
        catch (IOException e) when (DurableFile.TellsDamage(e))
        {
            return false;
        }
    }
}
