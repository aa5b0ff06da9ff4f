using System.Net;
using System.Net.Http.Headers;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using ByteRange = AuthIndex.RegistryCore.Protocol.ByteRange;

namespace AuthIndex.RegistryCore.Storage.Objects.S3;

/// <summary>A bucket of an S3-compatible object store.</summary>
internal sealed class S3StoreClient : IStoreClient
{
    private readonly StoreConnections connections = new();
    private readonly AmazonS3Client client;
    private readonly StoreKeys<ImmutableCredentials> keys;
    private readonly Uri address;
    private readonly string bucket;
    private readonly string prefix;

    /// <summary>Names a bucket; nothing is asked of it yet.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="log">Receives changes of the keys.</param>
    /// <exception cref="OperatorException">A file with a key is missing, empty, or others can get at it.</exception>
    public S3StoreClient(S3Options options, ILogger log)
    {
        address = options.ServiceUrl ?? throw new OperatorException($"{options.Section}.serviceUrl: is required");
        bucket = options.Bucket ?? throw new OperatorException($"{options.Section}.bucket: is required");
        prefix = options.Prefix;
        keys = new StoreKeys<ImmutableCredentials>(
            [
                new(options.AccessKeyFile, "the object store's access key"),
                new(options.SecretKeyFile, "the object store's secret key"),
            ],
            texts => new ImmutableCredentials(texts[0], texts[1], token: null),
            log);
        client = new AmazonS3Client(new CurrentKeys(keys), new AmazonS3Config
        {
            ServiceURL = address.AbsoluteUri,
            IgnoreConfiguredEndpointUrls = true, // what the environment says is meant for other programs
            AuthenticationRegion = options.Region,
            ForcePathStyle = options.ForcePathStyle,

            // Many stores know no trailing checksums; what is sent is signed, or goes by TLS.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = 0, // repeated by StoreRequests, each attempt within a time limit of its own
            MaxStaleConnectionRetries = 0,
            HttpClientFactory = new Connections(connections),
        });
        Demands = (
            $"the bucket '{bucket}'",
            "The account must be allowed to get, put, list and delete objects below the prefix, and to list and abort multipart uploads");
    }

    /// <inheritdoc/>
    public int MaxParts => 10_000;

    /// <inheritdoc/>
    public int MaxDeleted => 1000;

    /// <inheritdoc/>
    public object Credentials => keys.Current;

    /// <inheritdoc/>
    public string? KeysFailure => keys.Failure;

    /// <inheritdoc/>
    public (string Place, string Needs) Demands { get; }

    private bool IsEncrypted => string.Equals(address.Scheme, Uri.UriSchemeHttps, StringComparison.Ordinal);

    /// <inheritdoc/>
    public async Task PutAsync(string key, ReadOnlyMemory<byte> content, Attempt attempt)
    {
        using var sent = SentContent.Of(content, attempt);
        await client.PutObjectAsync(
            new PutObjectRequest
            {
                BucketName = bucket,
                Key = prefix + key,
                InputStream = sent,
                AutoCloseStream = false,
                ContentType = "application/octet-stream",
                UseChunkEncoding = false,
                DisablePayloadSigning = IsEncrypted,
            },
            attempt.Token);
    }

    /// <inheritdoc/>
    public async Task<string> BeginAsync(string key, Attempt attempt) => (await client.InitiateMultipartUploadAsync(
        new InitiateMultipartUploadRequest { BucketName = bucket, Key = prefix + key, ContentType = "application/octet-stream" },
        attempt.Token)).UploadId;

    /// <inheritdoc/>
    public async Task<string> PutPartAsync(string key, string uploadId, int number, ReadOnlyMemory<byte> content, Attempt attempt)
    {
        using var sent = SentContent.Of(content, attempt);
        var answer = await client.UploadPartAsync(
            new UploadPartRequest
            {
                BucketName = bucket,
                Key = prefix + key,
                UploadId = uploadId,
                PartNumber = number,
                PartSize = content.Length,
                InputStream = sent,
                UseChunkEncoding = false,
                DisablePayloadSigning = IsEncrypted,
            },
            attempt.Token);
        return answer.ETag;
    }

    /// <inheritdoc/>
    public async Task CompleteAsync(string key, string uploadId, IReadOnlyList<ObjectPart> parts, Attempt attempt)
    {
        try
        {
            var answer = await client.CompleteMultipartUploadAsync(
                new CompleteMultipartUploadRequest
                {
                    BucketName = bucket,
                    Key = prefix + key,
                    UploadId = uploadId,
                    PartETags = [.. parts.Select(p => new PartETag(p.Number, p.ETag))],
                },
                attempt.Token);

            // A store that takes long begins its answer with 200 and may end it with an error, which then names no object.
            if (string.IsNullOrEmpty(answer.ETag) && await SizeAsync(key, attempt) != parts.Sum(p => p.Size))
            {
                throw new IOException("the store did not put the parts together");
            }
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            if (await SizeAsync(key, attempt) != parts.Sum(p => p.Size)) throw;
        }
    }

    /// <inheritdoc/>
    public async Task AbortAsync(string key, string uploadId, Attempt attempt)
    {
        try
        {
            await client.AbortMultipartUploadAsync(bucket, prefix + key, uploadId, attempt.Token);
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            // It is complete or unknown.
        }
    }

