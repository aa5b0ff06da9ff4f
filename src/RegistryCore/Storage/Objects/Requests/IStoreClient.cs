using ByteRange = AuthIndex.RegistryCore.Protocol.ByteRange;

namespace AuthIndex.RegistryCore.Storage.Objects.Requests;

/// <summary>
/// One kind of object store: each of its requests asked once, and what its errors mean. Keys are those of <see cref="ObjectStore"/>,
/// without the configured prefix.
/// </summary>
internal interface IStoreClient : IDisposable
{
    /// <summary>The most parts that an object can have.</summary>
    int MaxParts { get; }

    /// <summary>How many objects one <see cref="DeleteAsync"/> takes.</summary>
    int MaxDeleted { get; }

    /// <summary>With what requests are signed; another object once that has changed.</summary>
    object Credentials { get; }

    /// <summary>Why the files with the keys, which were changed, are not in use; null when they are.</summary>
    string? KeysFailure { get; }

    /// <summary>What the operator has configured and must allow, after the words "the object store refuses".</summary>
    (string Place, string Needs) Demands { get; }

    /// <summary>Writes an object.</summary>
    Task PutAsync(string key, ReadOnlyMemory<byte> content, Attempt attempt);

    /// <summary>Begins an object that is written in parts.</summary>
    /// <returns>The store's id for it.</returns>
    Task<string> BeginAsync(string key, Attempt attempt);

    /// <summary>Writes a part.</summary>
    /// <returns>What the store calls it.</returns>
    Task<string> PutPartAsync(string key, string uploadId, int number, ReadOnlyMemory<byte> content, Attempt attempt);

    /// <summary>Makes an object of its parts. Asked again, because the answer was lost, it finds the object there.</summary>
    Task CompleteAsync(string key, string uploadId, IReadOnlyList<ObjectPart> parts, Attempt attempt);

    /// <summary>Gives the parts of an object back that will not be made. One that is complete or unknown is left alone.</summary>
    Task AbortAsync(string key, string uploadId, Attempt attempt);

    /// <summary>Begins to read an object, or the part of it that a range names; null when the store says that there is none.</summary>
    /// <exception cref="ObjectUnreadableException">It is shorter than the range needs.</exception>
    Task<StoreAnswer?> GetAsync(string key, ByteRange? range, Attempt attempt);

    /// <summary>The size of an object in bytes; null when the store says that there is none.</summary>
    Task<long?> SizeAsync(string key, Attempt attempt);

    /// <summary>Deletes objects; those that do not exist are left alone.</summary>
    /// <returns>Those that the store answers it does not delete.</returns>
    Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyList<string> keys, Attempt attempt);

    /// <summary>Objects whose keys begin with a text, in order of their keys.</summary>
    /// <param name="start">The text.</param>
    /// <param name="from">Where the list goes on; null for its beginning.</param>
    /// <param name="attempt">This attempt.</param>
    Task<StorePage<StoredBytes>> ListAsync(string start, string? from, Attempt attempt);

    /// <summary>Objects that are being written in parts.</summary>
    /// <param name="from">Where the list goes on; null for its beginning.</param>
    /// <param name="attempt">This attempt.</param>
    Task<StorePage<OpenMultipart>> ListOpenAsync(string? from, Attempt attempt);

    /// <summary>A URL by which whoever has it can GET an object until then.</summary>
    string Sign(string key, DateTimeOffset until);

    /// <summary>What an error of this client means; null when it is not one of its own.</summary>
    StoreError? ErrorOf(Exception e);
}

/// <summary>A page of a list.</summary>
/// <param name="Items">What is on it.</param>
/// <param name="Next">Where the list goes on; null at its end.</param>
internal sealed record StorePage<T>(IReadOnlyList<T> Items, string? Next);

/// <summary>What goes wrong with lists.</summary>
internal static class StorePages
{
    /// <summary>A store that says "further" and not where would be asked for the same for ever.</summary>
    public static ObjectStoreException Lost() => new("the object store does not say where its list goes on");
}

/// <summary>The store's answer with the bytes of an object.</summary>
/// <param name="Content">The bytes as they arrive.</param>
/// <param name="Length">How many.</param>
/// <param name="Size">The size of the whole object in bytes; null if the answer does not say so.</param>
/// <param name="IsPart">Whether it answers a range.</param>
/// <param name="Whole">What to dispose of with it.</param>
internal sealed record StoreAnswer(Stream Content, long Length, long? Size, bool IsPart, IDisposable Whole) : IDisposable
{
    /// <inheritdoc/>
    public void Dispose() => Whole.Dispose();
}

/// <summary>What an error of a store's client means.</summary>
/// <param name="Message">What the client says, for the log. Without secrets.</param>
/// <param name="Reason">What went wrong, for people, without host and account; null when the store has not answered.</param>
/// <param name="IsRefusal">Whether the store understood, and will not, however often it is asked.</param>
/// <param name="IsLostUpload">Whether the store has lost an upload, or will not have its parts: it has to begin again.</param>
internal sealed record StoreError(string Message, string? Reason = null, bool IsRefusal = false, bool IsLostUpload = false);
