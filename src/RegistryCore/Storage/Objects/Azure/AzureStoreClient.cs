using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using Azure;
using Azure.Core.Pipeline;
using Azure.Storage;
using Azure.Storage.Blobs;
using Azure.Storage.Blobs.Models;
using Azure.Storage.Blobs.Specialized;
using Azure.Storage.Sas;
using ByteRange = AuthIndex.RegistryCore.Protocol.ByteRange;

namespace AuthIndex.RegistryCore.Storage.Objects.Azure;

/// <summary>
/// A container of Azure Blob Storage. The parts of an object are blocks that its list names; a block has a name of its own, so that one
/// that comes late replaces none that counts. Blocks that no list names are dropped by the store after a week.
/// </summary>
internal sealed class AzureStoreClient : IStoreClient
{
    // Blocks belong to the object's name; there is no id beside it.
    private const string Blocks = "blocks";

    private const int ListedAtOnce = 5000;
    private const int DeletionsAtOnce = 16;

    private readonly StoreConnections connections = new();
    private readonly StoreKeys<Access> keys;
    private readonly AzureErrors errors;
    private readonly Uri address;
    private readonly string container;
    private readonly string prefix;

    /// <summary>Names a container; nothing is asked of it yet.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="log">Receives changes of the keys.</param>
    /// <exception cref="OperatorException">The file with the key is missing, empty, or others can get at it.</exception>
    public AzureStoreClient(AzureOptions options, TimeProvider clock, ILogger log)
    {
        address = options.ServiceUrl ?? throw new OperatorException($"{options.Section}.serviceUrl: is required");
        container = options.Container ?? throw new OperatorException($"{options.Section}.container: is required");
        if (options.AccountKeyFile is null == options.SasTokenFile is null)
        {
            throw new OperatorException($"{options.Section}: name one of accountKeyFile and sasTokenFile");
        }

        if (options is { Redirect: not null, AccountKeyFile: null })
        {
            throw new OperatorException($"{options.Section}.redirect: needs accountKeyFile: a SAS token cannot sign URLs");
        }

        prefix = options.Prefix;
        errors = new AzureErrors(clock);
        var (account, of) = (options.Account(address), new Uri($"{address.AbsoluteUri.TrimEnd('/')}/{container}"));
        var how = Settings();
        keys = options.AccountKeyFile is not null
            ? new StoreKeys<Access>(
                [new(options.AccountKeyFile, "the storage account's key")], texts => Access.ByKey(of, account, texts[0], how), log)
            : new StoreKeys<Access>(
                [new(options.SasTokenFile, "the object store's SAS token")], texts => Access.BySas(of, texts[0], how), log);
        Demands = (
            $"the container '{container}'",
            "A SAS token needs the permissions read, add, create, write, delete and list");
    }

    /// <inheritdoc/>
    public int MaxParts => 50_000;

    /// <inheritdoc/>
    public int MaxDeleted => 256;

    /// <inheritdoc/>
    public object Credentials => keys.Current;

    /// <inheritdoc/>
    public string? KeysFailure => keys.Failure;

    /// <inheritdoc/>
    public (string Place, string Needs) Demands { get; }

    /// <inheritdoc/>
    public async Task PutAsync(string key, ReadOnlyMemory<byte> content, Attempt attempt)
    {
        using var sent = SentContent.Of(content, attempt);
        await Blob(key).UploadAsync(sent, InOneRequest(content.Length), attempt.Token);
    }

    /// <inheritdoc/>
    public Task<string> BeginAsync(string key, Attempt attempt) => Task.FromResult(Blocks);

    /// <inheritdoc/>
    public async Task<string> PutPartAsync(string key, string uploadId, int number, ReadOnlyMemory<byte> content, Attempt attempt)
    {
        using var sent = SentContent.Of(content, attempt);

        // All names of an object's blocks must have one length.
        var name = Convert.ToBase64String(
            Encoding.ASCII.GetBytes($"{number:d5}-{RandomNumberGenerator.GetHexString(16, lowercase: true)}"));
        await Blob(key).StageBlockAsync(name, sent, new BlockBlobStageBlockOptions(), attempt.Token);
        return name;
    }

