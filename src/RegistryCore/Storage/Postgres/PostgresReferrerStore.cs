using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>The referrers in PostgreSQL.</summary>
internal sealed class PostgresReferrerStore(PostgresDatabase database) : IReferrerStore
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListAsync(
        RepositoryName repository, Digest subject, string? artifactType, string after, int count) =>
        database.ReadAsync<IReadOnlyList<string>>(async db => (await db.QueryAsync<string>(
            """
            SELECT m.digest FROM manifests m JOIN repositories r ON r.id = m.repository
            WHERE r.name = @name AND m.subject = @subject AND m.digest > @after
            AND (@artifactType::text IS NULL OR m.artifact_type = @artifactType)
            ORDER BY m.digest LIMIT @count
            """,
            new
            {
                name = repository.Value,
                subject = subject.Value,
                artifactType = RegistryRows.Storable(artifactType),
                after = RegistryRows.UpToNul(after),
                count,
            })).AsList());

    /// <inheritdoc/>
    public ValueTask<ReferrerRecord?> FindAsync(RepositoryName repository, Digest digest) => database.ReadAsync(db =>
        db.QuerySingleOrDefaultAsync<ReferrerRecord>(
            """
            SELECT m.digest, m.media_type AS MediaType, m.size, m.artifact_type AS ArtifactType, m.annotations
            FROM manifests m JOIN repositories r ON r.id = m.repository
            WHERE r.name = @name AND m.digest = @digest
            """,
            new { name = repository.Value, digest = digest.Value }));
}
