using AuthIndex.TokenContract.Wire;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>The pulls that were still to be reported when the registry stopped, as rows.</summary>
internal sealed class SqliteSharedPulls(RegistryDatabase database) : ISharedPulls
{
    /// <inheritdoc/>
    public Task NoteAsync(IReadOnlyList<PulledManifest> pulls) => pulls.Count == 0
        ? Task.CompletedTask
        : database.WriteAsync(db => db.Execute(
            """
            INSERT INTO recent_pulls (repository, digest, pulled_at) VALUES (@Repository, @Digest, @Time)
            ON CONFLICT DO UPDATE SET pulled_at = max(pulled_at, excluded.pulled_at)
            """,
            pulls));

    /// <inheritdoc/>
    public async Task<IReadOnlyList<PulledManifest>> TakeAsync(int count)
    {
        // Mostly there are none, and a commit would be for nothing.
        if (!database.Read(db => db.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM recent_pulls)"))) return [];
        return await database.WriteAsync(db => db.Query<PulledManifest>(
            """
            DELETE FROM recent_pulls WHERE (repository, digest) IN (
                SELECT repository, digest FROM recent_pulls ORDER BY repository, digest LIMIT @count)
            RETURNING repository, digest, pulled_at AS Time
            """,
            new { count }).AsList());
    }
}
