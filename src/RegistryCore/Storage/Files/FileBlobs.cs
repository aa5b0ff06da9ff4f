using System.IO.Pipelines;
using System.Net;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.TokenContract;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Storage.Files;

/// <summary>The bytes of blobs in files that are named by their digest.</summary>
internal sealed class FileBlobs(StorageDirectory directory, IBlobIndex index, DigestLocks locks) : IBlobContents
{
    /// <inheritdoc/>
    public ValueTask<IBlobContent?> OpenAsync(BlobRecord blob, ByteRange first, CancellationToken cancellationToken)
    {
        SafeFileHandle file;
        try
        {
            file = File.OpenHandle(directory.Blob(blob.Digest), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            return default;
        }

        if (RandomAccess.GetLength(file) is var length && length == blob.Size) return new(new FileContent(file));
        file.Dispose();
        throw new IOException($"The file of blob {blob.Digest} has {length} bytes, its record says {blob.Size}.");
    }

    /// <inheritdoc/>
    public Uri? RedirectFor(BlobRecord blob, IPAddress? client) => null;

    /// <inheritdoc/>
    /// <remarks>
    /// File and directory are synced, then the row is committed. After a crash in between the file lies unlinked, where a later push of
    /// the same blob finds its place.
    /// </remarks>
    public async Task AddAsync(RepositoryName repository, Digest digest, string file, long size, CancellationToken cancellationToken)
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

    private sealed class FileContent(SafeFileHandle file) : IBlobContent
    {
        public Task SendAsync(PipeWriter body, ByteRange range, CancellationToken cancellationToken) =>
            FileSender.SendAsync(body, file, range, cancellationToken);

        public void Dispose() => file.Dispose();
    }
}
