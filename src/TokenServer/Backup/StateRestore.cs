using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Backup;

/// <summary>
/// Puts a state back where none is. Every file of the backup is compared with its digest before the first is written, and none
/// that is there is ever replaced: one that is the same already counts as restored, so that an interrupted restore goes on.
/// </summary>
internal sealed class StateRestore(TokenServerOptions options)
{
    /// <summary>Restores.</summary>
    /// <param name="backup">The backup's folder, a full path.</param>
    /// <param name="withKeys">Whether the signing keys are restored; without them, nothing that they signed counts any more.</param>
    /// <returns>What the backup held.</returns>
    /// <exception cref="OperatorException">The backup is damaged, or something else lies where the state belongs; nothing was
    /// written.</exception>
    public BackupContent Run(string backup, bool withKeys)
    {
        var content = BackupFolder.Read(backup) ?? throw new OperatorException($"{backup} holds no finished backup of a token server");
        var state = Path.Combine(backup, content.State);
        var damaged = content.Files.Where(f => !IsIntact(Path.Combine(state, f.Path), f)).Select(f => Path.Combine(state, f.Path)).ToList();
        if (damaged.Count > 0)
        {
            throw new OperatorException(
                $"the backup is damaged, nothing was restored; missing or not what was saved: {string.Join(", ", damaged)}");
        }

        var files = new StateFiles(options);
        var wanted = content.Files.Where(f => files.Target(f.Path) is not null && (withKeys || !files.IsOfKeys(f.Path))).ToList();
        DataDirectory.Ensure(options.DataDirectory);
        using var init = FileLock.TryTake(options.InitLockPath)
            ?? throw new OperatorException($"the data directory {options.DataDirectory} is in use by another process");
        using var held = DataDirectory.Hold(options.StatePath);
        DemandNothingElse(files, wanted);

        RestoreMarker.Write(options.DataDirectory);
        foreach (var file in wanted.OrderBy(f => f.Path == files.Database))
        {
            Put(Path.Combine(state, file.Path), files.Target(file.Path)!, file);
        }

        foreach (var folder in wanted.Select(f => Path.GetDirectoryName(files.Target(f.Path)!)!).Distinct(StringComparer.Ordinal))
        {
            DurableFile.SyncDirectory(folder);
        }

        RestoreMarker.Remove(options.DataDirectory);
        return content;
    }

    private void DemandNothingElse(StateFiles files, List<BackupFile> wanted)
    {
        var there = files.All(withAuditLog: true).Concat(File.Exists(options.DatabaseFile) ? [(files.Database, options.DatabaseFile)] : []);
        foreach (var (path, file) in there)
        {
            if (wanted.Find(w => files.Target(w.Path) == file) is { } same && IsIntact(file, same)) continue;
            throw new OperatorException(
                $"{file} is there already, and a restore never replaces anything ({path} is not as in the backup): move it away, or name "
                + $"another --data");
        }
    }

    private static void Put(string source, string target, BackupFile file)
    {
        if (File.Exists(target)) return; // the same, as was seen
        DataDirectory.MakeForOwner(Path.GetDirectoryName(target)!);
        var neighbour = target + ".tmp";
        File.Delete(neighbour);
        File.Copy(source, neighbour);
        File.SetUnixFileMode(neighbour, DurableFile.OwnerOnly);
        if (!IsIntact(neighbour, file))
        {
            throw new OperatorException($"{source} was changed meanwhile, or {neighbour} cannot be written rightly: run the restore again");
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
