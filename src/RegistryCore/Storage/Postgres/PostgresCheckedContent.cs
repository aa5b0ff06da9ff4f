using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>What PostgreSQL knows of the bytes' being right.</summary>
internal sealed class PostgresCheckedContent(PostgresDatabase database, TimeProvider time) : ICheckedContent
{
    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BlobToCheck>> BlobsAsync(string after, long before, int count) => ReadAsync(
        "WHERE digest > @after AND (verified_at < @before OR damaged_at IS NOT NULL) ORDER BY digest LIMIT @count",
        new { after, before, count });

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BlobToCheck>> ByKeyAsync(string after, int count) => ReadAsync(
        "WHERE key > @after ORDER BY key LIMIT @count", new { after, count });

    /// <inheritdoc/>
    public ValueTask<bool> IsCurrentAsync(BlobToCheck blob) => database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
        "SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = @digest AND key = @Key)", new { digest = blob.Digest.Value, blob.Key }));

    /// <inheritdoc/>
    public ValueTask<bool> IsNamedAsync(string key) => database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
        """
        SELECT EXISTS (SELECT 1 FROM blobs WHERE key = @key) OR EXISTS (SELECT 1 FROM deletions WHERE key = @key)
            OR EXISTS (SELECT 1 FROM uploads WHERE id = split_part(split_part(@key, '/', 3), '-', 1))
        """,
        new { key }));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ManifestToCheck>> ManifestsAsync(string after, int count) =>
        database.ReadAsync<IReadOnlyList<ManifestToCheck>>(async db =>
            [.. (await db.QueryAsync<(string Digest, byte[] Bytes, bool IsDamaged)>(
                "SELECT digest, bytes, damaged_at IS NOT NULL FROM manifest_contents WHERE digest > @after ORDER BY digest LIMIT @count",
                new { after, count }))
            .Select(row => new ManifestToCheck(Digest.ParseStored(row.Digest), row.Bytes, row.IsDamaged))]);

    /// <inheritdoc/>
    public Task NoteIntactAsync(IReadOnlyList<BlobToCheck> blobs) => database.WriteAsync(db => db.ExecuteAsync(
        """
        UPDATE blobs b SET verified_at = @now FROM unnest(@digests, @keys) AS c (digest, key)
        WHERE b.digest = c.digest AND b.key = c.key AND b.damaged_at IS NULL
        """,
        new { now = Now, digests = blobs.Select(b => b.Digest.Value).ToArray(), keys = blobs.Select(b => b.Key).ToArray() }));

    /// <inheritdoc/>
    public async Task<bool> HealAsync(BlobToCheck blob) => await database.WriteAsync(db => db.ExecuteAsync(
        """
        UPDATE blobs SET verified_at = @now, damaged_at = NULL
        WHERE digest = @digest AND key = @Key AND damaged_at = @DamagedAt
        """,
        new { now = Now, digest = blob.Digest.Value, blob.Key, blob.DamagedAt })) > 0;

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>?> MarkAsync(BlobToCheck blob) => database.WriteAsync<IReadOnlyList<string>?>(async db =>
        await db.ExecuteAsync(
            "UPDATE blobs SET damaged_at = coalesce(damaged_at, @now), verified_at = @now WHERE digest = @digest AND key = @Key",
            new { now = Now, digest = blob.Digest.Value, blob.Key }) == 0
            ? null
            : (await db.QueryAsync<string>(
                "SELECT r.name FROM repositories r JOIN blob_links l ON l.repository = r.id WHERE l.digest = @digest ORDER BY r.name",
                new { digest = blob.Digest.Value })).AsList());

    /// <inheritdoc/>
    public Task<IReadOnlyList<string>?> MarkAsync(ManifestToCheck manifest, bool isDamaged) =>
        database.WriteAsync<IReadOnlyList<string>?>(async db =>
            await db.ExecuteAsync(
                "UPDATE manifest_contents SET damaged_at = @at WHERE digest = @digest AND bytes = @Bytes",
                new { at = isDamaged ? Now : (long?)null, digest = manifest.Digest.Value, manifest.Bytes }) == 0
                ? null
                : (await db.QueryAsync<string>(
                    "SELECT r.name FROM repositories r JOIN manifests m ON m.repository = r.id WHERE m.digest = @digest ORDER BY r.name",
                    new { digest = manifest.Digest.Value })).AsList());

    private ValueTask<IReadOnlyList<BlobToCheck>> ReadAsync(string which, object parameters) =>
        database.ReadAsync<IReadOnlyList<BlobToCheck>>(async db =>
            [.. (await db.QueryAsync<(string Digest, long Size, string Key, long? DamagedAt)>(
                $"SELECT digest, size, key, damaged_at FROM blobs {which}", parameters))
            .Select(row => new BlobToCheck(Digest.ParseStored(row.Digest), row.Size, row.Key, row.DamagedAt))]);
}
