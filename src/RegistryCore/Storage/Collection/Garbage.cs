using System.Text.Json;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Manifests;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Collection;

/// <summary>Until when something must have been touched last to be garbage, in Unix seconds.</summary>
/// <param name="Content">For blobs in a repository, and for manifests that were asked for.</param>
/// <param name="Untagged">For manifests without a tag, no later than the other; null to keep them all.</param>
internal readonly record struct GarbageAge(long Content, long? Untagged);

/// <summary>
/// Which rows are garbage. What a reader finds is a suggestion: the removing statement repeats the whole condition inside the
/// writer's transaction, where no push can come between.
/// </summary>
internal static class Garbage
{
    // A manifest goes when it is old, has no tag, no index needs it and its subject is gone. Since digests cannot form a circle,
    // removing what fulfils this until nothing does removes just what no tag and no young manifest leads to.
    private const string LooseManifest =
        """
        m.touched_at < @untagged
        AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
        AND NOT EXISTS (SELECT 1 FROM tag_history h WHERE h.repository = m.repository AND h.old_digest = m.digest AND h.at >= @untagged)
        """;

    private const string NothingNeedsIt =
        """
        NOT EXISTS (SELECT 1 FROM manifest_references x WHERE x.repository = m.repository AND x.target = m.digest)
        AND (m.subject IS NULL OR NOT EXISTS (SELECT 1 FROM manifests s WHERE s.repository = m.repository AND s.digest = m.subject))
        """;

    /// <summary>The rows of all repositories.</summary>
    public static IReadOnlyList<(long Id, string Name)> Repositories(SqliteConnection db) =>
        db.Query<(long, string)>("SELECT id, name FROM repositories").AsList();

    /// <summary>The manifests of a repository that no tag and no young manifest leads to.</summary>
    public static IReadOnlyList<Digest> Manifests(SqliteConnection db, long repository, GarbageAge age)
    {
        if (age.Untagged is null) return [];
        return Parse(db.Query<string>(
            $"""
            WITH RECURSIVE live (digest) AS (
                SELECT digest FROM manifests m WHERE repository = @repository AND NOT ({LooseManifest})
                UNION SELECT x.target FROM live JOIN manifest_references x ON x.repository = @repository AND x.manifest = live.digest
                UNION SELECT m.digest FROM live JOIN manifests m ON m.repository = @repository AND m.subject = live.digest
            )
            SELECT digest FROM manifests WHERE repository = @repository AND digest NOT IN (SELECT digest FROM live)
            """,
            new { repository, untagged = age.Untagged }));
    }

    /// <summary>The old blob links of a repository that no manifest needs but those that are <paramref name="dead"/>.</summary>
    public static IReadOnlyList<Digest> Links(SqliteConnection db, long repository, GarbageAge age, IEnumerable<Digest> dead) =>
        Parse(db.Query<string>(
        """
        SELECT l.digest FROM blob_links l
        WHERE l.repository = @repository AND l.linked_at < @content AND NOT EXISTS (
            SELECT 1 FROM manifest_references x
            WHERE x.repository = l.repository AND x.target = l.digest AND x.manifest NOT IN (SELECT value FROM json_each(@dead)))
        """,
        new { repository, content = age.Content, dead = JsonSerializer.Serialize(dead.Select(d => d.Value)) }));

    /// <summary>Blobs that no repository holds, in order of digest.</summary>
    public static IReadOnlyList<BlobRecord> Blobs(SqliteConnection db, string after, int count) => ParseBlobs(db.Query<(string, long)>(
        "SELECT digest, size FROM blobs b WHERE digest > @after AND NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = b.digest) "
            + "ORDER BY digest LIMIT @count",
        new { after, count }));

    /// <summary>The blob, if so many repositories hold it and no more.</summary>
    public static BlobRecord? BlobHeldBy(SqliteConnection db, Digest digest, int links) => ParseBlobs(db.Query<(string, long)>(
        "SELECT digest, size FROM blobs WHERE digest = @digest AND (SELECT count(*) FROM blob_links l WHERE l.digest = @digest) = @links",
        new { digest = digest.Value, links })).SingleOrDefault();

    /// <summary>The blobs whose digest begins so.</summary>
    public static HashSet<string> Known(SqliteConnection db, string prefix) =>
        db.Query<string>(
            "SELECT digest FROM blobs WHERE digest >= @prefix AND digest < @end",
            new { prefix, end = prefix + "g" }).ToHashSet(StringComparer.Ordinal);

    /// <summary>Removes the manifest if it is garbage now.</summary>
    public static bool RemoveManifest(SqliteConnection db, long repository, Digest digest, GarbageAge age, long now)
    {
        var isGarbage = db.ExecuteScalar<bool>(
            $"SELECT EXISTS (SELECT 1 FROM manifests m WHERE repository = @repository AND digest = @digest AND {LooseManifest} AND "
                + $"{NothingNeedsIt})",
            new { repository, digest = digest.Value, untagged = age.Untagged });
        if (isGarbage) ManifestRows.Remove(db, repository, digest, account: "", now);
        return isGarbage;
    }

    /// <summary>Removes the link if it is garbage now.</summary>
    public static bool RemoveLink(SqliteConnection db, long repository, Digest digest, GarbageAge age) => db.Execute(
        """
        DELETE FROM blob_links WHERE repository = @repository AND digest = @digest AND linked_at < @content
        AND NOT EXISTS (SELECT 1 FROM manifest_references x WHERE x.repository = @repository AND x.target = @digest)
        """,
        new { repository, digest = digest.Value, content = age.Content }) > 0;

    /// <summary>Removes the blob's row if no repository holds it now.</summary>
    public static bool RemoveBlob(SqliteConnection db, Digest digest) =>
        db.Execute(
            "DELETE FROM blobs WHERE digest = @digest AND NOT EXISTS (SELECT 1 FROM blob_links WHERE digest = @digest)",
            new { digest = digest.Value }) > 0;

    private static List<Digest> Parse(IEnumerable<string> digests) => [.. digests.Select(ParseOne)];

    private static IReadOnlyList<BlobRecord> ParseBlobs(IEnumerable<(string Digest, long Size)> rows) =>
        [.. rows.Select(r => new BlobRecord(ParseOne(r.Digest), r.Size))];

    private static Digest ParseOne(string text) =>
        Digest.TryParse(text, out var digest) ? digest : throw new InvalidDataException($"The database has the invalid digest '{text}'.");
}
