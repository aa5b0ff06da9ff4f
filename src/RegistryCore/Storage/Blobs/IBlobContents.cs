using System.IO.Pipelines;
using System.Net;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>The bytes of blobs: in files, or in an object store.</summary>
internal interface IBlobContents
{
    /// <summary>Opens the bytes of a blob to send them; null when they are not there.</summary>
    /// <param name="blob">The blob, as its row has it.</param>
    /// <param name="first">What is to be sent first.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    /// <exception cref="IOException">They are not of the size that the row says: the storage is damaged.</exception>
    ValueTask<IBlobContent?> OpenAsync(BlobRecord blob, ByteRange first, CancellationToken cancellationToken);

    /// <summary>Where a client can get the bytes itself; null when it gets them from here.</summary>
    /// <param name="blob">The blob, as its row has it.</param>
    /// <param name="client">The client's address; null when it is not known.</param>
    Uri? RedirectFor(BlobRecord blob, IPAddress? client);

    /// <summary>
    /// Takes a finished file of the right digest into the store, durably, and links it. The file is gone afterwards.
    /// </summary>
    Task AddAsync(RepositoryName repository, Digest digest, string file, long size, CancellationToken cancellationToken);
}

/// <summary>The bytes of one blob, open to be sent.</summary>
internal interface IBlobContent : IDisposable
{
    /// <summary>Sends a range, and counts what was handed to the connection; ends early when the client has hung up.</summary>
    /// <param name="body">Where to.</param>
    /// <param name="range">A range within the blob.</param>
    /// <param name="cancellationToken">Says that the client has hung up.</param>
    /// <exception cref="IOException">The bytes end before the range does.</exception>
    /// <exception cref="OperationCanceledException">The client has hung up.</exception>
    Task SendAsync(PipeWriter body, ByteRange range, CancellationToken cancellationToken);
}
