using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage.Backups;

/// <summary>
/// The layout of a backup:
/// <code>
/// authindex-backup                 says what the folder is
/// registry.db                      the database; absent until the first backup is whole
/// blobs/sha256/ab/ab12…            the blobs that it names
/// </code>
/// </summary>
internal static class BackupFolder
{
    /// <summary>The path of the copied database in a backup.</summary>
    public static string Database(string root) => Path.Combine(root, "registry.db");

    /// <summary>The path of a blob in a backup, the same as in a registry.</summary>
    public static string Blob(string root, Digest digest) => StorageDirectory.BlobIn(root, digest);

    /// <summary>Whether the folder is that of a backup.</summary>
    public static bool Is(string root) => File.Exists(Marker(root));

    /// <summary>Creates the folders for blobs where they are missing.</summary>
    public static void Create(string root)
    {
        foreach (var (folder, _) in StorageDirectory.BlobFoldersIn(root)) Directory.CreateDirectory(folder);
        if (!Is(root)) DurableFile.Create(Marker(root), "A backup of an AuthIndex registry; restore it with: registry restore\n"u8);
    }

    /// <summary>The full paths of all blob files of a backup, in no order.</summary>
    public static IEnumerable<string> Files(string root) =>
        StorageDirectory.BlobFoldersIn(root).SelectMany(f => Directory.EnumerateFiles(f.Folder));

    /// <summary>Makes all names durable.</summary>
    public static void Sync(string root)
    {
        var folders = StorageDirectory.BlobFoldersIn(root).Select(f => f.Folder).ToList();
        foreach (var folder in folders.Concat(folders.Select(f => ParentFolder.Of(f)).Distinct(StringComparer.Ordinal)).Append(
            Path.Combine(root, "blobs")).Append(root))
        {
            DurableFile.SyncDirectory(folder);
        }
    }

    private static string Marker(string root) => Path.Combine(root, "authindex-backup");
}
