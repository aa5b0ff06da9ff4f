using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.TokenContract;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>When manifests of upstreams were last asked for, in SQLite.</summary>
internal sealed class SqliteManifestUses(RegistryDatabase database) : IManifestUses
{
    private const int BatchSize = 500;

    /// <inheritdoc/>
    public async Task NoteAsync(IReadOnlyList<ManifestUse> uses)
    {
        foreach (var batch in uses.Chunk(BatchSize))
        {
            await database.WriteWithReserveAsync(db => db.Execute(
                """
                INSERT INTO manifest_uses (repository, digest, used_at)
                SELECT m.repository, m.digest, @at FROM repositories r
                JOIN manifests m ON m.repository = r.id AND m.digest = @digest
                WHERE r.name = @name
                ON CONFLICT DO UPDATE SET used_at = max(used_at, excluded.used_at)
                """,
                batch.Select(u => new { name = u.Repository.Value, digest = u.Digest.Value, at = u.At })));
        }
    }

    /// <inheritdoc/>
    public ValueTask<UsedContent> ReadAsync(RepositoryName repository)
    {
        var row = new { name = repository.Value };
        return new(database.Read(db => new UsedContent(
            db.Query<(string Digest, long Size, long UsedAt, string PushedBy)>(UseSql.Manifests, row)
                .Select(m => new UsedManifest(m.Digest, m.Size, m.UsedAt, m.PushedBy)).ToList(),
            db.Query<UsedTag>(UseSql.Tags, row).AsList())));
    }

    /// <inheritdoc/>
    public ValueTask ReadReferencesAsync(RepositoryName repository, Action<UsedReference> each)
    {
        database.Read(db =>
        {
            var rows = db.Query<(string Manifest, string Target, long? Size)>(
                UseSql.References, new { name = repository.Value }, buffered: false);
            foreach (var (manifest, target, size) in rows) each(new UsedReference(manifest, target, size));
            return 0;
        });
        return default;
    }

    /// <inheritdoc/>
    public ValueTask<HeldBytes> SumAsync(string prefix, long before) => new(database.Read(db => db.QuerySingle<HeldBytes>(
        UseSql.Sum, new { prefix, end = prefix + IRepositoryStore.Greatest, before })));
}
