using AuthIndex.RegistryCore.Storage.Objects.Requests;
using ByteRange = AuthIndex.RegistryCore.Protocol.ByteRange;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>
/// Reads an object, or a part of one, from the store as it arrives. An answer that breaks off, or that brings nothing for a while, is
/// asked for again from there; no object changes under its key.
/// </summary>
internal sealed class ObjectReader : IDisposable
{
    private const int MaxRetries = 3;

    private readonly ObjectStore store;
    private readonly StoreErrors errors;
    private readonly string key;
    private readonly long end;
    private StoreAnswer? answer;
    private long at;

    internal ObjectReader(ObjectStore store, StoreErrors errors, string key, ByteRange range, StoreAnswer answer) =>
        (this.store, this.errors, this.key, this.answer, at, end) = (store, errors, key, answer, range.First, range.Last + 1);

    /// <summary>How many bytes are still to come.</summary>
    public long Left => end - at;

    /// <summary>Reads what has come; 0 only at the end.</summary>
    /// <exception cref="ObjectStoreException">The store is not available, or does not give the bytes now.</exception>
    /// <exception cref="ObjectUnreadableException">The object has gone, or is shorter.</exception>
    public async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
    {
        if (Left == 0 || buffer.IsEmpty) return 0;
        if (buffer.Length > Left) buffer = buffer[..(int)Left];
        Exception? trouble = null;
        for (var retries = 0; retries <= MaxRetries; retries++)
        {
            answer ??= await store.AskAsync(key, new ByteRange(at, end - 1), cancellationToken)
                ?? throw new ObjectUnreadableException($"the object {key} has gone while it was read");
            try
            {
                var read = await ReadOnceAsync(answer.Content, buffer, cancellationToken);
                if (read > 0)
                {
                    at += read;
                    return read;
                }
            }
            catch (Exception e) when (errors.IsFailure(e, cancellationToken))
            {
                trouble = e;
            }

            answer.Dispose();
            answer = null;
        }

        throw await store.FailureAsync($"the object {key} breaks off at byte {at} of {end}", trouble, cancellationToken);
    }

    /// <inheritdoc/>
    public void Dispose() => answer?.Dispose();

    private async ValueTask<int> ReadOnceAsync(Stream stream, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(store.Silence);
        return await stream.ReadAsync(buffer, limit.Token);
    }
}
