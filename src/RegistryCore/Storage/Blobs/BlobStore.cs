using System.Net;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>The blobs: their bytes, and the rows that say which repository may show which.</summary>
internal sealed class BlobStore(IBlobContents contents, IBlobIndex index, RegistryMetrics metrics)
{
    /// <inheritdoc cref="IBlobIndex.FindAsync"/>
    public ValueTask<BlobRecord?> FindAsync(RepositoryName repository, Digest digest) => index.FindAsync(repository, digest);

    /// <inheritdoc cref="IBlobIndex.FindToKeepAsync"/>
    public ValueTask<BlobRecord?> FindToKeepAsync(RepositoryName repository, Digest digest) => index.FindToKeepAsync(repository, digest);

    /// <summary>Opens the bytes of a blob to send them; null when it has gone since it was found.</summary>
    /// <param name="repository">Where it was found.</param>
    /// <param name="blob">As it was found.</param>
    /// <param name="first">What is to be sent first.</param>
    /// <param name="cancellationToken">Ends the wait for the store.</param>
    /// <exception cref="IOException">The bytes are missing or cannot be read: the storage is damaged, which is never a 404.</exception>
    public async ValueTask<IBlobContent?> OpenAsync(
        RepositoryName repository, BlobRecord blob, ByteRange first, CancellationToken cancellationToken)
    {
        while (true)
        {
            if (await contents.OpenAsync(blob, first, cancellationToken) is { } content) return content;
            if (await index.FindAsync(repository, blob.Digest) is not { } current) return null;
            if (current == blob)
            {
                metrics.Unreadable();
                throw new IOException($"The bytes of blob {blob.Digest} are missing.");
            }

            blob = current; // pushed again meanwhile
        }
    }

    /// <inheritdoc cref="IBlobContents.RedirectFor"/>
    public Uri? RedirectFor(BlobRecord blob, IPAddress? client) => contents.RedirectFor(blob, client);

    /// <inheritdoc cref="IBlobContents.AddAsync"/>
    public Task AddAsync(RepositoryName repository, Digest digest, string file, long size, CancellationToken cancellationToken) =>
        contents.AddAsync(repository, digest, file, size, cancellationToken);

    /// <inheritdoc cref="IBlobIndex.LinkAsync"/>
    public Task<bool> LinkAsync(RepositoryName repository, Digest digest) => index.LinkAsync(repository, digest);

    /// <inheritdoc cref="IBlobIndex.MountAsync"/>
    public Task<bool> MountAsync(RepositoryName source, RepositoryName repository, Digest digest, string account) =>
        index.MountAsync(source, repository, digest, account);

    /// <inheritdoc cref="IBlobIndex.RemoveAsync"/>
    public Task<Deletion> RemoveAsync(RepositoryName repository, Digest digest, string account, bool evenIfNeeded) =>
        index.RemoveAsync(repository, digest, account, evenIfNeeded);
}
