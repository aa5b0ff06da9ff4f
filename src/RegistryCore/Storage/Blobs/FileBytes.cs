using System.Runtime.CompilerServices;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Scrubbing;

namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>The bytes of blobs in the registry's folder: each key is a digest.</summary>
internal sealed class FileBytes(StorageDirectory directory) : IBlobBytes
{
    /// <inheritdoc/>
    public Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        foreach (var key in keys) File.Delete(PathOf(key));
        return Task.FromResult<IReadOnlyList<UndeletedBytes>>([]);
    }

    /// <inheritdoc/>
    public async Task<bool?> IsIntactAsync(
        BlobToCheck blob, Func<int, CancellationToken, ValueTask> pace, CancellationToken cancellationToken) =>
        await BlobFile.IsIntactAsync(PathOf(blob.Key), blob.Digest, blob.Size, pace, cancellationToken);

    /// <inheritdoc/>
    public Task<long?> SizeAsync(string key, CancellationToken cancellationToken) =>
        Task.FromResult(new FileInfo(PathOf(key)) is { Exists: true } file ? file.Length : (long?)null);

    /// <inheritdoc/>
    public async IAsyncEnumerable<StoredBytes> ListAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var (folder, prefix) in directory.BlobFolders)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var file in new DirectoryInfo(folder).GetFiles().OrderBy(f => f.Name, StringComparer.Ordinal))
            {
                yield return new StoredBytes($"{prefix[..7]}{file.Name}", file.Length, new DateTimeOffset(file.LastWriteTimeUtc));
            }
        }

        await Task.CompletedTask;
    }

    private string PathOf(string key) => directory.Blob(Digest.ParseStored(key));
}