    /// <inheritdoc/>
    public async Task<StoreAnswer?> GetAsync(string key, ByteRange? range, Attempt attempt)
    {
        try
        {
            var answer = await client.GetObjectAsync(
                new GetObjectRequest
                {
                    BucketName = bucket,
                    Key = prefix + key,
                    ByteRange = range is { First: var first, Last: var last } ? new Amazon.S3.Model.ByteRange(first, last) : null,
                },
                attempt.Token);
            var isPart = answer.HttpStatusCode == HttpStatusCode.PartialContent;
            long? size = !isPart ? answer.ContentLength
                : ContentRangeHeaderValue.TryParse(answer.ContentRange, out var part) ? part.Length
                : null;
            return new StoreAnswer(answer.ResponseStream, answer.ContentLength, size, isPart, answer);
        }
        catch (AmazonS3Exception e) when (e.ErrorCode is "NoSuchKey") // and no other 404, such as that of a proxy in between
        {
            return null;
        }
        catch (AmazonS3Exception e) when (e.ErrorCode is "InvalidRange")
        {
            throw ObjectUnreadableException.TooShort(key);
        }
    }

    /// <inheritdoc/>
    public async Task<long?> SizeAsync(string key, Attempt attempt)
    {
        try
        {
            return (await client.GetObjectMetadataAsync(bucket, prefix + key, attempt.Token)).ContentLength;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            // An answer to HEAD has no body that would say what is missing: the bucket perhaps, or all of the store behind a proxy.
            using var answer = await GetAsync(key, null, attempt);
            if (answer is not null) throw;
            return null;
        }
    }

    /// <inheritdoc/>
    public async Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyList<string> keys, Attempt attempt)
    {
        try
        {
            await client.DeleteObjectsAsync(
                new DeleteObjectsRequest
                {
                    BucketName = bucket,
                    Objects = [.. keys.Select(k => new KeyVersion { Key = prefix + k })],
                    Quiet = true,
                },
                attempt.Token);
            return [];
        }
        catch (DeleteObjectsException e) when (e.Response?.DeleteErrors is { Count: > 0 } errors) // of some, in an answer with 200
        {
            return [.. errors.Select(error => new UndeletedBytes(error.Key[prefix.Length..], $"{error.Code} {error.Message}".Trim()))];
        }
    }

    /// <inheritdoc/>
    public async Task<StorePage<StoredBytes>> ListAsync(string start, string? from, Attempt attempt)
    {
        var page = await client.ListObjectsV2Async(
            new ListObjectsV2Request { BucketName = bucket, Prefix = prefix + start, ContinuationToken = from }, attempt.Token);
        return new StorePage<StoredBytes>(
            [.. (page.S3Objects ?? []).Select(o => new StoredBytes(o.Key[prefix.Length..], o.Size ?? 0, At(o.LastModified)))],
            Further(page.IsTruncated, page.NextContinuationToken));
    }

    /// <inheritdoc/>
    public async Task<StorePage<OpenMultipart>> ListOpenAsync(string? from, Attempt attempt)
    {
        // Ids of uploads have no line break.
        var marker = from is null ? [] : (string[])[from[..from.LastIndexOf('\n')], from[(from.LastIndexOf('\n') + 1)..]];
        var page = await client.ListMultipartUploadsAsync(
            new ListMultipartUploadsRequest
            {
                BucketName = bucket,
                Prefix = prefix,
                KeyMarker = marker.FirstOrDefault(),
                UploadIdMarker = marker.LastOrDefault(),
            },
            attempt.Token);
        return new StorePage<OpenMultipart>(
            [.. (page.MultipartUploads ?? []).Select(u => new OpenMultipart(u.Key[prefix.Length..], u.UploadId, At(u.Initiated)))],
            Further(page.IsTruncated, $"{page.NextKeyMarker}\n{page.NextUploadIdMarker}"));
    }

    /// <inheritdoc/>
    public string Sign(string key, DateTimeOffset until) => client.GetPreSignedURL(new GetPreSignedUrlRequest
    {
        BucketName = bucket,
        Key = prefix + key,
        Verb = HttpVerb.GET,
        Expires = until.UtcDateTime,
        Protocol = IsEncrypted ? Amazon.S3.Protocol.HTTPS : Amazon.S3.Protocol.HTTP,
    });

    /// <inheritdoc/>
    public StoreError? ErrorOf(Exception e) => S3Errors.Of(e);

    /// <inheritdoc/>
    public void Dispose()
    {
        client.Dispose();
        connections.Dispose();
    }

    private static string? Further(bool? isTruncated, string? next) =>
        isTruncated != true ? null
        : string.IsNullOrWhiteSpace(next) ? throw StorePages.Lost()
        : next;

    private static DateTimeOffset At(DateTime? time) =>
        time is { } known ? new DateTimeOffset(known.ToUniversalTime(), TimeSpan.Zero) : DateTimeOffset.MinValue;

    private sealed class CurrentKeys(StoreKeys<ImmutableCredentials> keys) : AWSCredentials
    {
        public override ImmutableCredentials GetCredentials() => keys.Current;
    }

    private sealed class Connections(StoreConnections connections) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => connections.NewClient();

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => true;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;
    }
}
