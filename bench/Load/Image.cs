using System.Globalization;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.Load;

/// <summary>A random image, and how it gets into a registry.</summary>
internal sealed class Image
{
    /// <summary>The manifest's media type; distribution shows a manifest only to who accepts its type.</summary>
    public const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    private readonly List<byte[]> blobs = [
        RandomNumberGenerator.GetBytes(1024), RandomNumberGenerator.GetBytes(1024 * 1024),
            RandomNumberGenerator.GetBytes(100 * 1024 * 1024)];

    /// <summary>The digests of its blobs of 1 KiB, 1 MiB and 100 MiB.</summary>
    public IReadOnlyList<string> Digests => [.. blobs.Select(Digest)];

    /// <summary>Pushes it as <c>repository:tag</c>.</summary>
    public async Task PushAsync(Uri registry, string repository, string tag, string? authorization)
    {
        using var http = new HttpClient { BaseAddress = registry, Timeout = TimeSpan.FromMinutes(2) };
        if (authorization is not null) http.DefaultRequestHeaders.Authorization = AuthenticationHeaderValue.Parse(authorization);
        foreach (var blob in blobs)
        {
            using var started = await http.PostAsync(new Uri($"/v2/{repository}/blobs/uploads/", UriKind.Relative), null);
            var location = new Uri(registry, started.EnsureSuccessStatusCode().Headers.Location!).ToString();
            using var body = new ByteArrayContent(blob);
            using var stored = await http.PutAsync(
                new Uri($"{location}{(location.Contains('?', StringComparison.Ordinal) ? '&' : '?')}digest={Digest(blob)}"), body);
            stored.EnsureSuccessStatusCode();
        }

        using var manifest = new ByteArrayContent(Encoding.UTF8.GetBytes(Manifest()));
        manifest.Headers.ContentType = new MediaTypeHeaderValue(ManifestType);
        using var put = await http.PutAsync(new Uri($"/v2/{repository}/manifests/{tag}", UriKind.Relative), manifest);
        put.EnsureSuccessStatusCode();
    }

    private string Manifest() => $$"""
        {"schemaVersion":2,"mediaType":"{{ManifestType}}","config":{{Descriptor(blobs[0], "config.v1+json")}},
        "layers":[{{string.Join(',', blobs.Skip(1).Select(b => Descriptor(b, "layer.v1.tar")))}}]}
        """;

    private static string Descriptor(byte[] blob, string type) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"mediaType":"application/vnd.oci.image.{{type}}","digest":"{{Digest(blob)}}","size":{{blob.Length}}}""");

    private static string Digest(byte[] blob) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(blob))}";
}
