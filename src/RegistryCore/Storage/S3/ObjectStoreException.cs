namespace AuthIndex.RegistryCore.Storage.S3;

/// <summary>
/// The object store did not do what it was asked to: it cannot be reached, is overloaded, took too long, or refuses. Of a write nobody
/// can tell whether it was done; whoever asked is told to ask again.
/// </summary>
internal sealed class ObjectStoreException(string message, Exception? inner = null) : Exception(message, inner);