    /// <inheritdoc/>
    public Task CompleteAsync(string key, string uploadId, IReadOnlyList<ObjectPart> parts, Attempt attempt) =>
        Blob(key).CommitBlockListAsync(parts.Select(p => p.ETag), new CommitBlockListOptions(), attempt.Token);

    /// <summary>
    /// Blocks have no request by which they go. An object of none of them takes them with it, and is deleted; one that is complete is not
    /// overwritten.
    /// </summary>
    public async Task AbortAsync(string key, string uploadId, Attempt attempt)
    {
        var blob = Blob(key);
        try
        {
            var unlessComplete = new BlobRequestConditions { IfNoneMatch = ETag.All };
            await blob.CommitBlockListAsync([], new CommitBlockListOptions { Conditions = unlessComplete }, attempt.Token);
        }
        catch (RequestFailedException e) when (e.ErrorCode is "BlobAlreadyExists" or "ConditionNotMet")
        {
            // Complete, or empty because the answer to the first attempt was lost.
        }

        try
        {
            var there = (await blob.GetPropertiesAsync(cancellationToken: attempt.Token)).Value;
            if (there.ContentLength > 0) return;
            await blob.DeleteAsync(
                conditions: new BlobRequestConditions { IfMatch = there.ETag }, cancellationToken: attempt.Token);
        }
        catch (RequestFailedException e) when (e.ErrorCode is "BlobNotFound" or "ConditionNotMet")
        {
            // Somebody else was faster.
        }
    }

    /// <inheritdoc/>
    public async Task<StoreAnswer?> GetAsync(string key, ByteRange? range, Attempt attempt)
    {
        try
        {
            var access = keys.Current;
            return await access.Downloads.GetAsync(access.Container.GetBlobClient(prefix + key).Uri, range, attempt.Token);
        }
        catch (RequestFailedException e) when (e.ErrorCode is "BlobNotFound") // and no other 404, such as that of a proxy in between
        {
            return null;
        }
        catch (RequestFailedException e) when (e.ErrorCode is "InvalidRange")
        {
            throw ObjectUnreadableException.TooShort(key);
        }
    }

    /// <inheritdoc/>
    public async Task<long?> SizeAsync(string key, Attempt attempt)
    {
        try
        {
            return (await Blob(key).GetPropertiesAsync(cancellationToken: attempt.Token)).Value.ContentLength;
        }
        catch (RequestFailedException e) when (e.ErrorCode is "BlobNotFound")
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyList<string> keys, Attempt attempt)
    {
        var undeleted = new UndeletedBytes?[keys.Count];
        await Parallel.ForAsync(
            0, keys.Count, new ParallelOptions { MaxDegreeOfParallelism = DeletionsAtOnce, CancellationToken = attempt.Token },
            async (i, stop) =>
            {
                try
                {
                    await Blob(keys[i]).DeleteAsync(cancellationToken: stop);
                }
                catch (RequestFailedException e) when (e.ErrorCode is "BlobNotFound")
                {
                    // It is gone.
                }
                catch (RequestFailedException e) when (e is { Status: 409 or 412, ErrorCode: not (null or "ContainerBeingDeleted") })
                {
                    undeleted[i] = new UndeletedBytes(keys[i], e.ErrorCode); // a lease, a legal hold or snapshots keep it
                }

                attempt.Progress();
            });
        return [.. undeleted.OfType<UndeletedBytes>()];
    }

    /// <inheritdoc/>
    public async Task<StorePage<StoredBytes>> ListAsync(string start, string? from, Attempt attempt)
    {
        var pages = keys.Current.Container
            .GetBlobsAsync(new GetBlobsOptions { Prefix = prefix + start }, attempt.Token)
            .AsPages(from, ListedAtOnce);
        await foreach (var page in pages)
        {
            return new StorePage<StoredBytes>(
                [
                    .. page.Values.Select(b => new StoredBytes(
                        b.Name[prefix.Length..], b.Properties.ContentLength ?? 0, b.Properties.LastModified ?? DateTimeOffset.MinValue)),
                ],
                string.IsNullOrEmpty(page.ContinuationToken) ? null : page.ContinuationToken);
        }

        return new StorePage<StoredBytes>([], null);
    }

