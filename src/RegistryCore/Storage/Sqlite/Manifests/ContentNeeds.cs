using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Manifests;

/// <summary>What could not be pulled whole without a blob or a manifest, found in SQLite.</summary>
internal static class ContentNeeds
{
    /// <summary>The need for a blob: any manifest of the repository, one with a tag by preference; null for none.</summary>
    public static ContentNeed? OfBlob(SqliteConnection db, long repository, Digest digest) =>
        Find(db, ContentNeedSql.OfBlob, repository, digest);

    /// <summary>The need for a manifest: an index that a tag leads to; null for none.</summary>
    public static ContentNeed? OfManifest(SqliteConnection db, long repository, Digest digest) =>
        Find(db, ContentNeedSql.OfManifest, repository, digest);

    /// <summary>What repositories refer to and do not hold, as lines for people: tags of these manifests cannot be pulled whole.</summary>
    public static IReadOnlyList<string> Unmet(SqliteConnection db, ContentRules rules) =>
        [.. db.Query<(string Repository, string Manifest, string Target, string? Tag)>(ContentNeedSql.Unmet())
            .Where(row => !rules.AllowsSparseIn(row.Repository))
            .Select(row => new ContentNeed(row.Manifest, row.Tag).Unmet(row.Repository, row.Target))];

    private static ContentNeed? Find(SqliteConnection db, string sql, long repository, Digest digest)
    {
        var found = db.QueryFirstOrDefault<(string Manifest, string? Tag)?>(sql, new { repository, digest = digest.Value });
        return found is { } need ? new ContentNeed(need.Manifest, need.Tag) : null;
    }
}
