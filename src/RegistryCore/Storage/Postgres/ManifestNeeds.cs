using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>What could not be pulled whole without a blob or a manifest, found in PostgreSQL.</summary>
internal static class ManifestNeeds
{
    /// <summary>The need for a blob: any manifest of the repository, one with a tag by preference; null for none.</summary>
    public static Task<ContentNeed?> OfBlobAsync(NpgsqlConnection db, long repository, Digest digest) =>
        FindAsync(db, ContentNeedSql.OfBlob, repository, digest);

    /// <summary>The need for a manifest: an index that a tag leads to; null for none.</summary>
    public static Task<ContentNeed?> OfManifestAsync(NpgsqlConnection db, long repository, Digest digest) =>
        FindAsync(db, ContentNeedSql.OfManifest, repository, digest);

    /// <summary>What repositories refer to and do not hold, as lines for people: tags of these manifests cannot be pulled whole.</summary>
    public static async Task<IReadOnlyList<string>> UnmetAsync(NpgsqlConnection db) =>
        [.. (await db.QueryAsync<(string Repository, string Manifest, string Target, string? Tag)>(ContentNeedSql.Unmet))
            .Select(row => new ContentNeed(row.Manifest, row.Tag).Unmet(row.Repository, row.Target))];

    private static async Task<ContentNeed?> FindAsync(NpgsqlConnection db, string sql, long repository, Digest digest)
    {
        var found = await db.QueryFirstOrDefaultAsync<(string Manifest, string? Tag)?>(sql, new { repository, digest = digest.Value });
        return found is { } need ? new ContentNeed(need.Manifest, need.Tag) : null;
    }
}
