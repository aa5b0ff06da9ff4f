using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>
/// The manifests of all repositories. A push is one commit: the manifest, what it refers to, and the tags that point at it.
/// </summary>
internal interface IManifestStore
{
    /// <summary>The manifest under a tag or digest; null when there is none, or its bytes are damaged.</summary>
    ValueTask<ManifestRecord?> FindAsync(RepositoryName repository, Reference reference);

    /// <summary>
    /// The manifest under a tag or digest, unless it is longer: then its bytes are not read. Null when there is none, it is longer, or its
    /// bytes are damaged.
    /// </summary>
    /// <param name="repository">The repository.</param>
    /// <param name="reference">The tag or digest.</param>
    /// <param name="most">How many bytes it has at most.</param>
    ValueTask<ManifestRecord?> FindUpToAsync(RepositoryName repository, Reference reference, int most);

    /// <summary>
    /// The manifest, which goes on existing for the grace period when it was asked for by digest: the client may push an index of it.
    /// </summary>
    ValueTask<ManifestRecord?> FindToKeepAsync(RepositoryName repository, Reference reference);

    /// <summary>Stores a manifest and points the tags at it, all or nothing.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="manifest">What.</param>
    /// <param name="tags">The tags to move; none for a push by digest alone.</param>
    /// <param name="precondition">Checked against each tag, or against the digest if there are no tags.</param>
    /// <param name="account">Who pushes.</param>
    Task<PutOutcome> PutAsync(
        RepositoryName repository, NewManifest manifest, IReadOnlyList<string> tags, Precondition precondition, string account);

    /// <summary>Deletes a manifest together with every tag that points at it.</summary>
    /// <param name="repository">The repository.</param>
    /// <param name="digest">The manifest.</param>
    /// <param name="precondition">Judged against the digest.</param>
    /// <param name="account">The account that deletes it.</param>
    /// <param name="evenIfNeeded">Whether it goes although a tagged index needs it.</param>
    /// <param name="evenIfTagged">Whether it goes although tags point at it, with them.</param>
    /// <param name="lastUse">The last use that the caller knows of, in Unix seconds: it stays after a later one. Null for any.</param>
    Task<Deletion> DeleteAsync(
        RepositoryName repository, Digest digest, Precondition precondition, string account, bool evenIfNeeded, bool evenIfTagged = true,
        long? lastUse = null);

    /// <summary>Whether the repository holds the manifest, and its bytes are not known to be damaged.</summary>
    ValueTask<bool> HoldsAsync(RepositoryName repository, Digest digest);

    /// <summary>What repositories refer to and do not hold, as lines for people; nothing where manifests may be sparse.</summary>
    ValueTask<IReadOnlyList<string>> UnmetNeedsAsync();
}
