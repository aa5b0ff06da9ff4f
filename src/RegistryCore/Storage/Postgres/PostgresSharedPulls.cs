using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenContract.Wire;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>The pulls that processes of the registry saw and that are still to be reported, as rows.</summary>
internal sealed class PostgresSharedPulls(PostgresDatabase database) : ISharedPulls
{
    /// <inheritdoc/>
    public Task NoteAsync(IReadOnlyList<PulledManifest> pulls) => pulls.Count == 0
        ? Task.CompletedTask
        : database.WriteAsync(db => db.ExecuteAsync(
            """
            INSERT INTO recent_pulls AS p (repository, digest, pulled_at)
            SELECT repository, digest, max(at) FROM unnest(@repositories, @digests, @times) AS t (repository, digest, at)
            GROUP BY 1, 2 ORDER BY 1, 2
            ON CONFLICT (repository, digest) DO UPDATE SET pulled_at = greatest(p.pulled_at, excluded.pulled_at)
            """,
            new
            {
                repositories = pulls.Select(p => p.Repository).ToArray(),
                digests = pulls.Select(p => p.Digest).ToArray(),
                times = pulls.Select(p => p.Time).ToArray(),
            }));

    /// <inheritdoc/>
    public Task<IReadOnlyList<PulledManifest>> TakeAsync(int count) => database.WriteAsync<IReadOnlyList<PulledManifest>>(async db =>
        (await db.QueryAsync<PulledManifest>(
            """
            DELETE FROM recent_pulls WHERE (repository, digest) IN (
                SELECT repository, digest FROM recent_pulls ORDER BY repository, digest LIMIT @count FOR UPDATE SKIP LOCKED)
            RETURNING repository, digest, pulled_at AS Time
            """,
            new { count })).AsList());
}
