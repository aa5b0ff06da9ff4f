using System.Net;
using System.Net.Http.Headers;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Blobs;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.RegistryCore.Upstreams.Eviction;
using AuthIndex.RegistryCore.Upstreams.Filling;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>
/// Pulls from repositories of upstreams (OCI distribution-spec 1.1, "Pull"). What is here is answered as everything else is; the rest is
/// downloaded first, blobs while they are sent.
/// </summary>
internal sealed class UpstreamEndpoint(
    ManifestPulls pulls, BlobFills fills, UpstreamClients clients, ManifestEndpoint manifests, BlobEndpoint blobs,
    RecentUses uses, UpstreamMetrics metrics)
{
    // A range that begins so far behind what has come is asked for upstream: the client would wait too long.
    private const long Ahead = 16 * 1024 * 1024;
    private const int MaxForwarded = 16;
    private const int MaxOthers = 3;
    private const int MaxEvicted = 3; // in a row, between a look and the answer
    private const int ReadSize = 64 * 1024;

    private int forwarded;

    /// <summary>GET and HEAD of a manifest.</summary>
    public async Task<OciError?> ManifestAsync(V2Request request, UpstreamRepository repository)
    {
        if (!Reference.TryParse(request.Argument, out var reference)) return OciError.ReferenceUnknown(request.Argument);
        if (repository.Refusal is { } refusal) return refusal;
        for (var evicted = 0; ; evicted++)
        {
            var pull = await pulls.EnsureAsync(repository, reference, request.Aborted);
            if (pull is { IsNone: true, Failure: { } failure })
            {
                metrics.Count(repository.Upstream.Name, pull.Result);
                return ErrorOf(repository, failure, OciError.ManifestUnknown(reference));
            }

            if (pull.Failure is { } stale) request.Http.Response.Headers.Warning = Warning(repository, stale);
            var error = await manifests.GetAsync(request);
            if (error is { Code: OciError.ManifestUnknownCode } && evicted < MaxEvicted)
            {
                request.Http.Response.Headers.Remove("Warning"); // of the copy that went meanwhile: it is downloaded again
                continue;
            }

            metrics.Count(repository.Upstream.Name, pull.Result);
            if (error is null) Note(request, repository);
            return error;
        }
    }

    /// <summary>GET and HEAD of a blob.</summary>
    public async Task<OciError?> BlobAsync(V2Request request, UpstreamRepository repository)
    {
        if (repository.Refusal is { } refusal) return refusal;
        var local = await blobs.GetAsync(request);
        if (local is not { Code: OciError.BlobUnknownCode } || !Digest.TryParse(request.Argument, out var digest))
        {
            if (local is not null) return local; // a mistake of the client is neither a hit nor a failure of the upstream
            metrics.Count(repository.Upstream.Name, "hit");
            CountSent(request, repository);
            return null;
        }

        try
        {
            if (HttpMethods.IsHead(request.Http.Request.Method)) return await HeadAsync(request, repository, digest); // downloads nothing
            if (await FillAsync(request, repository, digest) is { } error) return error;
            metrics.Count(repository.Upstream.Name, "miss");
            CountSent(request, repository);
            return null;
        }
        catch (UpstreamException e)
        {
            metrics.Count(repository.Upstream.Name, "failed");
            if (!request.Http.Response.HasStarted) return ErrorOf(repository, e.Failure, OciError.BlobUnknown(digest));
            request.Http.Abort(); // only a broken connection can still tell the client; the log says why
            return null;
        }
    }

    /// <summary>Remembers that the manifest was of use, so that it is not evicted; a look by the portal is none.</summary>
    private void Note(V2Request request, UpstreamRepository repository)
    {
        CountSent(request, repository);
        if (!request.Token.IsView && Digest.TryParse(request.Http.Response.Headers["Docker-Content-Digest"], out var digest))
        {
            uses.Note(repository.Local, digest);
        }
    }

    /// <summary>Counts what was sent; what an object store sends in this registry's place is not seen here.</summary>
    private void CountSent(V2Request request, UpstreamRepository repository)
    {
        var response = request.Http.Response;
        if (HttpMethods.IsGet(request.Http.Request.Method) && response.StatusCode is 200 or 206)
        {
            metrics.Sent(repository.Upstream.Name, response.ContentLength ?? 0);
        }
    }

    private static OciError ErrorOf(UpstreamRepository repository, UpstreamFailure failure, OciError unknown) => failure.Kind switch
    {
        FailureKind.NotFound => unknown,
        FailureKind.Refused => OciError.UpstreamFailed(403, repository.Upstream.Name, failure.Reason, null),
        FailureKind.TooMany => OciError.UpstreamFailed(429, repository.Upstream.Name, failure.Reason, failure.RetryAfter),
        FailureKind.Unusable => OciError.UpstreamFailed(502, repository.Upstream.Name, failure.Reason, null),
        _ => OciError.UpstreamFailed(503, repository.Upstream.Name, failure.Reason, failure.RetryAfter),
    };

    private static string Warning(UpstreamRepository repository, UpstreamFailure failure) => Warnings.Stale(
        failure.Kind == FailureKind.NotFound
            ? $"the upstream {repository.Upstream.Name} no longer has this; this is the copy kept here"
            : $"the upstream {repository.Upstream.Name} cannot be asked whether this is its latest: {failure.Reason}");

    private async Task<OciError?> HeadAsync(V2Request request, UpstreamRepository repository, Digest digest)
    {
        fills.DemandNotFailed(repository, digest);
        using var answer = await clients.Of(repository.Upstream).SendAsync(
            HttpMethod.Head, repository.Remote.Value, $"blobs/{digest}", null, request.Aborted);
        if (answer.Content.Headers.ContentLength is not { } size)
        {
            throw new UpstreamException(FailureKind.Unusable, "it does not say how large the blob is");
        }

        Describe(request, digest);
        request.Http.Response.ContentLength = size;
        return null;
    }

    private async Task<OciError?> FillAsync(V2Request request, UpstreamRepository repository, Digest digest)
    {
        for (var others = 0; ; others++)
        {
            if (await fills.GetAsync(repository, digest, clients.Of(repository.Upstream), request.Aborted) is not { } fill)
            {
                return await blobs.GetAsync(request);
            }

            try
            {
                return await FollowAsync(request, repository, digest, fill);
            }
            catch (UpstreamException) when (fill.Source.Local != repository.Local && others < MaxOthers
                && !request.Http.Response.HasStarted)
            {
                // That was how another repository's download ended: this one is tried for itself.
            }
        }
    }

    private async Task<OciError?> FollowAsync(V2Request request, UpstreamRepository repository, Digest digest, BlobFill fill)
    {
        FillHead head;
        try
        {
            head = await fill.Head.WaitAsync(request.Aborted);
        }
        finally
        {
            fill.Exit();
        }

        var ranges = head.Size is { } known ? blobs.RangesOf(request.Http.Request, digest, known) : null;
        if (head.Size is { } whole && ranges is { Count: 0 }) return OciError.RangeNotSatisfiable(whole);

        using var file = fill.TryOpen();
        if (file is null || head.Size is not > 0 || ranges is { Count: > 1 })
        {
            await fill.StoredAsync(request.Aborted); // too late to follow it, or its length is needed first
            return await blobs.GetAsync(request);
        }

        var size = head.Size.Value;
        var range = ranges?[0] ?? new ByteRange(0, size - 1);
        var isLast = range.Last == size - 1; // with it a client may have the whole blob, whose digest must be right
        if (!isLast && range.First > fill.Written + Ahead && await TryForwardAsync(request, repository, digest, range, size)) return null;
        Describe(request, digest);
        Begin(request, range, size, isPart: ranges is not null);
        await request.Http.Response.StartAsync(request.Aborted);
        await FillSender.SendAsync(request.Http.Response.BodyWriter, fill, file, range, request.Aborted);
        return null;
    }

    /// <summary>Answers a range straight from the upstream; false, with nothing sent, when that knows no ranges or too many wait.</summary>
    private async Task<bool> TryForwardAsync(
        V2Request request, UpstreamRepository repository, Digest digest, ByteRange range, long size)
    {
        try
        {
            if (Interlocked.Increment(ref forwarded) > MaxForwarded) return false;
            using var answer = await clients.Of(repository.Upstream).SendAsync(
                HttpMethod.Get,
                repository.Remote.Value,
                $"blobs/{digest}",
                headers => headers.Range = new RangeHeaderValue(range.First, range.Last),
                request.Aborted);
            var sent = answer.Content.Headers.ContentRange;
            if (answer.StatusCode != HttpStatusCode.PartialContent
                || sent?.From != range.First || sent.To != range.Last || sent.Length != size)
            {
                return false;
            }

            Describe(request, digest);
            Begin(request, range, size, isPart: true);
            await using var body = await answer.Content.ReadAsStreamAsync(request.Aborted);
            using var silence = CancellationTokenSource.CreateLinkedTokenSource(request.Aborted);
            var buffer = new byte[ReadSize];
            while (await BlobDownload.ReadAsync(body, buffer, silence, request.Aborted) is > 0 and var read)
            {
                metrics.Received(repository.Upstream.Name, read);
                await request.Http.Response.Body.WriteAsync(buffer.AsMemory(0, read), request.Aborted);
            }

            return true;
        }
        catch (UpstreamException) when (!request.Http.Response.HasStarted)
        {
            return false; // the download serves it, later
        }
        finally
        {
            Interlocked.Decrement(ref forwarded);
        }
    }

    private static void Describe(V2Request request, Digest digest)
    {
        var headers = request.Http.Response.Headers;
        headers.ETag = Precondition.EntityTag(digest);
        headers.AcceptRanges = "bytes";
        headers["Docker-Content-Digest"] = digest.Value;
        headers.ContentType = "application/octet-stream";
    }

    private static void Begin(V2Request request, ByteRange range, long size, bool isPart)
    {
        var response = request.Http.Response;
        response.ContentLength = range.Length;
        if (!isPart) return;
        response.StatusCode = StatusCodes.Status206PartialContent;
        response.Headers.ContentRange = range.ContentRange(size);
    }
}
