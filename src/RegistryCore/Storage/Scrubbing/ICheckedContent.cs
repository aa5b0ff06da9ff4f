using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage.Scrubbing;

/// <summary>A blob to be checked.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="Key">Under which name its bytes lie.</param>
/// <param name="DamagedAt">Since when its bytes are known to be wrong, in Unix seconds; null while nothing is known against them.</param>
internal sealed record BlobToCheck(Digest Digest, long Size, string Key, long? DamagedAt);

/// <summary>The bytes of a manifest, to be checked.</summary>
internal sealed record ManifestToCheck(Digest Digest, byte[] Bytes, bool IsDamaged);

/// <summary>What is known of the bytes' being right. What is marked as damaged is shown to nobody.</summary>
internal interface ICheckedContent
{
    /// <summary>Blobs that were last checked before a time, and all that are marked, in order of digest.</summary>
    /// <param name="after">The digest that all of them come after.</param>
    /// <param name="before">Unix seconds.</param>
    /// <param name="count">How many at most.</param>
    ValueTask<IReadOnlyList<BlobToCheck>> BlobsAsync(string after, long before, int count);

    /// <summary>All blobs, in the order of their keys' bytes.</summary>
    /// <param name="after">The key that all of them come after.</param>
    /// <param name="count">How many at most.</param>
    ValueTask<IReadOnlyList<BlobToCheck>> ByKeyAsync(string after, int count);

    /// <summary>Whether the blob's bytes still lie under the key that was read.</summary>
    ValueTask<bool> IsCurrentAsync(BlobToCheck blob);

    /// <summary>Whether bytes have a row: of a blob, of the upload that wrote them, or because they are still to be deleted.</summary>
    ValueTask<bool> IsNamedAsync(string key);

    /// <summary>All manifests, in order of digest.</summary>
    /// <param name="after">The digest that all of them come after.</param>
    /// <param name="count">How many at most.</param>
    ValueTask<IReadOnlyList<ManifestToCheck>> ManifestsAsync(string after, int count);

    /// <summary>Notes that blobs were found right. No mark goes by this: one may have come since they were read.</summary>
    Task NoteIntactAsync(IReadOnlyList<BlobToCheck> blobs);

    /// <summary>Takes the mark away that a blob had when it was read; false when it is gone or another.</summary>
    Task<bool> HealAsync(BlobToCheck blob);

    /// <summary>Marks a blob whose bytes are wrong or missing.</summary>
    /// <returns>The repositories that hold it; null when its bytes lie elsewhere by now, or there is no such blob any more.</returns>
    Task<IReadOnlyList<string>?> MarkAsync(BlobToCheck blob);

    /// <summary>Marks a manifest as damaged or takes its mark away, if its bytes are still those that were read.</summary>
    /// <returns>The repositories that hold it; null when it has other bytes by now, or is gone.</returns>
    Task<IReadOnlyList<string>?> MarkAsync(ManifestToCheck manifest, bool isDamaged);
}
