namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>
/// The object store did not do what it was asked to: it cannot be reached, is overloaded, took too long, or refuses. Of a write nobody
/// can tell whether it was done; whoever asked is told to ask again.
/// </summary>
internal class ObjectStoreException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>
/// The object store has lost an upload, or will not have its parts. It does not help to ask again: the upload has to begin again.
/// </summary>
internal sealed class UploadRefusedException(string message, Exception inner) : ObjectStoreException(message, inner);

/// <summary>
/// The object store has answered that an object is gone or shorter than it was. An answer that does not come, or is an error, proves no
/// damage: that is an <see cref="ObjectStoreException"/>, for one object as for all.
/// </summary>
internal sealed class ObjectUnreadableException(string message, Exception? inner = null) : IOException(message, inner)
{
    /// <summary>An object is shorter than the range that was asked of it.</summary>
    public static ObjectUnreadableException TooShort(string key) => new($"the object {key} is shorter than it was written");
}

/// <summary>More bytes than an object can have parts for.</summary>
/// <param name="most">How many bytes it can have.</param>
/// <param name="section">The section of the configuration that says how large parts are.</param>
internal sealed class BlobTooLargeException(long most, string section)
    : Exception($"a blob may have at most {most} bytes ({section}.partSize)")
{
    /// <summary>How many bytes it can have.</summary>
    public long Most => most;
}
