using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Storage.Uses;
using AuthIndex.TokenContract;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Postgres.Uses;

/// <summary>When manifests of upstreams were last asked for, in PostgreSQL.</summary>
internal sealed class PostgresManifestUses(PostgresDatabase database) : IManifestUses
{
    private const int BatchSize = 500;

    /// <inheritdoc/>
    public async Task NoteAsync(IReadOnlyList<ManifestUse> uses)
    {
        foreach (var batch in uses.GroupBy(u => (u.Repository, u.Digest)).Select(g => g.MaxBy(u => u.At)).OfType<ManifestUse>()
            .Chunk(BatchSize))
        {
            // In one order, so that two processes do not wait for each other. Where a manifest is just being deleted, that is waited for.
            await database.WriteAsync(db => db.ExecuteAsync(
                """
                INSERT INTO manifest_uses AS n (repository, digest, used_at)
                SELECT m.repository, m.digest, u.used_at
                FROM unnest(@names, @digests, @times) AS u (name, digest, used_at)
                JOIN repositories r ON r.name = u.name
                JOIN manifests m ON m.repository = r.id AND m.digest = u.digest
                ORDER BY m.repository, m.digest
                FOR KEY SHARE OF m
                ON CONFLICT (repository, digest) DO UPDATE SET used_at = greatest(n.used_at, excluded.used_at)
                """,
                new
                {
                    names = batch.Select(u => u.Repository.Value).ToArray(),
                    digests = batch.Select(u => u.Digest.Value).ToArray(),
                    times = batch.Select(u => u.At).ToArray(),
                }));
        }
    }

    /// <inheritdoc/>
    public ValueTask<UsedContent> ReadAsync(RepositoryName repository)
    {
        var row = new { name = repository.Value };
        return database.ReadAsync(async db => new UsedContent(
            (await db.QueryAsync<UsedManifest>(UseSql.Manifests, row)).AsList(),
            (await db.QueryAsync<UsedTag>(UseSql.Tags, row)).AsList()));
    }

    /// <inheritdoc/>
    public async ValueTask ReadReferencesAsync(RepositoryName repository, Action<UsedReference> each)
    {
        var row = new { name = repository.Value };
        await database.ReadAsync(async db =>
        {
            var rows = db.QueryUnbufferedAsync<(string Manifest, string Target, long? Size)>(UseSql.References, row);
            await foreach (var (manifest, target, size) in rows) each(new UsedReference(manifest, target, size));
            return 0;
        });
    }

    /// <inheritdoc/>
    public ValueTask<HeldBytes> SumAsync(string prefix, long before) => database.ReadAsync(db => db.QuerySingleAsync<HeldBytes>(
        UseSql.Sum, new { prefix, end = prefix + IRepositoryStore.Greatest, before }));
}
