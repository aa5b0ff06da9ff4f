using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>What SQLite knows of the bytes' being right.</summary>
internal sealed class SqliteCheckedContent(RegistryDatabase database, ReadCache cache) : ICheckedContent
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BlobToCheck>> BlobsAsync(string after, long before, int count) => new(database.Read(db =>
        db.Query<(string Digest, long Size, long? DamagedAt)>(
            """
            SELECT digest, size, damaged_at FROM blobs
            WHERE digest > @after AND (verified_at < @before OR damaged_at IS NOT NULL) ORDER BY digest LIMIT @count
            """,
            new { after, before, count })
        .Select(row => new BlobToCheck(Digest.ParseStored(row.Digest), row.Size, row.Digest, row.DamagedAt)).ToList()));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<BlobToCheck>> ByKeyAsync(string after, int count) => BlobsAsync(after, long.MaxValue, count);

    /// <inheritdoc/>
    public ValueTask<bool> IsCurrentAsync(BlobToCheck blob) => IsNamedAsync(blob.Key);

    /// <inheritdoc/>
    public ValueTask<bool> IsNamedAsync(string key) => new(database.Read(db =>
        db.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = @key)", new { key })));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<ManifestToCheck>> ManifestsAsync(string after, int count) => new(database.Read(db =>
        db.Query<(string Digest, byte[] Bytes, bool IsDamaged)>(
            "SELECT digest, bytes, damaged_at IS NOT NULL FROM manifest_contents WHERE digest > @after ORDER BY digest LIMIT @count",
            new { after, count })
        .Select(row => new ManifestToCheck(Digest.ParseStored(row.Digest), row.Bytes, row.IsDamaged)).ToList()));

    /// <inheritdoc/>
    public Task NoteIntactAsync(IReadOnlyList<BlobToCheck> blobs) => database.WriteAsync(db => db.Execute(
        "UPDATE blobs SET verified_at = @now WHERE digest IN @intact AND damaged_at IS NULL",
        new { now = database.Now, intact = blobs.Select(b => b.Digest.Value) }));

    /// <inheritdoc/>
    public async Task<bool> HealAsync(BlobToCheck blob) => await database.WriteAsync(db => db.Execute(
        "UPDATE blobs SET verified_at = @now, damaged_at = NULL WHERE digest = @digest AND damaged_at = @seen",
        new { now = database.Now, digest = blob.Digest.Value, seen = blob.DamagedAt })) > 0;

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>?> MarkAsync(BlobToCheck blob)
    {
        var marked = await database.WriteAsync(db => db.Execute(
            "UPDATE blobs SET damaged_at = coalesce(damaged_at, @now), verified_at = @now WHERE digest = @digest",
            new { now = database.Now, digest = blob.Digest.Value }));
        return marked == 0
            ? null
            : Forget(blob.Digest, "SELECT r.name FROM repositories r JOIN blob_links l ON l.repository = r.id WHERE l.digest = @digest");
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<string>?> MarkAsync(ManifestToCheck manifest, bool isDamaged)
    {
        var marked = await database.WriteAsync(db => db.Execute(
            "UPDATE manifest_contents SET damaged_at = @at WHERE digest = @digest AND bytes = @bytes",
            new { at = isDamaged ? database.Now : (long?)null, digest = manifest.Digest.Value, bytes = manifest.Bytes }));
        return marked == 0
            ? null
            : Forget(manifest.Digest, "SELECT r.name FROM repositories r JOIN manifests m ON m.repository = r.id WHERE m.digest = @digest");
    }

    /// <summary>Forgets what was read of the repositories that hold a digest, and names them.</summary>
    private List<string> Forget(Digest digest, string holders)
    {
        var repositories = database.Read(db => db.Query<string>(holders, new { digest = digest.Value }).AsList());
        foreach (var repository in repositories) cache.Invalidate(repository);
        return repositories;
    }
}
