using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>A manifest that refers to another, as the referrers list shows it.</summary>
internal sealed record ReferrerRecord(string Digest, string MediaType, long Size, string? ArtifactType, string? Annotations);

/// <summary>Which manifests of a repository refer to which by their <c>subject</c>.</summary>
internal sealed class ReferrerStore(RegistryDatabase database)
{
    /// <summary>The digests of the manifests of a repository whose subject is the digest, in their order.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="subject">The subject.</param>
    /// <param name="artifactType">Only those of this artifact type; null for all.</param>
    /// <param name="after">Only digests after this one.</param>
    /// <param name="count">How many at most.</param>
    public IReadOnlyList<string> List(RepositoryName repository, Digest subject, string? artifactType, string after, int count) =>
        database.Read(db =>
        db.Query<string>(
            """
            SELECT m.digest FROM manifests m JOIN repositories r ON r.id = m.repository
            WHERE r.name = @name AND m.subject = @subject AND m.digest > @after
            AND (@artifactType IS NULL OR m.artifact_type = @artifactType)
            ORDER BY m.digest LIMIT @count
            """,
            new { name = repository.Value, subject = subject.Value, artifactType, after, count }).AsList());

    /// <summary>A manifest of a repository as the referrers list shows it.</summary>
    public ReferrerRecord? Find(RepositoryName repository, Digest digest) => database.Read(db =>
        db.QuerySingleOrDefault<ReferrerRecord>(
            """
            SELECT m.digest, m.media_type AS MediaType, m.size, m.artifact_type AS ArtifactType, m.annotations
            FROM manifests m JOIN repositories r ON r.id = m.repository
            WHERE r.name = @name AND m.digest = @digest
            """,
            new { name = repository.Value, digest = digest.Value }));
}
