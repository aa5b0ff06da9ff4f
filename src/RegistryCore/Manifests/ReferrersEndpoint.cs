using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;

namespace AuthIndex.RegistryCore.Manifests;

/// <summary>
/// The manifests that refer to another: signatures, attestations, bills of material (OCI distribution-spec 1.1, "Listing
/// referrers"). What older clients listed under a fallback tag is folded in.
/// </summary>
internal sealed class ReferrersEndpoint(IReferrerStore referrers, IManifestStore manifests, LimitOptions limits)
{
    private const int MaxPage = 1000;
    private const int MaxPageBytes = 4 * 1024 * 1024; // as much as one manifest: annotations alone may fill one

    // Media types end in "+json", which the default would write as \u002B; the answer is no part of HTML.
    private static readonly JsonWriterOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>GET and HEAD: always an index, empty for a digest or a repository that nobody refers to.</summary>
    public async Task<OciError?> GetAsync(V2Request request)
    {
        if (!Digest.TryParse(request.Argument, out var subject)) return OciError.DigestInvalid(request.Argument);
        if (!Page.TryParse(request.Query("n"), request.Query("last"), Math.Min(MaxPage, limits.PageSize), out var page, out var problem))
        {
            return problem;
        }

        var filter = request.Query("artifactType") is { Length: > 0 } type ? type : null;
        var (rows, isMore) = await ReadPageAsync(request, subject, filter, page);

        var response = request.Http.Response;
        if (filter is not null) response.Headers["OCI-Filters-Applied"] = "artifactType";
        if (isMore)
        {
            var extra = filter is null ? "" : $"&artifactType={Uri.EscapeDataString(filter)}";
            response.Headers.Link = page.NextLink(request.Location($"referrers/{subject}"), rows[^1].Digest, extra);
        }

        await request.SendAsync(MediaTypes.OciIndex, Render(rows).WrittenMemory);
        return null;
    }

    private async ValueTask<(List<ReferrerRecord> Rows, bool IsMore)> ReadPageAsync(
        V2Request request, Digest subject, string? filter, Page page)
    {
        var digests = (await referrers.ListAsync(request.Repository, subject, filter, page.After, page.Count + 1))
            .Concat((await FromFallbackTagAsync(request, subject)).Where(d => string.CompareOrdinal(d, page.After) > 0))
            .Distinct(StringComparer.Ordinal)
            .Order(StringComparer.Ordinal);
        var (rows, bytes) = (new List<ReferrerRecord>(), 0);
        foreach (var text in digests)
        {
            if (!Digest.TryParse(text, out var digest) || await referrers.FindAsync(request.Repository, digest) is not { } row
                || (filter is not null && row.ArtifactType != filter))
            {
                continue;
            }

            bytes += row.Annotations?.Length ?? 0;
            if (rows.Count == page.Count || (rows.Count > 0 && bytes > MaxPageBytes)) return (rows, page.Count > 0);
            rows.Add(row);
        }

        return (rows, false);
    }

    /// <summary>
    /// The index that clients without a referrers API keep under the tag <c>sha256-HEX</c> ("Referrers Tag Schema"), as far as its
    /// entries are here.
    /// </summary>
    private async ValueTask<IEnumerable<string>> FromFallbackTagAsync(V2Request request, Digest subject)
    {
        var tag = subject.Value.Replace(':', '-');
        if (!Reference.TryParse(tag[..Math.Min(tag.Length, Reference.MaxTagLength)], out var reference)
            || await manifests.FindAsync(request.Repository, reference) is not { MediaType: MediaTypes.OciIndex } index
            || !ManifestContent.TryRead(index.Digest, index.Bytes, index.MediaType, limits.ManifestReferences, out var content, out _))
        {
            return [];
        }

        return content.Children.Select(child => child.Value);
    }

    private static ArrayBufferWriter<byte> Render(List<ReferrerRecord> rows)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, Json);
        json.WriteStartObject();
        json.WriteNumber("schemaVersion"u8, 2);
        json.WriteString("mediaType"u8, MediaTypes.OciIndex);
        json.WriteStartArray("manifests"u8);
        foreach (var row in rows)
        {
            json.WriteStartObject();
            json.WriteString("mediaType"u8, row.MediaType);
            json.WriteString("digest"u8, row.Digest);
            json.WriteNumber("size"u8, row.Size);
            if (row.ArtifactType is not null) json.WriteString("artifactType"u8, row.ArtifactType);
            if (row.Annotations is not null)
            {
                json.WritePropertyName("annotations"u8);
                json.WriteRawValue(row.Annotations);
            }

            json.WriteEndObject();
        }

        json.WriteEndArray();
        json.WriteEndObject();
        return buffer;
    }
}
