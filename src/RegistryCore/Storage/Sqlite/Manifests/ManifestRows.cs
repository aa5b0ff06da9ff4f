using System.Text.Json;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Manifests;

/// <summary>The rows of manifests, of their bytes, and of what they refer to: all SQL about them.</summary>
internal static class ManifestRows
{
    /// <summary>
    /// The manifest under a tag or digest; null when there is none, it is longer than <paramref name="most"/>, or its bytes are damaged.
    /// </summary>
    public static ManifestRecord? Read(SqliteConnection db, RepositoryName repository, Reference reference, int most = int.MaxValue)
    {
        // One statement sees one commit: between two, the tag could move and the manifest it pointed at go.
        var row = db.QuerySingleOrDefault<(string Digest, string MediaType, byte[] Bytes)?>(
            """
            SELECT m.digest, m.media_type, c.bytes FROM repositories r
            JOIN manifests m ON m.repository = r.id
                AND m.digest = coalesce(@digest, (SELECT t.digest FROM tags t WHERE t.repository = r.id AND t.name = @tag))
            JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
            WHERE r.name = @name AND length(c.bytes) <= @most
            """,
            new { name = repository.Value, digest = reference.Digest?.Value, tag = reference.Tag, most });
        return row is { } found && Digest.TryParse(found.Digest, out var digest)
            ? new ManifestRecord(digest, found.MediaType, found.Bytes)
            : null;
    }

    /// <summary>The media type that a repository's manifest was pushed with; null when there is no such manifest.</summary>
    public static string? MediaTypeOf(SqliteConnection db, long repository, Digest digest) => db.QuerySingleOrDefault<string>(
        "SELECT media_type FROM manifests WHERE repository = @repository AND digest = @digest", new { repository, digest = digest.Value });

    /// <summary>Whether the repository has the manifest, damaged or not.</summary>
    public static bool Exists(SqliteConnection db, long repository, Digest digest) =>
        db.ExecuteScalar<bool>(
            "SELECT EXISTS (SELECT 1 FROM manifests WHERE repository = @repository AND digest = @digest)",
            new { repository, digest = digest.Value });

    /// <summary>
    /// Whether the repository holds the manifest, and its bytes are not known to be damaged: a client would be answered with it.
    /// </summary>
    public static bool IsShown(SqliteConnection db, long repository, Digest digest) =>
        db.ExecuteScalar<bool>(
            """
            SELECT EXISTS (
                SELECT 1 FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
                WHERE m.repository = @repository AND m.digest = @digest)
            """,
            new { repository, digest = digest.Value });

    /// <summary>The digests that a manifest needs and the repository does not hold.</summary>
    public static List<Digest> FindMissing(SqliteConnection db, long? repository, NewManifest manifest)
    {
        var missing = manifest.Blobs.Where(d => repository is null || !HoldsBlob(db, repository.Value, d)).ToList();
        missing.AddRange(
            manifest.Children.Where(d => repository is null || !(IsShown(db, repository.Value, d) || HoldsBlob(db, repository.Value, d))));
        return missing;
    }

    /// <summary>
    /// Whether an index with these children would lie too deep. A stored manifest never changes, so a look before the write will do.
    /// </summary>
    public static bool IsTooDeep(SqliteConnection db, RepositoryName repository, IReadOnlyList<Digest> children, int most) =>
        db.ExecuteScalar<bool>(
        """
        WITH RECURSIVE inner_indexes (digest, depth) AS (
            SELECT value, 2 FROM json_each(@children)
            UNION
            SELECT x.target, i.depth + 1 FROM inner_indexes i
            JOIN manifests m ON m.repository = @id AND m.digest = i.digest AND m.media_type IN @types
            JOIN manifest_references x ON x.repository = @id AND x.manifest = m.digest
            WHERE i.depth <= @most)
        SELECT EXISTS (
            SELECT 1 FROM inner_indexes i
            JOIN manifests m ON m.repository = @id AND m.digest = i.digest AND m.media_type IN @types WHERE i.depth > @most)
        """,
        new
        {
            id = RegistryDatabase.FindRepository(db, repository) ?? -1,
            children = JsonSerializer.Serialize(children.Select(c => c.Value)),
            types = (string[])[MediaTypes.OciIndex, MediaTypes.DockerList],
            most,
        });

