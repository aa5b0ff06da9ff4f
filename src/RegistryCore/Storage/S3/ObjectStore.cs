using System.Net;
using System.Net.Sockets;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Text;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using ByteRange = AuthIndex.RegistryCore.Protocol.ByteRange;

namespace AuthIndex.RegistryCore.Storage.S3;

/// <summary>An object as a list names it.</summary>
/// <param name="Key">Its key, without the configured prefix.</param>
/// <param name="Size">Its size in bytes.</param>
/// <param name="WrittenAt">When it was written, by the store's clock.</param>
internal sealed record StoredObject(string Key, long Size, DateTimeOffset WrittenAt);

/// <summary>A multipart upload that is neither complete nor aborted.</summary>
/// <param name="Key">The key that its object would have, without the configured prefix.</param>
/// <param name="UploadId">The store's id for it.</param>
/// <param name="BegunAt">When it was begun, by the store's clock.</param>
internal sealed record OpenMultipart(string Key, string UploadId, DateTimeOffset BegunAt);

/// <summary>A part of a multipart upload.</summary>
/// <param name="Number">Its place, from 1.</param>
/// <param name="ETag">What the store called it.</param>
/// <param name="Size">Its size in bytes.</param>
internal sealed record ObjectPart(int Number, string ETag, long Size);

