using System.Security.Cryptography;
using System.Text;
using AuthIndex.Hosting.Telemetry;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Manifests;

namespace AuthIndex.RegistryCore.Blobs;

/// <summary>
/// Blobs: read them, whole or in parts, and take them out (OCI distribution-spec 1.1, "Pulling blobs", "Deleting blobs").
/// </summary>
internal sealed class BlobEndpoint(BlobStore blobs, RegistryMetrics metrics, LimitOptions limits, ContentRules rules)
{
    /// <summary>GET of a blob, with ranges (RFC 9110 section 14), and HEAD, for which a Range means nothing (section 14.2).</summary>
    public async Task<OciError?> GetAsync(V2Request request)
    {
        if (!Digest.TryParse(request.Argument, out var digest)) return OciError.DigestInvalid(request.Argument);
        var found = HttpMethods.IsHead(request.Http.Request.Method)
            ? await blobs.FindToKeepAsync(request.Repository, digest)
            : await blobs.FindAsync(request.Repository, digest);
        if (found is not { } blob) return OciError.BlobUnknown(digest);

        var (http, headers) = (request.Http, request.Http.Response.Headers);
        headers.ETag = Precondition.EntityTag(digest);
        headers.AcceptRanges = "bytes";
        headers["Docker-Content-Digest"] = digest.Value;
        if (new Precondition(null, http.Request.Headers.IfNoneMatch).IsNotModified(digest))
        {
            http.Response.StatusCode = StatusCodes.Status304NotModified;
            return null;
        }

        headers.ContentType = "application/octet-stream";
        if (HttpMethods.IsHead(http.Request.Method))
        {
            http.Response.ContentLength = blob.Size;
            return null;
        }

        if (blobs.RedirectFor(blob, http.Connection.RemoteIpAddress) is { } elsewhere)
        {
            http.Response.StatusCode = StatusCodes.Status307TemporaryRedirect;
            headers.Location = elsewhere.AbsoluteUri;
            headers.CacheControl = "no-store"; // the URL is only good for a while
            return null;
        }

        var ranges = RangesOf(http.Request, digest, blob.Size);
        if (ranges is { Count: 0 }) return OciError.RangeNotSatisfiable(blob.Size);
        var first = ranges is [var range, ..] ? range : new ByteRange(0, blob.Size - 1);
        using var content = await blobs.OpenAsync(request.Repository, blob, first, request.Aborted);
        if (content is null) return OciError.BlobUnknown(digest);
        await SendAsync(request, content, blob, ranges);
        return null;
    }

    /// <summary>DELETE: takes the blob out of this repository; others that hold it keep it.</summary>
    public async Task<OciError?> DeleteAsync(V2Request request)
    {
        if (!Digest.TryParse(request.Argument, out var digest)) return OciError.DigestInvalid(request.Argument);
        var deletion = await blobs.RemoveAsync(request.Repository, digest, request.Token.Subject, rules.DeletesNeeded);
        if (deletion.Outcome == DeleteOutcome.NotFound) return OciError.BlobUnknown(digest);
        if (deletion.Outcome == DeleteOutcome.Needed) return OciError.StillNeeded(digest.Value, $"{deletion.Need}");
        metrics.Deleted();
        request.Http.Response.StatusCode = StatusCodes.Status202Accepted;
        if (deletion.Need is { } need) request.Http.Response.Headers.Warning = Warnings.WasNeeded(digest.Value, $"{need}");
        return null;
    }

    /// <summary>
    /// The ranges to send, or null for all: a client whose copy began with another content gets the whole (RFC 9110 section 13.1.5).
    /// </summary>
    public IReadOnlyList<ByteRange>? RangesOf(HttpRequest request, Digest digest, long size)
    {
        if (request.Headers.IfRange is [{ } tag] && tag != Precondition.EntityTag(digest)) return null;
        return ByteRanges.Parse(request.Headers.Range, size, limits.Ranges);
    }

    private static Task SendAsync(V2Request request, IBlobContent content, BlobRecord blob, IReadOnlyList<ByteRange>? ranges)
    {
        if (ranges is null) return SendOneAsync(request, content, new ByteRange(0, blob.Size - 1));
        request.Http.Response.StatusCode = StatusCodes.Status206PartialContent;
        if (ranges is not [var range]) return SendManyAsync(request, content, blob, ranges);
        request.Http.Response.Headers.ContentRange = range.ContentRange(blob.Size);
        return SendOneAsync(request, content, range);
    }

    private static async Task SendOneAsync(V2Request request, IBlobContent content, ByteRange range)
    {
        request.Http.Response.ContentLength = range.Length;
        await content.SendAsync(request.Http.Response.BodyWriter, range, request.Aborted);
    }

    /// <summary>A <c>multipart/byteranges</c> answer (RFC 9110 section 14.6), its length known beforehand.</summary>
    private static async Task SendManyAsync(V2Request request, IBlobContent content, BlobRecord blob, IReadOnlyList<ByteRange> ranges)
    {
        var response = request.Http.Response;
        var boundary = RandomNumberGenerator.GetHexString(32, lowercase: true);
        var heads = ranges.Select(r => Encoding.ASCII.GetBytes(
            $"\r\n--{boundary}\r\nContent-Type: application/octet-stream\r\nContent-Range: {r.ContentRange(blob.Size)}\r\n\r\n")).ToList();
        var end = Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n");

        response.ContentType = $"multipart/byteranges; boundary={boundary}";
        response.ContentLength = heads.Sum(h => (long)h.Length) + ranges.Sum(r => r.Length) + end.Length;
        RequestRecord.Current?.Sent = response.ContentLength - ranges.Sum(r => r.Length); // what stands around the ranges
        for (var i = 0; i < ranges.Count; i++)
        {
            await response.BodyWriter.WriteAsync(heads[i], request.Aborted);
            await content.SendAsync(response.BodyWriter, ranges[i], request.Aborted);
        }

        await response.BodyWriter.WriteAsync(end, request.Aborted);
    }
}
