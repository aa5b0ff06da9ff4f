using System.IO.Pipelines;
using System.Net;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>The bytes of blobs in an object store, under the keys that their rows name.</summary>
internal sealed class ObjectBlobs(ObjectStore store, IUploadStore uploads, RegistryMetrics metrics, RedirectOptions? redirect)
    : IBlobContents
{
    /// <inheritdoc/>
    public async ValueTask<IBlobContent?> OpenAsync(BlobRecord blob, ByteRange first, CancellationToken cancellationToken)
    {
        if (blob.Size == 0) return new ObjectContent(store, metrics, blob.Key, null, first); // no store has a range of it
        try
        {
            return await store.OpenAsync(blob.Key, first, cancellationToken) is { } reader
                ? new ObjectContent(store, metrics, blob.Key, reader, first)
                : null;
        }
        catch (Exception e) when (store.IsOfOneObject(e))
        {
            metrics.Unreadable();
            throw;
        }
    }

    /// <inheritdoc/>
    public Uri? RedirectFor(BlobRecord blob, IPAddress? client)
    {
        if (redirect is null || blob.Size < redirect.Above.Bytes) return null;
        var address = client is { IsIPv4MappedToIPv6: true } ? client.MapToIPv4() : client;
        return address is not null && redirect.Except.Exists(n => n.Contains(address)) ? null : store.Presign(blob.Key, redirect.For);
    }

    /// <inheritdoc/>
    public async Task AddAsync(RepositoryName repository, Digest digest, string file, long size, CancellationToken cancellationToken)
    {
        var session = await uploads.CreateTransientAsync(repository, "", digest.Algorithm);
        try
        {
            await using var content = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.Read, bufferSize: 0, useAsync: false);
            var body = PipeReader.Create(content);
            if (await session.AppendAsync(body, cancellationToken) is { } stored
                && await session.FinishAsync(digest, cancellationToken) is { } actual)
            {
                if (stored != size || actual != digest)
                {
                    throw new IOException($"The file of blob {digest} was changed while it was stored.");
                }
            }
            else
            {
                throw new ObjectStoreException($"the object store has lost the upload of the blob {digest}");
            }
        }
        finally
        {
            await session.RemoveAsync();
        }

        File.Delete(file);
    }

    private sealed class ObjectContent(
        ObjectStore store, RegistryMetrics metrics, string key, ObjectReader? reader, ByteRange open) : IBlobContent
    {
        private const int ReadSize = 64 * 1024;

        private ObjectReader? reader = reader;

        public async Task SendAsync(PipeWriter body, ByteRange range, CancellationToken cancellationToken)
        {
            try
            {
                await ReadAndSendAsync(body, range, cancellationToken);
            }
            catch (Exception e) when (store.IsOfOneObject(e))
            {
                metrics.Unreadable();
                throw;
            }
        }

        public void Dispose() => reader?.Dispose();

        private async Task ReadAndSendAsync(PipeWriter body, ByteRange range, CancellationToken cancellationToken)
        {
            var record = RequestRecord.Current;
            record?.Sent ??= 0;
            if (range.Length == 0) return;
            if (reader is null || range != open)
            {
                reader?.Dispose();
                reader = await store.OpenAsync(key, range, cancellationToken)
                    ?? throw new ObjectUnreadableException($"the object {key} has gone");
            }

            while (reader.Left > 0)
            {
                var read = await reader.ReadAsync(body.GetMemory((int)Math.Min(ReadSize, reader.Left)), cancellationToken);
                body.Advance(read);
                var flushed = await body.FlushAsync(CancellationToken.None); // as for files: what many clients have must count as sent
                record?.Sent += read;
                if (flushed.IsCompleted) return;
            }

            reader.Dispose();
            reader = null;
        }
    }
}
