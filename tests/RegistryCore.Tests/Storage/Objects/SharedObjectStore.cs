using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage.Objects;

/// <summary>One server of a kind for all tests of this assembly, started by the first that asks, and what its kind differs in.</summary>
public abstract class SharedObjectStore : IAsyncDisposable
{
    /// <summary>Makes an empty place for objects. The test is skipped where no server can be started.</summary>
    /// <param name="by">Where the registry reaches the server; null for its own URL.</param>
    internal abstract Task<ObjectStoreOptions> CreateAsync(Uri? by = null);

    /// <summary>A line to the server, with faults.</summary>
    internal abstract Task<StoreRelay> RelayAsync();

    /// <summary>
    /// Whether what is being written in parts has an id of its own and can be listed; otherwise the store drops it by itself, and that it
    /// is lost is noticed when it is completed.
    /// </summary>
    internal abstract bool NamesUploads { get; }

    /// <summary>The least size of a part but the last, in bytes.</summary>
    internal const int PartSize = RadosGateway.LeastPart;

    /// <summary>Names a place that does not exist.</summary>
    /// <returns>What the store says of it.</returns>
    internal abstract string Misname(ObjectStoreOptions options);

    /// <summary>The file with the secret that signs requests.</summary>
    internal abstract string SecretOf(ObjectStoreOptions options);

    /// <summary>Takes the secret from another file.</summary>
    internal abstract void UseSecret(ObjectStoreOptions options, string file);

    /// <summary>A secret that is well-formed, and wrong.</summary>
    internal abstract string WrongSecret { get; }

    /// <summary>Whether a request writes a part of a number.</summary>
    internal abstract bool IsPart(string path, int number);

    /// <summary>Whether a request makes an object of its parts.</summary>
    internal abstract bool Completes(string method, string path);

    /// <summary>Whether a request deletes objects.</summary>
    internal abstract bool Deletes(string method, string path);

    /// <summary>What the store is said to answer for an object that it does not delete.</summary>
    internal abstract string Undeleted { get; }

    /// <summary>What is the same of a request and its repetition.</summary>
    internal virtual string Same(string path) => path;

    /// <inheritdoc/>
    public abstract ValueTask DisposeAsync();
}
