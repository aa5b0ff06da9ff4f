using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>A look past the server at what lies in its folder.</summary>
internal static class StoredBlobs
{
    /// <summary>The blobs that the database names.</summary>
    public static IReadOnlyList<(string Digest, long Size)> Rows(string folder)
    {
        using var db = new SqliteConnection($"Data Source={Path.Combine(folder, "registry", "registry.db")};Pooling=False");
        db.Open();
        return db.Query<(string, long)>("SELECT digest, size FROM blobs").AsList();
    }

    /// <summary>The digests that the files are named by.</summary>
    public static IReadOnlyList<string> Files(string folder) =>
        [.. Directory.EnumerateFiles(Path.Combine(folder, "registry", "blobs", "sha256"), "*", SearchOption.AllDirectories)
            .Select(f => "sha256:" + Path.GetFileName(f))];

    /// <summary>The file of a blob.</summary>
    public static string FileOf(string folder, string digest) =>
        Path.Combine(folder, "registry", "blobs", digest[..6], digest[7..9], digest[7..]);
}
