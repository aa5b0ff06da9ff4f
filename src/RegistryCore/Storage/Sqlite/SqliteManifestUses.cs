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
            await database.WriteAsync(db => db.Execute(
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
            db.Query<(string Manifest, string Target, long? Size)>(UseSql.References, row)
                .Select(x => new UsedReference(x.Manifest, x.Target, x.Size)).ToList(),
            db.Query<UsedTag>(UseSql.Tags, row).AsList())));
    }
}