/// <summary>
/// A bucket of an S3-compatible object store, below a prefix. Requests that fail by the store's state are repeated a few times, and come
/// out as <see cref="ObjectStoreException"/> then. Keys are never used twice, so everything may be repeated.
/// </summary>
internal sealed class ObjectStore : IDisposable
{
    /// <summary>After which time asking again is worth a try.</summary>
    public static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);

    /// <summary>
    /// How long the store may take to do what moves no content, repetitions included, and may be silent while it sends some.
    /// </summary>
    internal static readonly TimeSpan AnswerTimeout = TimeSpan.FromSeconds(15);

    private const int MaxRetries = 3;
    private const int MaxKeysPerRequest = 1000;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    // Content that goes slower than 64 KiB/s is not worth waiting for.
    private const long LeastRate = 64 * 1024;

    // A store puts thousands of parts together in it.
    private static readonly TimeSpan CompletionTimeout = TimeSpan.FromMinutes(3);

    private readonly SocketsHttpHandler handler = new()
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = ConnectTimeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        UseCookies = false,
    };

    private readonly AmazonS3Client client;
    private readonly TimeProvider clock;
    private readonly Uri address;
    private readonly string bucket;
    private readonly string prefix;
    private volatile string? problem;

    /// <summary>Names a store; nothing is asked of it yet.</summary>
    /// <exception cref="OperatorException">A file with a key is missing, empty, or others can get at it.</exception>
    public ObjectStore(S3Options options, TimeProvider clock)
        : this(options, Credential(options.AccessKeyFile, "the object store's access key"),
            Credential(options.SecretKeyFile, "the object store's secret key"), clock)
    {
    }

    private ObjectStore(S3Options options, string accessKey, string secretKey, TimeProvider clock)
    {
        address = options.ServiceUrl ?? throw new OperatorException("registry.storage.s3.serviceUrl: is required");
        bucket = options.Bucket ?? throw new OperatorException("registry.storage.s3.bucket: is required");
        if (options.Prefix is [.., not '/'])
        {
            throw new OperatorException(
                $"registry.storage.s3.prefix: '{options.Prefix}' must end with a slash: without it, the objects of '{options.Prefix}2' "
                    + "would count as its own");
        }

        (prefix, this.clock) = (options.Prefix, clock);
        client = new AmazonS3Client(accessKey, secretKey, new AmazonS3Config
        {
            ServiceURL = address.AbsoluteUri,
            IgnoreConfiguredEndpointUrls = true, // what the environment says is meant for other programs
            AuthenticationRegion = options.Region,
            ForcePathStyle = options.ForcePathStyle,

            // Many stores know no trailing checksums; what is sent is signed, or goes by TLS.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = MaxRetries,
            HttpClientFactory = new Connections(handler),
        });
    }

    /// <summary>Why the store did not do what it was last asked; null when it did. Names no host and no account.</summary>
    public string? Problem => problem;

    /// <summary>The store's host, which clients reach when they are redirected.</summary>
    public string Host => address.Host;

    /// <summary>Writes an object in one request.</summary>
    public Task PutAsync(string key, Stream content, CancellationToken cancellationToken) => RunAsync(
        async limited =>
        {
            await client.PutObjectAsync(
                new PutObjectRequest
                {
                    BucketName = bucket,
                    Key = prefix + key,
                    InputStream = content,
                    AutoCloseStream = false,
                    ContentType = "application/octet-stream",
                    UseChunkEncoding = false,
                    DisablePayloadSigning = IsEncrypted,
                },
                limited);
            return true;
        },
        cancellationToken,
        TimeFor(content));

    /// <summary>Begins an object that is written in parts.</summary>
    /// <returns>The store's id for it.</returns>
    public Task<string> BeginAsync(string key, CancellationToken cancellationToken) => RunAsync(
        async limited => (await client.InitiateMultipartUploadAsync(
            new InitiateMultipartUploadRequest { BucketName = bucket, Key = prefix + key, ContentType = "application/octet-stream" },
            limited)).UploadId,
        cancellationToken);

    /// <summary>Writes a part; one of the same number before it is replaced.</summary>
    public Task<ObjectPart> PutPartAsync(
        string key, string uploadId, int number, Stream content, CancellationToken cancellationToken) => RunAsync(
        async limited =>
        {
            var size = content.Length - content.Position;
            var answer = await client.UploadPartAsync(
                new UploadPartRequest
                {
                    BucketName = bucket,
                    Key = prefix + key,
                    UploadId = uploadId,
                    PartNumber = number,
                    PartSize = size,
                    InputStream = content,
                    UseChunkEncoding = false,
                    DisablePayloadSigning = IsEncrypted,
                },
                limited);
            return new ObjectPart(number, answer.ETag, size);
        },
        cancellationToken,
        TimeFor(content));

    /// <summary>Makes an object of its parts. Asked again, because the answer was lost, it finds the object there.</summary>
    public Task CompleteAsync(
        string key, string uploadId, IReadOnlyList<ObjectPart> parts, CancellationToken cancellationToken) => RunAsync(
        async limited =>
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
                    limited);

                // A store that takes long begins its answer with 200 and may end it with an error, which then names no object.
                if (string.IsNullOrEmpty(answer.ETag) && await LengthAsync(key, limited) != parts.Sum(p => p.Size))
                {
                    throw new IOException("the store did not put the parts together");
                }

                return true;
            }
            catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                if (await LengthAsync(key, limited) == parts.Sum(p => p.Size)) return true;
                throw;
            }
        },
        cancellationToken,
        CompletionTimeout);

    /// <summary>Gives the parts of an object back that will not be made. One that is complete or unknown is left alone.</summary>
    public Task AbortAsync(string key, string uploadId, CancellationToken cancellationToken) => RunAsync(
        async limited =>
        {
            try
            {
                await client.AbortMultipartUploadAsync(bucket, prefix + key, uploadId, limited);
            }
            catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                return false;
            }

            return true;
        },
        cancellationToken);

    /// <summary>Reads an object, or the part of it that a range names; null when there is none.</summary>
    public async Task<ObjectReader?> OpenAsync(string key, ByteRange? range, CancellationToken cancellationToken)
    {
        if (await AskAsync(key, range, cancellationToken) is not { } answer) return null;
        return new ObjectReader(this, key, range ?? new ByteRange(0, answer.ContentLength - 1), answer);
    }

    /// <summary>The size of an object in bytes; null when there is none.</summary>
    public Task<long?> SizeAsync(string key, CancellationToken cancellationToken) =>
        RunAsync(limited => LengthAsync(key, limited), cancellationToken);

    /// <summary>Deletes objects; those that do not exist are left alone.</summary>
    public async Task DeleteAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        foreach (var some in keys.Chunk(MaxKeysPerRequest))
        {
            await RunAsync(
                limited => client.DeleteObjectsAsync(
                    new DeleteObjectsRequest
                    {
                        BucketName = bucket,
                        Objects = [.. some.Select(k => new KeyVersion { Key = prefix + k })],
                        Quiet = true,
                    },
                    limited),
                cancellationToken);
        }
    }

    /// <summary>All objects whose keys begin with a text, in order of their keys.</summary>
    public async IAsyncEnumerable<StoredObject> ListAsync(string start, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request { BucketName = bucket, Prefix = prefix + start };
        ListObjectsV2Response page;
        do
        {
            page = await RunAsync(limited => client.ListObjectsV2Async(request, limited), cancellationToken);
            foreach (var found in page.S3Objects ?? [])
            {
                yield return new StoredObject(found.Key[prefix.Length..], found.Size ?? 0, At(found.LastModified));
            }

            request.ContinuationToken = Further(request.ContinuationToken, page.NextContinuationToken, page.IsTruncated);
        }
        while (page.IsTruncated == true);
    }

    /// <summary>All objects below the prefix that are being written in parts.</summary>
    public async IAsyncEnumerable<OpenMultipart> ListOpenAsync([EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListMultipartUploadsRequest { BucketName = bucket, Prefix = prefix };
        ListMultipartUploadsResponse page;
        do
        {
            page = await RunAsync(limited => client.ListMultipartUploadsAsync(request, limited), cancellationToken);
            foreach (var found in page.MultipartUploads ?? [])
            {
                yield return new OpenMultipart(found.Key[prefix.Length..], found.UploadId, At(found.Initiated));
            }

            Further($"{request.KeyMarker} {request.UploadIdMarker}", $"{page.NextKeyMarker} {page.NextUploadIdMarker}", page.IsTruncated);
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
        while (page.IsTruncated == true);
    }

    /// <summary>A URL by which whoever has it can GET an object, and nothing else, for a while.</summary>
    public Uri Presign(string key, TimeSpan lifetime) => new(client.GetPreSignedURL(new GetPreSignedUrlRequest
    {
        BucketName = bucket,
        Key = prefix + key,
        Verb = HttpVerb.GET,
        Expires = (clock.GetUtcNow() + lifetime).UtcDateTime,
        Protocol = IsEncrypted ? Amazon.S3.Protocol.HTTPS : Amazon.S3.Protocol.HTTP,
    }));

    /// <summary>Asks the store for something small, so that <see cref="Problem"/> is as of now.</summary>
    /// <exception cref="ObjectStoreException">It does not answer, or refuses.</exception>
    public Task ProbeAsync(CancellationToken cancellationToken) =>
        RunAsync(limited => IsListedAsync("probe", limited), cancellationToken);

    /// <summary>Writes, lists, reads and deletes an object, as the registry will have to.</summary>
    /// <exception cref="OperatorException">The store answers, and refuses.</exception>
    /// <exception cref="ObjectStoreException">The store does not answer.</exception>
    public async Task TryOutAsync(CancellationToken cancellationToken)
    {
        try
        {
            var key = $"probe-{RandomNumberGenerator.GetHexString(16, lowercase: true)}";
            using (var content = new MemoryStream("AuthIndex"u8.ToArray())) await PutAsync(key, content, cancellationToken);
            await foreach (var _ in ListAsync(key, cancellationToken)) break;
            using (await OpenAsync(key, null, cancellationToken))
            {
                await DeleteAsync([key], cancellationToken);
            }
        }
        catch (ObjectStoreException e) when (e.InnerException is AmazonS3Exception refusal && IsRefusal(refusal))
        {
            throw new OperatorException(
                $"registry.storage.s3: the object store refuses the bucket '{bucket}': {Reason(refusal)}. The account must be allowed to "
                    + "get, put, list and delete objects below the prefix, and to list and abort multipart uploads",
                e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        client.Dispose();
        handler.Dispose();
    }

    /// <summary>Begins to read an object; null when there is none.</summary>
    internal Task<GetObjectResponse?> AskAsync(string key, ByteRange? range, CancellationToken cancellationToken) => RunAsync(
        async limited =>
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
                    limited);
                if (range is not { } wanted || Brings(answer, wanted)) return answer;
                answer.Dispose();
                throw new IOException("the store answers with another range than it was asked for");
            }
            catch (AmazonS3Exception e) when (e.ErrorCode is "NoSuchKey") // and no other 404, such as that of a proxy in between
            {
                return null;
            }
        },
        cancellationToken);

    /// <summary>Notes that the store does not do what it is asked, and gives what to throw.</summary>
    internal ObjectStoreException Failed(string what, Exception? cause)
    {
        problem = cause is AmazonS3Exception refusal && (int)refusal.StatusCode > 0
            ? Reason(refusal)
            : "it cannot be reached, or does not answer in time";
        return new ObjectStoreException($"the object store is not available: {what}: {cause?.Message ?? problem}", cause);
    }

    /// <summary>Whether something failed by the state of the store or of the way to it.</summary>
    internal static bool IsOutage(Exception e, CancellationToken cancellationToken) =>
        !cancellationToken.IsCancellationRequested // whoever asked has left, and cut what was on its way
        && e is OperationCanceledException or AmazonServiceException or AmazonClientException or HttpRequestException or IOException
            or SocketException or TimeoutException;

    private bool IsEncrypted => string.Equals(address.Scheme, Uri.UriSchemeHttps, StringComparison.Ordinal);

    private static TimeSpan TimeFor(Stream content) =>
        AnswerTimeout + TimeSpan.FromSeconds((content.Length - content.Position) / LeastRate);

    /// <summary>Asks, and repeats what may do better: within a time limit, which is that of small questions where none is given.</summary>
    private async Task<T> RunAsync<T>(
        Func<CancellationToken, Task<T>> request,
        CancellationToken cancellationToken,
        TimeSpan? within = null,
        [CallerMemberName] string what = "")
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        limit.CancelAfter(within ?? AnswerTimeout);
        try
        {
            var answer = await request(limit.Token);
            problem = null;
            return answer;
        }
        catch (Exception e) when (IsOutage(e, cancellationToken))
        {
            throw Failed(what, e);
        }
    }

    private async Task<long?> LengthAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return (await client.GetObjectMetadataAsync(bucket, prefix + key, cancellationToken)).ContentLength;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            // An answer to HEAD has no body that would say what is missing: the bucket perhaps, or all of the store behind a proxy.
            if (await IsListedAsync(key, cancellationToken)) throw;
            return null;
        }
    }

    private async Task<bool> IsListedAsync(string key, CancellationToken cancellationToken) => (await client.ListObjectsV2Async(
        new ListObjectsV2Request { BucketName = bucket, Prefix = prefix + key, MaxKeys = 1 }, cancellationToken))
        .S3Objects is [{ Key: var first }] && string.Equals(first, prefix + key, StringComparison.Ordinal);

    private static bool Brings(GetObjectResponse answer, ByteRange wanted) =>
        answer.ContentLength == wanted.Last - wanted.First + 1
        && (wanted.First == 0 || answer.HttpStatusCode == HttpStatusCode.PartialContent);

    /// <summary>Where a list goes on; a store that says "further" and not where would be asked for its beginning for ever.</summary>
    private static string? Further(string? before, string? next, bool? isTruncated) =>
        isTruncated == true && (string.IsNullOrWhiteSpace(next) || string.Equals(before, next, StringComparison.Ordinal))
            ? throw new ObjectStoreException("the object store does not say where its list goes on")
            : next;

    /// <summary>Whether the store understood, and will not, however often it is asked.</summary>
    private static bool IsRefusal(AmazonS3Exception e) =>
        (int)e.StatusCode is >= 300 and < 500 and not ((int)HttpStatusCode.RequestTimeout or (int)HttpStatusCode.TooManyRequests);

    private static string Reason(AmazonS3Exception e) => (e.ErrorCode, e.StatusCode) switch
    {
        ("InvalidAccessKeyId", _) => "it does not know the access key",
        ("SignatureDoesNotMatch", _) => "the secret key does not belong to the access key (SignatureDoesNotMatch)",
        ("RequestTimeTooSkewed", _) => "its clock and this server's differ by too much",
        ("NoSuchBucket", _) => "there is no such bucket",
        ("SlowDown", _) or (_, HttpStatusCode.ServiceUnavailable) => "it is overloaded",
        (_, HttpStatusCode.Forbidden) => "the account may not do this (403)",
        _ => $"it answers {(int)e.StatusCode} {e.ErrorCode}",
    };

    private static string Credential(string? file, string what) =>
        Encoding.UTF8.GetString(SecretFile.Read(file ?? "", what, "write the key into it")).Trim();

    private static DateTimeOffset At(DateTime? time) =>
        time is { } known ? new DateTimeOffset(known.ToUniversalTime(), TimeSpan.Zero) : DateTimeOffset.MinValue;

    /// <summary>Connections of the store's own: a host that is not there is noticed soon, and a new address of its name as well.</summary>
    private sealed class Connections(SocketsHttpHandler handler) : HttpClientFactory
    {
        public override HttpClient CreateHttpClient(IClientConfig clientConfig) => new(handler, disposeHandler: false)
        {
            Timeout = System.Threading.Timeout.InfiniteTimeSpan, // each request has a limit of its own
        };

        public override bool UseSDKHttpClientCaching(IClientConfig clientConfig) => true;

        public override bool DisposeHttpClientsAfterUse(IClientConfig clientConfig) => false;
    }
}
