using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>The bytes of a digest are there already under another media type, from a push that was committed a moment before.</summary>
internal sealed class OtherTypeException(string existing) : Exception
{
    /// <summary>That media type.</summary>
    public string Existing => existing;
}

/// <summary>The rows of manifests, of their bytes, and of what they refer to.</summary>
internal static class ManifestRows
{
    /// <summary>Whether the repository has the manifest, damaged or not.</summary>
    public static Task<bool> ExistsAsync(NpgsqlConnection db, long repository, Digest digest) => db.ExecuteScalarAsync<bool>(
        "SELECT EXISTS (SELECT 1 FROM manifests WHERE repository = @repository AND digest = @digest)",
        new { repository, digest = digest.Value });

    /// <summary>
    /// Whether the repository holds the manifest, and its bytes are not known to be damaged. It goes on holding it until the transaction
    /// ends.
    /// </summary>
    public static Task<bool> ShareAsync(NpgsqlConnection db, long repository, Digest digest) => db.ExecuteScalarAsync<bool>(
        """
        SELECT true FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
        WHERE m.repository = @repository AND m.digest = @digest FOR KEY SHARE OF m
        """,
        new { repository, digest = digest.Value });

    /// <summary>Wants a manifest alone until the transaction ends: waits for every push that needs it.</summary>
    public static Task LockAsync(NpgsqlConnection db, long repository, Digest digest) => db.ExecuteAsync(
        """
        SELECT 1 FROM manifest_contents WHERE digest = @digest FOR UPDATE;
        SELECT 1 FROM manifests WHERE repository = @repository AND digest = @digest FOR UPDATE
        """,
        new { repository, digest = digest.Value });

    /// <summary>What the repository holds of what a push names. What the manifest needs stays until the transaction ends.</summary>
    /// <param name="db">A connection within a transaction, which holds the tags.</param>
    /// <param name="repository">The repository's row.</param>
    /// <param name="manifest">The manifest.</param>
    /// <param name="tags">The tags to move.</param>
    /// <param name="isWhole">Whether the repository must hold what the manifest needs.</param>
    public static async Task<PushFacts> FactsAsync(
        NpgsqlConnection db, long repository, NewManifest manifest, IReadOnlyList<string> tags, bool isWhole)
    {
        // FOR KEY SHARE waits for whoever removes a row, and finds it gone afterwards; pushes do not wait for each other.
        await using var answers = await db.QueryMultipleAsync(
            """
            SELECT l.digest FROM blob_links l JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
            WHERE l.repository = @repository AND l.digest = ANY(@needed) ORDER BY l.digest FOR KEY SHARE OF l;
            SELECT m.digest FROM manifests m JOIN manifest_contents c ON c.digest = m.digest AND c.damaged_at IS NULL
            WHERE m.repository = @repository AND m.digest = ANY(@children) ORDER BY m.digest FOR KEY SHARE OF m;
            SELECT m.media_type, c.damaged_at IS NULL FROM manifests m JOIN manifest_contents c ON c.digest = m.digest
            WHERE m.repository = @repository AND m.digest = @digest;
            SELECT name, digest FROM tags WHERE repository = @repository AND name = ANY(@tags)
            """,
            new
            {
                repository,
                needed = isWhole ? manifest.Blobs.Concat(manifest.Children).Select(d => d.Value).ToArray() : [],
                children = isWhole ? manifest.Children.Select(d => d.Value).ToArray() : [],
                digest = manifest.Manifest.Digest.Value,
                tags = tags.ToArray(),
            });
        var blobs = (await answers.ReadAsync<string>()).ToHashSet(StringComparer.Ordinal);
        var manifests = (await answers.ReadAsync<string>()).ToHashSet(StringComparer.Ordinal);
        var stored = await answers.ReadSingleOrDefaultAsync<(string? MediaType, bool IsShown)>();
        var targets = (await answers.ReadAsync<(string Tag, string Digest)>()).ToDictionary(
            t => t.Tag, t => Digest.ParseStored(t.Digest), StringComparer.Ordinal);
        var missing = !isWhole
            ? []
            : manifest.Blobs.Where(d => !blobs.Contains(d.Value))
                .Concat(manifest.Children.Where(d => !manifests.Contains(d.Value) && !blobs.Contains(d.Value))).ToList();
        return new PushFacts(
            missing, stored.MediaType, stored.IsShown, [.. tags.Select(t => targets.TryGetValue(t, out var at) ? at : (Digest?)null)]);
    }

    /// <summary>
    /// Stores a manifest and its references. True when other bytes were stored under the digest: damage, which the bytes that were
    /// pushed mend whether or not a scrub has met it.
    /// </summary>
    /// <exception cref="OtherTypeException">It is there under another media type, which was not seen before.</exception>
    public static async Task<bool> InsertAsync(NpgsqlConnection db, long repository, NewManifest manifest, string account, long now)
    {
        var references = manifest.Blobs.Concat(manifest.Children).Distinct().Select(d => (Target: d.Value, IsRequired: true))
            .Concat(manifest.ForeignLayers.Select(d => (Target: d.Value, IsRequired: false)))
            .DistinctBy(r => r.Target, StringComparer.Ordinal).ToList();
        await using var answers = await db.QueryMultipleAsync(
            """
            INSERT INTO manifest_contents AS c (digest, bytes) VALUES (@digest, @bytes)
            ON CONFLICT (digest) DO UPDATE SET bytes = excluded.bytes, damaged_at = NULL
            WHERE c.bytes <> excluded.bytes OR c.damaged_at IS NOT NULL RETURNING xmax <> 0;
            INSERT INTO manifests AS m (
                repository, digest, media_type, size, artifact_type, subject, annotations, pushed_at, pushed_by, touched_at)
            VALUES (@repository, @digest, @mediaType, @size, @artifactType, @subject, @annotations, @now, @account, @now)
            ON CONFLICT (repository, digest) DO UPDATE SET touched_at = greatest(m.touched_at, excluded.touched_at) RETURNING media_type;
            INSERT INTO manifest_references (repository, manifest, target, is_required)
            SELECT @repository, @digest, target, is_required FROM unnest(@targets, @required) AS r (target, is_required)
            ON CONFLICT DO NOTHING
            """,
            new
            {
                repository,
                digest = manifest.Manifest.Digest.Value,
                bytes = manifest.Manifest.Bytes,
                mediaType = manifest.Manifest.MediaType,
                size = (long)manifest.Manifest.Bytes.Length,
                artifactType = RegistryRows.Storable(manifest.ArtifactType),
                subject = manifest.Subject?.Value,
                annotations = RegistryRows.Storable(manifest.Annotations),
                now,
                account,
                targets = references.Select(r => r.Target).ToArray(),
                required = references.Select(r => r.IsRequired).ToArray(),
            });
        var healed = await answers.ReadSingleOrDefaultAsync<bool>(); // no row when the same bytes were there
        var stored = await answers.ReadSingleAsync<string>();
        return stored == manifest.Manifest.MediaType ? healed : throw new OtherTypeException(stored);
    }
}
