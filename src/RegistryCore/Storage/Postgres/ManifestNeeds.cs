using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>What could not be pulled whole without a blob or a manifest, found in PostgreSQL.</summary>
internal static class ManifestNeeds
{
    // From the content up to all that refers to it, through indexes of indexes.
    private const string Needing =
        """
        WITH RECURSIVE needing (digest) AS (
            SELECT manifest FROM manifest_references WHERE repository = @repository AND target = @digest AND is_required
            UNION
            SELECT x.manifest FROM needing n
            JOIN manifest_references x ON x.repository = @repository AND x.target = n.digest AND x.is_required
        )
        """;

    /// <summary>The need for a blob: any manifest of the repository, one with a tag by preference; null for none.</summary>
    public static Task<ContentNeed?> OfBlobAsync(NpgsqlConnection db, long repository, Digest digest) =>
        FindAsync(db, "LEFT JOIN", repository, digest);

    /// <summary>The need for a manifest: an index that a tag leads to; null for none.</summary>
    public static Task<ContentNeed?> OfManifestAsync(NpgsqlConnection db, long repository, Digest digest) =>
        FindAsync(db, "JOIN", repository, digest);

    /// <summary>What repositories refer to and do not hold, as lines for people: tags of these manifests cannot be pulled whole.</summary>
    public static async Task<IReadOnlyList<string>> UnmetAsync(NpgsqlConnection db) =>
        [.. (await db.QueryAsync<(string Repository, string Manifest, string Target, string? Tag)>(
        """
        SELECT r.name, x.manifest, x.target, (SELECT min(t.name) FROM tags t WHERE t.repository = x.repository AND t.digest = x.manifest)
        FROM manifest_references x JOIN repositories r ON r.id = x.repository
        WHERE x.is_required
        AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.repository = x.repository AND l.digest = x.target)
        AND NOT EXISTS (SELECT 1 FROM manifests m WHERE m.repository = x.repository AND m.digest = x.target)
        ORDER BY r.name, x.manifest, x.target
        """)).Select(row => new ContentNeed(row.Manifest, row.Tag).Unmet(row.Repository, row.Target))];

    private static async Task<ContentNeed?> FindAsync(NpgsqlConnection db, string tags, long repository, Digest digest)
    {
        var found = await db.QueryFirstOrDefaultAsync<(string Manifest, string? Tag)?>(
            $"""
            {Needing}
            SELECT n.digest, t.name FROM needing n {tags} tags t ON t.repository = @repository AND t.digest = n.digest
            ORDER BY t.name IS NULL, t.name LIMIT 1
            """,
            new { repository, digest = digest.Value });
        return found is { } need ? new ContentNeed(need.Manifest, need.Tag) : null;
    }
}