    /// <summary>
    /// None: the blocks of an object that is not complete are found by its name, and those of a forgotten one are dropped by the store.
    /// A list would have to go through all objects, and does not say how old they are.
    /// </summary>
    public Task<StorePage<OpenMultipart>> ListOpenAsync(string? from, Attempt attempt) =>
        Task.FromResult(new StorePage<OpenMultipart>([], null));

    /// <inheritdoc/>
    public string Sign(string key, DateTimeOffset until)
    {
        var access = keys.Current;
        var what = new BlobSasBuilder(BlobSasPermissions.Read, until)
        {
            BlobContainerName = container,
            BlobName = prefix + key,
            Resource = "b",
            Protocol = string.Equals(address.Scheme, Uri.UriSchemeHttps, StringComparison.Ordinal)
                ? SasProtocol.Https
                : SasProtocol.HttpsAndHttp,
        };
        var by = access.Key ?? throw new InvalidOperationException("Redirects were configured without a key.");
        return $"{access.Container.GetBlobClient(prefix + key).Uri.AbsoluteUri}?{what.ToSasQueryParameters(by)}";
    }

    /// <inheritdoc/>
    public StoreError? ErrorOf(Exception e) => errors.Of(e);

    /// <inheritdoc/>
    public void Dispose() => connections.Dispose();

    private BlockBlobClient Blob(string key) => keys.Current.Container.GetBlockBlobClient(prefix + key);

    /// <summary>Content of this size would be sent in blocks.</summary>
    private static BlobUploadOptions InOneRequest(int length) =>
        new() { TransferOptions = new StorageTransferOptions { InitialTransferSize = length + 1L } };

    /// <summary>Requests are repeated by <see cref="StoreRequests"/>, each attempt within a time limit of its own.</summary>
    private BlobClientOptions Settings()
    {
        var settings = new BlobClientOptions { Transport = new HttpClientTransport(connections.NewClient()) };
        settings.Retry.MaxRetries = 0;
        settings.Retry.NetworkTimeout = Timeout.InfiniteTimeSpan;
        settings.Diagnostics.IsLoggingEnabled = false; // of URLs, whose query may be a secret
        settings.Diagnostics.IsDistributedTracingEnabled = false;
        settings.Diagnostics.IsTelemetryEnabled = false;

        // What is sent goes by TLS.
        settings.TransferValidation.Upload.ChecksumAlgorithm = StorageChecksumAlgorithm.None;
        settings.TransferValidation.Download.ChecksumAlgorithm = StorageChecksumAlgorithm.None;
        return settings;
    }

    /// <summary>The container as it is reached with one key or SAS token.</summary>
    private sealed class Access(BlobContainerClient container, StorageSharedKeyCredential? key, BlobClientOptions how)
    {
        public BlobContainerClient Container { get; } = container;

        public AzureDownloads Downloads { get; } = new(container.GetParentBlobServiceClient(), how.Version);

        public StorageSharedKeyCredential? Key { get; } = key;

        public static Access ByKey(Uri container, string account, string key, BlobClientOptions how)
        {
            if (!Convert.TryFromBase64String(key, new byte[key.Length], out _))
            {
                throw new OperatorException("the storage account's key is not base64, as the portal shows it");
            }

            var credential = new StorageSharedKeyCredential(account, key);
            return new Access(new BlobContainerClient(container, credential, how), credential, how);
        }

        public static Access BySas(Uri container, string token, BlobClientOptions how) =>
            token.Contains("sig=", StringComparison.Ordinal)
                ? new Access(new BlobContainerClient(container, new AzureSasCredential(token), how), null, how)
                : throw new OperatorException("the object store's SAS token has no signature (sig=)");
    }
}
