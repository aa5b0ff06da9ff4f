using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>A manifest that refers to another, as the referrers list shows it.</summary>
internal sealed record ReferrerRecord(string Digest, string MediaType, long Size, string? ArtifactType, string? Annotations);

/// <summary>Which manifests of a repository refer to which by their <c>subject</c>.</summary>
internal interface IReferrerStore
{
    /// <summary>The digests of the manifests of a repository whose subject is the digest, in their order.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="subject">The subject.</param>
    /// <param name="artifactType">Only those of this artifact type; null for all.</param>
    /// <param name="after">Only digests after this one.</param>
    /// <param name="count">How many at most.</param>
    ValueTask<IReadOnlyList<string>> ListAsync(
        RepositoryName repository, Digest subject, string? artifactType, string after, int count);

    /// <summary>A manifest of a repository as the referrers list shows it.</summary>
    ValueTask<ReferrerRecord?> FindAsync(RepositoryName repository, Digest digest);
}
