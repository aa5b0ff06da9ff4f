using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using Amazon.Runtime;
using Amazon.S3;
using Amazon.S3.Model;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Storage.S3.Requests;
using Microsoft.Extensions.Logging.Abstractions;
using ByteRange = AuthIndex.RegistryCore.Protocol.ByteRange;

namespace AuthIndex.RegistryCore.Storage.S3;

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
    // What the keys of objects begin with that only try the store out, and how many hexadecimal digits follow.
    private const string ProbeStart = "probe-";
    private const int ProbeDigits = 16;

    private const int MaxKeysPerRequest = 1000;

    private static readonly TimeSpan ConnectTimeout = TimeSpan.FromSeconds(3);

    private readonly SocketsHttpHandler handler = new()
    {
        AllowAutoRedirect = false,
        AutomaticDecompression = DecompressionMethods.None,
        ConnectTimeout = ConnectTimeout,
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        UseCookies = false,
    };

    private readonly AmazonS3Client client;
    private readonly StoreRequests requests;
    private readonly S3Keys keys;
    private readonly PresignedUrls urls;
    private readonly Uri address;
    private readonly string bucket;
    private readonly string prefix;

    /// <summary>Names a store; nothing is asked of it yet.</summary>
    /// <param name="options">Where it is.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="log">Receives changes of the keys.</param>
    /// <param name="timing">How long it is waited for; null for what a server waits.</param>
    /// <exception cref="OperatorException">A file with a key is missing, empty, or others can get at it.</exception>
    public ObjectStore(S3Options options, TimeProvider clock, ILogger<ObjectStore>? log = null, ObjectStoreTiming? timing = null)
    {
        address = options.ServiceUrl ?? throw new OperatorException("registry.storage.s3.serviceUrl: is required");
        bucket = options.Bucket ?? throw new OperatorException("registry.storage.s3.bucket: is required");
        if (options.Prefix is [.., not '/'])
        {
            throw new OperatorException(
                $"registry.storage.s3.prefix: '{options.Prefix}' must end with a slash: without it, the objects of '{options.Prefix}2' "
                    + "would count as its own");
        }

        prefix = options.Prefix;
        requests = new StoreRequests(timing ?? ObjectStoreTiming.Default, clock, AskAnythingAsync);
        keys = new S3Keys(options.AccessKeyFile, options.SecretKeyFile, (ILogger?)log ?? NullLogger.Instance);
        client = new AmazonS3Client(keys, new AmazonS3Config
        {
            ServiceURL = address.AbsoluteUri,
            IgnoreConfiguredEndpointUrls = true, // what the environment says is meant for other programs
            AuthenticationRegion = options.Region,
            ForcePathStyle = options.ForcePathStyle,

            // Many stores know no trailing checksums; what is sent is signed, or goes by TLS.
            RequestChecksumCalculation = RequestChecksumCalculation.WHEN_REQUIRED,
            ResponseChecksumValidation = ResponseChecksumValidation.WHEN_REQUIRED,
            RetryMode = RequestRetryMode.Standard,
            MaxErrorRetry = 0, // repeated here, each attempt within a time limit of its own
            MaxStaleConnectionRetries = 0,
            HttpClientFactory = new Connections(handler),
        });
        urls = new PresignedUrls(clock, (key, until) => client.GetPreSignedURL(new GetPreSignedUrlRequest
        {
            BucketName = bucket,
            Key = prefix + key,
            Verb = HttpVerb.GET,
            Expires = until.UtcDateTime,
            Protocol = IsEncrypted ? Amazon.S3.Protocol.HTTPS : Amazon.S3.Protocol.HTTP,
        }));
    }

    /// <summary>Why the store does not do what it is asked; null when it does. Names no host and no account.</summary>
    public string? Problem => requests.Problem;

    /// <summary>Why the files with the keys, which were changed, are not in use; null when they are.</summary>
    public string? KeysFailure => keys.Failure;

    /// <summary>Whether a failure is that of one object, or of one request for it, and the store answers.</summary>
    public bool IsOfOneObject(Exception e) => e is ObjectUnreadableException || (e is ObjectStoreException && Problem is null);

    /// <summary>How long the store may be silent while it sends content.</summary>
    internal TimeSpan Silence => requests.Silence;

    /// <summary>Writes an object in one request.</summary>
    public Task PutAsync(string key, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => requests.SendAsync(
        async attempt =>
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
            return true;
        },
        content.Length,
        cancellationToken);

    /// <summary>Begins an object that is written in parts.</summary>
    /// <returns>The store's id for it.</returns>
    public Task<string> BeginAsync(string key, CancellationToken cancellationToken) => requests.AskAsync(
        async attempt => (await client.InitiateMultipartUploadAsync(
            new InitiateMultipartUploadRequest { BucketName = bucket, Key = prefix + key, ContentType = "application/octet-stream" },
            attempt.Token)).UploadId,
        cancellationToken);

    /// <summary>Writes a part; one of the same number before it is replaced.</summary>
    /// <exception cref="UploadRefusedException">The store does not know the upload any more, or will not have the part.</exception>
    public Task<ObjectPart> PutPartAsync(
        string key, string uploadId, int number, ReadOnlyMemory<byte> content, CancellationToken cancellationToken) => requests.SendAsync(
        async attempt =>
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
            return new ObjectPart(number, answer.ETag, content.Length);
        },
        content.Length,
        cancellationToken);

    /// <summary>Makes an object of its parts. Asked again, because the answer was lost, it finds the object there.</summary>
    /// <exception cref="UploadRefusedException">The store does not know the upload any more, or will not have its parts.</exception>
    public Task CompleteAsync(
        string key, string uploadId, IReadOnlyList<ObjectPart> parts, CancellationToken cancellationToken) => requests.CompleteAsync(
        async attempt =>
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
                if (string.IsNullOrEmpty(answer.ETag) && await LengthAsync(key, attempt.Token) != parts.Sum(p => p.Size))
                {
                    throw new IOException("the store did not put the parts together");
                }

                return true;
            }
            catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
            {
                if (await LengthAsync(key, attempt.Token) == parts.Sum(p => p.Size)) return true;
                throw;
            }
        },
        cancellationToken);

    /// <summary>Gives the parts of an object back that will not be made. One that is complete or unknown is left alone.</summary>
    public Task AbortAsync(string key, string uploadId, CancellationToken cancellationToken) => requests.AskAsync(
        async attempt =>
        {
            try
            {
                await client.AbortMultipartUploadAsync(bucket, prefix + key, uploadId, attempt.Token);
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
        requests.AskAsync(attempt => LengthAsync(key, attempt.Token), cancellationToken);

    /// <summary>Deletes objects; those that do not exist are left alone.</summary>
    /// <returns>Those that the store answers it does not delete.</returns>
    public async Task<IReadOnlyList<UndeletedBytes>> DeleteAsync(IReadOnlyCollection<string> keys, CancellationToken cancellationToken)
    {
        var undeleted = new List<UndeletedBytes>();
        foreach (var some in keys.Chunk(MaxKeysPerRequest))
        {
            undeleted.AddRange(await requests.AskAsync(attempt => DeleteOnceAsync(some, attempt.Token), cancellationToken));
        }

        return undeleted;
    }

    /// <summary>
    /// All objects whose keys begin with a text, in order of their keys, which are without the configured prefix; times are by the store's
    /// clock.
    /// </summary>
    public async IAsyncEnumerable<StoredBytes> ListAsync(string start, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var request = new ListObjectsV2Request { BucketName = bucket, Prefix = prefix + start };
        ListObjectsV2Response page;
        do
        {
            page = await requests.AskAsync(attempt => client.ListObjectsV2Async(request, attempt.Token), cancellationToken);
            foreach (var found in page.S3Objects ?? [])
            {
                yield return new StoredBytes(found.Key[prefix.Length..], found.Size ?? 0, At(found.LastModified));
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
            page = await requests.AskAsync(attempt => client.ListMultipartUploadsAsync(request, attempt.Token), cancellationToken);
            foreach (var found in page.MultipartUploads ?? [])
            {
                yield return new OpenMultipart(found.Key[prefix.Length..], found.UploadId, At(found.Initiated));
            }

            Further($"{request.KeyMarker} {request.UploadIdMarker}", $"{page.NextKeyMarker} {page.NextUploadIdMarker}", page.IsTruncated);
            (request.KeyMarker, request.UploadIdMarker) = (page.NextKeyMarker, page.NextUploadIdMarker);
        }
        while (page.IsTruncated == true);
    }

    /// <summary>
    /// A URL by which whoever has it can GET an object, and nothing else, for at least nine tenths of a time and at most all of it.
    /// </summary>
    public Uri Presign(string key, TimeSpan lifetime) => urls.Get(key, lifetime, keys.GetCredentials());

    /// <summary>Asks the store whether it answers, so that <see cref="Problem"/> is as of now.</summary>
    /// <exception cref="ObjectStoreException">It does not answer, or refuses.</exception>
    public Task ProbeAsync(CancellationToken cancellationToken) => requests.ProbeAsync(cancellationToken);

    /// <summary>Does all that the registry will have to: writes, lists, reads and deletes an object, whole and in parts.</summary>
    /// <exception cref="OperatorException">The store answers, and refuses.</exception>
    /// <exception cref="ObjectStoreException">The store does not answer.</exception>
    public async Task TryOutAsync(CancellationToken cancellationToken)
    {
        try
        {
            var key = NewProbe();
            await PutAsync(key, "AuthIndex"u8.ToArray(), cancellationToken);
            await foreach (var _ in ListAsync(key, cancellationToken)) break;
            using (await OpenAsync(key, null, cancellationToken))
            {
                if (await DeleteAsync([key], cancellationToken) is [{ Reason: var reason }, ..]) throw Refused(reason, null);
            }

            await AbortAsync(key, await BeginAsync(key, cancellationToken), cancellationToken);
            await foreach (var _ in ListOpenAsync(cancellationToken)) break;
            await requests.ProbeAsync(cancellationToken);
        }
        catch (ObjectStoreException e) when (e.InnerException is AmazonS3Exception refusal && StoreErrors.IsRefusal(refusal))
        {
            throw Refused(StoreErrors.Reason(refusal), e);
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        client.Dispose();
        urls.Dispose();
        handler.Dispose();
    }

    /// <summary>Whether an object of this key only tried the store out; others' may begin with the same word.</summary>
    internal static bool IsProbe(string key) =>
        key.Length == ProbeStart.Length + ProbeDigits && key.StartsWith(ProbeStart, StringComparison.Ordinal)
        && key[ProbeStart.Length..].All(char.IsAsciiHexDigitLower);

    /// <summary>Begins to read an object; null when there is none.</summary>
    /// <exception cref="ObjectUnreadableException">It is shorter than the range needs.</exception>
    internal Task<GetObjectResponse?> AskAsync(string key, ByteRange? range, CancellationToken cancellationToken) => requests.AskAsync(
        async attempt =>
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
                if (range is not { } wanted || Brings(answer, wanted)) return answer;
                answer.Dispose();
                if (SizeIn(answer) <= wanted.Last) throw TooShort(key);
                throw new IOException("the store answers with another range than it was asked for");
            }
            catch (AmazonS3Exception e) when (e.ErrorCode is "NoSuchKey") // and no other 404, such as that of a proxy in between
            {
                return null;
            }
            catch (AmazonS3Exception e) when (e.ErrorCode is "InvalidRange")
            {
                throw TooShort(key);
            }
        },
        cancellationToken,
        $"reading the object {key}");

    /// <summary>What to throw when an object cannot be read to its end.</summary>
    internal Task<ObjectStoreException> FailureAsync(string what, Exception? cause, CancellationToken cancellationToken) =>
        requests.FailureAsync(what, cause, cancellationToken);

    private bool IsEncrypted => string.Equals(address.Scheme, Uri.UriSchemeHttps, StringComparison.Ordinal);

    /// <summary>A key that no object has.</summary>
    private static string NewProbe() => $"{ProbeStart}{RandomNumberGenerator.GetHexString(ProbeDigits, lowercase: true)}";

    /// <summary>
    /// What any store that works answers: a list, and that an object is missing, for which it has to look where it keeps objects.
    /// </summary>
    private async Task AskAnythingAsync(Attempt attempt)
    {
        var key = NewProbe();
        await client.ListObjectsV2Async(
            new ListObjectsV2Request { BucketName = bucket, Prefix = prefix + key, MaxKeys = 1 }, attempt.Token);
        await IsMissingAsync(key, attempt.Token);
    }

    /// <summary>Whether the store says by its own word that it has no such object, also if it still lists it.</summary>
    private async Task<bool> IsMissingAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            using var answer = await client.GetObjectAsync(bucket, prefix + key, cancellationToken);
            return false;
        }
        catch (AmazonS3Exception e) when (e.ErrorCode is "NoSuchKey")
        {
            return true;
        }
    }

    private async Task<IReadOnlyList<UndeletedBytes>> DeleteOnceAsync(string[] some, CancellationToken cancellationToken)
    {
        try
        {
            await client.DeleteObjectsAsync(
                new DeleteObjectsRequest
                {
                    BucketName = bucket,
                    Objects = [.. some.Select(k => new KeyVersion { Key = prefix + k })],
                    Quiet = true,
                },
                cancellationToken);
            return [];
        }
        catch (DeleteObjectsException e) when (e.Response?.DeleteErrors is { Count: > 0 } errors) // of some, in an answer with 200
        {
            return [.. errors.Select(error => new UndeletedBytes(error.Key[prefix.Length..], $"{error.Code} {error.Message}".Trim()))];
        }
    }

    private OperatorException Refused(string reason, Exception? cause) => new(
        $"registry.storage.s3: the object store refuses the bucket '{bucket}': {reason}. The account must be allowed to get, put, list and "
            + "delete objects below the prefix, and to list and abort multipart uploads",
        cause);

    private async Task<long?> LengthAsync(string key, CancellationToken cancellationToken)
    {
        try
        {
            return (await client.GetObjectMetadataAsync(bucket, prefix + key, cancellationToken)).ContentLength;
        }
        catch (AmazonS3Exception e) when (e.StatusCode == HttpStatusCode.NotFound)
        {
            // An answer to HEAD has no body that would say what is missing: the bucket perhaps, or all of the store behind a proxy.
            if (!await IsMissingAsync(key, cancellationToken)) throw;
            return null;
        }
    }

    private static bool Brings(GetObjectResponse answer, ByteRange wanted) =>
        answer.ContentLength == wanted.Last - wanted.First + 1
        && (wanted.First == 0 || answer.HttpStatusCode == HttpStatusCode.PartialContent);

    /// <summary>The size in bytes of the object that an answer gives, or gives a part of; null if it does not say so.</summary>
    private static long? SizeIn(GetObjectResponse answer) =>
        answer.HttpStatusCode != HttpStatusCode.PartialContent ? answer.ContentLength
        : ContentRangeHeaderValue.TryParse(answer.ContentRange, out var range) ? range.Length
        : null;

    private static ObjectUnreadableException TooShort(string key) => new($"the object {key} is shorter than it was written");

    /// <summary>Where a list goes on; a store that says "further" and not where would be asked for its beginning for ever.</summary>
    private static string? Further(string? before, string? next, bool? isTruncated) =>
        isTruncated == true && (string.IsNullOrWhiteSpace(next) || string.Equals(before, next, StringComparison.Ordinal))
            ? throw new ObjectStoreException("the object store does not say where its list goes on")
            : next;

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
