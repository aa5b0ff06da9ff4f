using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>The blobs: bytes in files that are named by their digest, and the rows that say which repository may show which.</summary>
internal sealed class BlobStore(StorageDirectory directory, IBlobIndex index, DigestLocks locks)
{
    /// <inheritdoc cref="IBlobIndex.FindAsync"/>
    public ValueTask<BlobRecord?> FindAsync(RepositoryName repository, Digest digest) => index.FindAsync(repository, digest);

    /// <inheritdoc cref="IBlobIndex.FindToKeepAsync"/>
    public ValueTask<BlobRecord?> FindToKeepAsync(RepositoryName repository, Digest digest) => index.FindToKeepAsync(repository, digest);

    /// <summary>Opens the bytes of a blob; null when it has gone since it was found.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read: the storage is damaged, which is never a 404.</exception>
    public async ValueTask<SafeFileHandle?> OpenAsync(RepositoryName repository, Digest digest)
    {
        try
        {
            return File.OpenHandle(directory.Blob(digest), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            if (await index.FindAsync(repository, digest) is not null) throw;
            return null;
        }
    }

    /// <summary>
    /// Takes a finished file of the right digest into the store and links it: file and directory are synced, then the row is committed.
    /// After a crash in between the file lies unlinked, where a later push of the same blob finds its place.
    /// </summary>
    public async Task AddAsync(RepositoryName repository, Digest digest, string file, long size)
    {
        using var turn = await locks.EnterAsync(digest);
        var path = directory.Blob(digest);
        File.Move(file, path, overwrite: true);
        Fault.Pass(FaultPoint.BlobMoved);
        DurableFile.SyncDirectory(ParentFolder.Of(path));
        Fault.Pass(FaultPoint.DirectorySynced);
        try
        {
            await index.AddAsync(repository, new BlobRecord(digest, size, digest.Value));
        }
        catch (StorageFullException)
        {
            // Room is short: give it back now. After other failures the row may yet prove durable, so the file waits for the collector.
            if (!await index.ExistsAsync(digest)) File.Delete(path);
            throw;
        }
    }

    /// <inheritdoc cref="IBlobIndex.LinkAsync"/>
    public Task<bool> LinkAsync(RepositoryName repository, Digest digest) => index.LinkAsync(repository, digest);

    /// <inheritdoc cref="IBlobIndex.MountAsync"/>
    public Task<bool> MountAsync(RepositoryName source, RepositoryName repository, Digest digest, string account) =>
        index.MountAsync(source, repository, digest, account);

    /// <inheritdoc cref="IBlobIndex.RemoveAsync"/>
    public Task<Deletion> RemoveAsync(RepositoryName repository, Digest digest, string account, bool evenIfNeeded) =>
        index.RemoveAsync(repository, digest, account, evenIfNeeded);
}
