using System.Buffers;
using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Scrubbing;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>The bytes of blobs in an object store, for maintenance.</summary>
internal sealed class ObjectBytes(ObjectStore store) : IBlobBytes
{
    private const int ReadSize = 256 * 1024;

    /// <inheritdoc/>
    public Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken) =>
        store.DeleteAsync(keys, cancellationToken);

    /// <inheritdoc/>
    public async Task<bool?> IsIntactAsync(
        BlobToCheck blob, Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken)
    {
        using var hash = IncrementalHash.CreateHash(blob.Digest.Algorithm);
        try
        {
            if (await store.SizeAsync(blob.Key, cancellationToken) != blob.Size) return false;

            // No store has a range of nothing.
            if (blob.Size > 0 && !await HashAsync(hash, blob, pace, cancellationToken)) return false;
        }
        catch (ObjectUnreadableException)
        {
            return false;
        }
        catch (ObjectStoreException) when (store.Problem is null)
        {
            return null;
        }

        return Digest.Of(blob.Digest.Algorithm, hash.GetCurrentHash()) == blob.Digest;
    }

    /// <inheritdoc/>
    public Task<long?> SizeAsync(string key, CancellationToken cancellationToken) => store.SizeAsync(key, cancellationToken);

    /// <inheritdoc/>
    public IAsyncEnumerable<StoredBytes> ListAsync(CancellationToken cancellationToken) => store.ListAsync("", cancellationToken);

    /// <summary>Takes all bytes in; false when they were deleted meanwhile.</summary>
    private async Task<bool> HashAsync(
        IncrementalHash hash, BlobToCheck blob, Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken)
    {
        using var reader = await store.OpenAsync(blob.Key, new ByteRange(0, blob.Size - 1), cancellationToken);
        if (reader is null) return false;
        var buffer = ArrayPool<byte>.Shared.Rent(ReadSize);
        try
        {
            while (await reader.ReadAsync(buffer, cancellationToken) is > 0 and var read)
            {
                hash.AppendData(buffer, 0, read);
                await pace(read, cancellationToken);
            }
        }
        finally
        {
            ArrayPool<byte>.Shared.Return(buffer);
        }

        return true;
    }
}
