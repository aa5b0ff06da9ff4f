using System.Text.Json;
using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Manifests;

namespace AuthIndex.RegistryCore.Manifests;

/// <summary>
/// What pulls of some images download: an extension of this registry's own (OCI distribution-spec 1.1, "Extensions"), so that the portal's
/// list of tags needs one request and not one for each.
/// </summary>
internal sealed class SizesEndpoint(IManifestStore manifests)
{
    /// <summary>How many digests are answered at most.</summary>
    public const int MaxDigests = 100;

    // Whoever may push chooses how long a manifest is: reading a hundred of the longest would take seconds.
    private const int MaxManifest = 64 * 1024;

    /// <summary>
    /// GET and HEAD with <c>digest</c> once for each image: the sizes of those that are images, config and layers together.
    /// </summary>
    public async Task<OciError?> ListAsync(V2Request request)
    {
        var sizes = new List<ManifestSize>();
        foreach (var text in request.Http.Request.Query["digest"].Distinct(StringComparer.Ordinal).Take(MaxDigests))
        {
            if (!Reference.TryParse(text ?? "", out var reference) || reference.Digest is not { } digest)
            {
                return OciError.DigestInvalid(text ?? "");
            }

            if (await manifests.FindUpToAsync(request.Repository, reference, MaxManifest) is { } found
                && SizeOf(found.Bytes) is { } size)
            {
                sizes.Add(new ManifestSize(digest.ToString(), size));
            }
        }

        return await request.AnswerAsync(new SizeList(sizes));
    }

    private static long? SizeOf(byte[] manifest)
    {
        using var json = JsonDocument.Parse(manifest); // it was JSON when it was pushed
        if (!json.RootElement.TryGetProperty("layers", out var layers) || layers.ValueKind != JsonValueKind.Array) return null;
        var sum = (Int128)0;
        if (json.RootElement.TryGetProperty("config", out var config)) sum += Size(config);
        foreach (var layer in layers.EnumerateArray()) sum += Size(layer);
        return sum <= long.MaxValue ? (long)sum : null;
    }

    private static long Size(JsonElement descriptor) =>
        descriptor.ValueKind == JsonValueKind.Object && descriptor.TryGetProperty("size", out var size)
        && size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out var bytes)
            ? Math.Max(bytes, 0)
            : 0;

    private sealed record SizeList(IEnumerable<ManifestSize> Sizes);

    /// <param name="Digest">The manifest.</param>
    /// <param name="Size">In bytes, as layers are stored: compressed.</param>
    private sealed record ManifestSize(string Digest, long Size);
}