    /// <summary>
    /// Stores a manifest, its references, and the event for the index. True when other bytes were stored under the digest: damage,
    /// which the bytes that were pushed mend whether or not a scrub has met it.
    /// </summary>
    public static bool Insert(SqliteConnection db, long repository, NewManifest manifest, string account, long now)
    {
        var digest = manifest.Manifest.Digest.Value;
        var content = new { digest, bytes = manifest.Manifest.Bytes };
        db.Execute("INSERT INTO manifest_contents (digest, bytes) VALUES (@digest, @bytes) ON CONFLICT DO NOTHING", content);
        var healed = db.Execute(
            "UPDATE manifest_contents SET bytes = @bytes, damaged_at = NULL WHERE digest = @digest AND (bytes <> @bytes OR damaged_at "
                + "IS NOT NULL)",
            content) > 0;
        db.Execute(
            """
            INSERT INTO manifests (
                repository, digest, media_type, size, artifact_type, subject, annotations, pushed_at, pushed_by, touched_at)
            VALUES (@repository, @digest, @mediaType, @size, @artifactType, @subject, @annotations, @now, @account, @now)
            ON CONFLICT DO UPDATE SET touched_at = excluded.touched_at
            """,
            new
            {
                repository,
                digest,
                mediaType = manifest.Manifest.MediaType,
                size = manifest.Manifest.Bytes.Length,
                artifactType = manifest.ArtifactType,
                subject = manifest.Subject?.Value,
                annotations = manifest.Annotations,
                now,
                account,
            });
        SqliteOutbox.Append(db, repository, new RegistryChange(EventKind.ManifestPushed, account, now)
        {
            Digest = digest,
            MediaType = manifest.Manifest.MediaType,
            Size = manifest.Manifest.Bytes.Length,
        });
        foreach (var target in manifest.Blobs.Concat(manifest.Children).Distinct()) Refer(target, isRequired: true);
        foreach (var target in manifest.ForeignLayers) Refer(target, isRequired: false);
        return healed;

        void Refer(Digest target, bool isRequired) => db.Execute(
            """
            INSERT INTO manifest_references (repository, manifest, target, is_required) VALUES (@repository, @digest, @target, @isRequired)
            ON CONFLICT DO NOTHING
            """,
            new { repository, digest, target = target.Value, isRequired });
    }

    /// <summary>Removes a manifest that no tag points at, and tells the index. Only inside a write.</summary>
    /// <param name="db">The writer's connection.</param>
    /// <param name="repository">The repository's row.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="account">Who does it; empty for the registry by itself.</param>
    /// <param name="now">When, in Unix seconds.</param>
    public static void Remove(SqliteConnection db, long repository, Digest digest, string account, long now)
    {
        db.Execute("DELETE FROM manifests WHERE repository = @repository AND digest = @digest", new { repository, digest = digest.Value });
        db.Execute(
            "DELETE FROM manifest_contents WHERE digest = @digest AND NOT EXISTS (SELECT 1 FROM manifests WHERE digest = @digest)",
            new { digest = digest.Value });
        SqliteOutbox.Append(db, repository, new RegistryChange(EventKind.ManifestDeleted, account, now) { Digest = digest.Value });
    }

    private static bool HoldsBlob(SqliteConnection db, long repository, Digest digest) =>
        db.ExecuteScalar<bool>(
            """
            SELECT EXISTS (
                SELECT 1 FROM blob_links l JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
                WHERE l.repository = @repository AND l.digest = @digest)
            """,
            new { repository, digest = digest.Value });
}
