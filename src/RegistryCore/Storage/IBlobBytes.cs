using AuthIndex.RegistryCore.Storage.Scrubbing;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>Bytes as their store lists them.</summary>
/// <param name="Key">The key under which they lie.</param>
/// <param name="Size">How many they are.</param>
/// <param name="WrittenAt">When they were written.</param>
internal sealed record StoredBytes(string Key, long Size, DateTimeOffset WrittenAt);

/// <summary>Bytes that their store does not delete, although it answers.</summary>
/// <param name="Key">The key under which they lie.</param>
/// <param name="Reason">What the store says.</param>
internal sealed record UndeletedBytes(string Key, string Reason);

/// <summary>The bytes of blobs, by the keys that the rows name: for maintenance, which looks at them without a client.</summary>
internal interface IBlobBytes
{
    /// <summary>Deletes bytes; those that are not there are left alone.</summary>
    /// <returns>Those that the store refuses to delete.</returns>
    /// <exception cref="Exception">The store does not answer: of none is known whether it was deleted.</exception>
    Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken);

    /// <summary>Reads bytes, and says whether they are there, of the row's size and of its digest.</summary>
    /// <param name="blob">The row.</param>
    /// <param name="pace">Waits after each read, as long as the reader is to be held back.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <returns>Null when the store does not give the bytes now although it answers otherwise: nothing is known of them.</returns>
    /// <exception cref="Exception">The store does not answer: nothing is known of the bytes.</exception>
    Task<bool?> IsIntactAsync(BlobToCheck blob, Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken);

    /// <summary>How many bytes lie under a key; null when there are none.</summary>
    Task<long?> SizeAsync(string key, CancellationToken cancellationToken);

    /// <summary>Everything that is stored, in the order of its keys' bytes.</summary>
    IAsyncEnumerable<StoredBytes> ListAsync(CancellationToken cancellationToken);
}
