using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Manifests;

/// <summary>The referrers in SQLite.</summary>
internal sealed class SqliteReferrerStore(RegistryDatabase database) : IReferrerStore
{
    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> ListAsync(
        RepositoryName repository, Digest subject, string? artifactType, string after, int count) => new(database.Read(db =>
        db.Query<string>(
            """
            SELECT m.digest FROM manifests m JOIN repositories r ON r.id = m.repository
            WHERE r.name = @name AND m.subject = @subject AND m.digest > @after
            AND (@artifactType IS NULL OR m.artifact_type = @artifactType)
            ORDER BY m.digest LIMIT @count
            """,
            new { name = repository.Value, subject = subject.Value, artifactType, after, count }).AsList()));

    /// <inheritdoc/>
    public ValueTask<ReferrerRecord?> FindAsync(RepositoryName repository, Digest digest) => new(database.Read(db =>
        db.QuerySingleOrDefault<ReferrerRecord>(
            """
            SELECT m.digest, m.media_type AS MediaType, m.size, m.artifact_type AS ArtifactType, m.annotations
            FROM manifests m JOIN repositories r ON r.id = m.repository
            WHERE r.name = @name AND m.digest = @digest
            """,
            new { name = repository.Value, digest = digest.Value })));
}
