using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;

namespace AuthIndex.TokenServer.Backup;

/// <summary>
/// Where the server's state is, and what a backup includes: everything found, so that files added by later versions are not forgotten.
/// </summary>
internal sealed class StateFiles(TokenServerOptions options)
{
    private const int MaxDepth = 16; // links may form a cycle

    private static readonly EnumerationOptions Entries = new() { AttributesToSkip = FileAttributes.None, IgnoreInaccessible = false };

    private readonly string data = Path.GetFullPath(options.DataDirectory);

    /// <summary>The database's path in the state; it is copied by SQLite, not as a file.</summary>
    public string Database => $"{BackupFolder.Data}/{Path.GetRelativePath(data, options.DatabaseFile)}";

    /// <summary>Every file of the state but the database, with its path in the state.</summary>
    /// <param name="withAuditLog">Whether to include the audit log.</param>
    public IEnumerable<(string Path, string File)> All(bool withAuditLog)
    {
        foreach (var file in Below(data, 0))
        {
            var path = Path.GetRelativePath(data, file);
            if (IsOfState(path) && (withAuditLog || !IsAuditLog(file))) yield return ($"{BackupFolder.Data}/{path}", file);
        }

        if (!IsInData(options.KeysPath))
        {
            foreach (var file in Below(options.KeysPath, 0))
            {
                yield return ($"{BackupFolder.Keys}/{Path.GetRelativePath(options.KeysPath, file)}", file);
            }
        }

        if (!IsInData(options.HtpasswdPath) && File.Exists(options.HtpasswdPath))
        {
            yield return (BackupFolder.Htpasswd, options.HtpasswdPath);
        }
    }

    /// <summary>Every file of the policies.</summary>
    public IEnumerable<(string Path, string File)> Policies() =>
        Below(Path.GetFullPath(options.PoliciesDirectory), 0)
        .Select(f => ($"{BackupFolder.Policies}/{Path.GetRelativePath(Path.GetFullPath(options.PoliciesDirectory), f)}", f));

    /// <summary>Where a file of the state belongs; null for one that is never restored.</summary>
    public string? Target(string path)
    {
        var below = path[(path.IndexOf('/', StringComparison.Ordinal) + 1)..];
        return path.Split('/')[0] switch
        {
            BackupFolder.Data => Path.Combine(data, below),
            BackupFolder.Keys => Path.Combine(options.KeysPath, below),
            BackupFolder.Htpasswd => options.HtpasswdPath,
            _ => null,
        };
    }

    /// <summary>Whether the file is a signing key, or belongs to them.</summary>
    public bool IsOfKeys(string path) => Target(path) is { } target && IsWithin(options.KeysPath, target);

    /// <summary>Whether the file is the audit log, or a rotated one.</summary>
    public bool IsAuditLog(string file) => file.StartsWith(options.AuditPath, StringComparison.Ordinal);

    /// <summary>Whether a path is in the data directory.</summary>
    public bool IsInData(string path) => IsWithin(data, path);

    /// <summary>Lock files are not state, nor is the registry's part, which has its own backup.</summary>
    private bool IsOfState(string path) =>
        !path.StartsWith("registry/", StringComparison.Ordinal)
        // with its journal and the copies from before an upgrade
        && !Path.Combine(data, path).StartsWith(options.DatabaseFile, StringComparison.Ordinal)
        && Path.Combine(data, path) != options.ProcessIdPath
        && Path.Combine(data, path) != DatabaseMark.PathFor(options.DatabaseFile)
        && path != RestoreMarker.Name && Path.GetFileName(path) != SpaceReserve.Name
        && Path.GetFileName(path) != "lock"
        && Path.GetExtension(path) is not (".lock" or ".tmp")
        && !Path.GetFileName(path).StartsWith(".writable-", StringComparison.Ordinal);

    private static IEnumerable<string> Below(string folder, int depth)
    {
        if (depth > MaxDepth) throw new OperatorException($"{folder} is nested too deeply for a backup: is there a cycle of links?");
        if (!Directory.Exists(folder)) yield break;
        foreach (var entry in Directory.EnumerateFileSystemEntries(folder, "*", Entries).Order(StringComparer.Ordinal))
        {
            if (Directory.Exists(entry))
            {
                foreach (var file in Below(entry, depth + 1)) yield return file;
            }
            else if (IsFile(entry))
            {
                yield return entry; // no socket, no pipe
            }
        }
    }

    private static bool IsFile(string entry)
    {
        if (FileVersion.IsRegularFile(entry)) return true;
        try
        {
            return File.ResolveLinkTarget(entry, returnFinalTarget: true) is { } target && FileVersion.IsRegularFile(target.FullName);
        }
        catch (FileNotFoundException)
        {
            return false; // a file on its way to another name
        }
    }

    private static bool IsWithin(string folder, string path) =>
        Path.GetFullPath(path).StartsWith(Path.GetFullPath(folder).TrimEnd('/') + "/", StringComparison.Ordinal);
}
