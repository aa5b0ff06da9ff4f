using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>What could not be pulled whole without a blob or a manifest, found in PostgreSQL.</summary>
internal static class ManifestNeeds
{
    private const int PageSize = 20_000;

    /// <summary>The need for a blob: any manifest of the repository, one with a tag by preference; null for none.</summary>
    public static Task<ContentNeed?> OfBlobAsync(NpgsqlConnection db, long repository, Digest digest) =>
        FindAsync(db, ContentNeedSql.OfBlob, repository, digest);

    /// <summary>The need for a manifest: an index that a tag leads to; null for none.</summary>
    public static Task<ContentNeed?> OfManifestAsync(NpgsqlConnection db, long repository, Digest digest) =>
        FindAsync(db, ContentNeedSql.OfManifest, repository, digest);

    /// <summary>What repositories refer to and do not hold, as lines for people: tags of these manifests cannot be pulled whole.</summary>
    /// <remarks>References are looked at a part at a time; between two parts others may push and delete.</remarks>
    public static async ValueTask<IReadOnlyList<string>> UnmetAsync(PostgresDatabase database, ContentRules rules)
    {
        var unmet = new List<(string Repository, string Manifest, string Target, string? Tag)>();
        for (var next = new ReferenceKey(0, "", ""); next is not null;)
        {
            var from = next;
            next = await database.ReadAsync(async db =>
            {
                var to = await db.QuerySingleOrDefaultAsync<ReferenceKey>(
                    $"""
                    SELECT repository, manifest, target FROM manifest_references
                    WHERE (repository, manifest, target) > (@Repository, @Manifest, @Target)
                    ORDER BY repository, manifest, target OFFSET {PageSize} LIMIT 1
                    """,
                    from);
                unmet.AddRange(await db.QueryAsync<(string, string, string, string?)>(
                    ContentNeedSql.Unmet(
                        "(x.repository, x.manifest, x.target) > (@Repository, @Manifest, @Target)"
                        + (to is null ? "" : " AND (x.repository, x.manifest, x.target) <= (@toRepository, @toManifest, @toTarget)")),
                    new
                    {
                        from.Repository,
                        from.Manifest,
                        from.Target,
                        toRepository = to?.Repository,
                        toManifest = to?.Manifest,
                        toTarget = to?.Target,
                    }));
                return to;
            });
        }

        return [.. unmet.Where(row => !rules.AllowsSparseIn(row.Repository))
            .OrderBy(row => row.Repository, StringComparer.Ordinal)
            .Select(row => new ContentNeed(row.Manifest, row.Tag).Unmet(row.Repository, row.Target))];
    }

    private static async Task<ContentNeed?> FindAsync(NpgsqlConnection db, string sql, long repository, Digest digest)
    {
        var found = await db.QueryFirstOrDefaultAsync<(string Manifest, string? Tag)?>(sql, new { repository, digest = digest.Value });
        return found is { } need ? new ContentNeed(need.Manifest, need.Tag) : null;
    }

    private sealed record ReferenceKey(long Repository, string Manifest, string Target);
}
