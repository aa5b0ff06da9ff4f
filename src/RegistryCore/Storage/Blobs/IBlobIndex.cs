using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>A blob as its repository shows it.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Key">Under which name its bytes lie.</param>
internal sealed record BlobRecord(Digest Digest, long Size, string Key);

/// <summary>
/// Which blobs there are, where their bytes lie, and which repository may show which. A row is written once the bytes are durable, and
/// is the truth: bytes without a row are nobody's.
/// </summary>
internal interface IBlobIndex
{
    /// <summary>The blob if the repository holds it.</summary>
    ValueTask<BlobRecord?> FindAsync(RepositoryName repository, Digest digest);

    /// <summary>
    /// The blob if the repository holds it, and goes on holding it for the grace period: the client may leave it out of a push.
    /// </summary>
    ValueTask<BlobRecord?> FindToKeepAsync(RepositoryName repository, Digest digest);

    /// <summary>A repository below a prefix that holds the blob; null when none does.</summary>
    /// <param name="prefix">What its name begins with, without the slash.</param>
    /// <param name="digest">Which.</param>
    ValueTask<RepositoryName?> FindHolderAsync(string prefix, Digest digest);

    /// <summary>Whether there is such a blob, whoever holds it.</summary>
    ValueTask<bool> ExistsAsync(Digest digest);

    /// <summary>Notes bytes of the right digest, which are durable, and links them.</summary>
    /// <param name="repository">Who holds them.</param>
    /// <param name="blob">What they are, and where.</param>
    /// <returns>
    /// False when sound bytes of this digest lie under another key, which the row goes on naming: the caller deletes its own.
    /// </returns>
    Task<bool> AddAsync(RepositoryName repository, BlobRecord blob);

    /// <summary>Links a blob that some repository holds; false when none does. Only for who may read them all: an import.</summary>
    Task<bool> LinkAsync(RepositoryName repository, Digest digest);

    /// <summary>Links a blob of another repository; false when that one does not hold it.</summary>
    Task<bool> MountAsync(RepositoryName source, RepositoryName repository, Digest digest, string account);

    /// <summary>Takes the blob out of the repository.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="digest">Which.</param>
    /// <param name="account">Who deletes it.</param>
    /// <param name="evenIfNeeded">Whether it goes although a manifest of the repository needs it.</param>
    Task<Deletion> RemoveAsync(RepositoryName repository, Digest digest, string account, bool evenIfNeeded);
}
