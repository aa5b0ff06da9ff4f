using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>A small image, and how it travels.</summary>
internal sealed class TestImage
{
    public const string ManifestType = "application/vnd.oci.image.manifest.v1+json";
    public const string IndexType = "application/vnd.oci.image.index.v1+json";

    /// <summary>An image of one layer; equal seeds make equal images.</summary>
    public TestImage(int seed, int layerSize = 2000, string? subject = null)
    {
        var random = new Random(seed);
        Config = new byte[100];
        Layer = new byte[layerSize];
        random.NextBytes(Config);
        random.NextBytes(Layer);
        var json = new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ManifestType,
            ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", DigestOf(Config), Config.Length),
            ["layers"] = new JsonArray(Descriptor("application/vnd.oci.image.layer.v1.tar", DigestOf(Layer), Layer.Length)),
        };
        if (subject is not null) json["subject"] = Descriptor(ManifestType, subject, 1);
        Manifest = Encoding.UTF8.GetBytes(json.ToJsonString());
    }

    public byte[] Config { get; }

    public byte[] Layer { get; }

    public byte[] Manifest { get; }

    public string Digest => DigestOf(Manifest);

    public static string DigestOf(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));

    /// <summary>An index of these manifests.</summary>
    public static byte[] Index(params string[] children) => Encoding.UTF8.GetBytes(new JsonObject
    {
        ["schemaVersion"] = 2,
        ["mediaType"] = IndexType,
        ["manifests"] = new JsonArray([.. children.Select(c => (JsonNode)Descriptor(ManifestType, c, 1))]),
    }.ToJsonString());

    /// <summary>Pushes blobs and manifest.</summary>
    public async Task PushAsync(HttpClient http, string repository, string? tag = null)
    {
        foreach (var blob in (byte[][])[Config, Layer]) Assert.Equal(HttpStatusCode.Created, await PushBlobAsync(http, repository, blob));
        Assert.Equal(HttpStatusCode.Created, await PushManifestAsync(http, repository, tag ?? Digest, Manifest));
    }

    public static async Task<HttpStatusCode> PushBlobAsync(HttpClient http, string repository, byte[] blob)
    {
        using var response = await http.PostAsync(
            new Uri($"/v2/{repository}/blobs/uploads/?digest={DigestOf(blob)}", UriKind.Relative), new ByteArrayContent(blob),
            TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    public static async Task<HttpStatusCode> PushManifestAsync(
        HttpClient http, string repository, string reference, byte[] manifest, string type = ManifestType)
    {
        var content = new ByteArrayContent(manifest) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
        using var response = await http.PutAsync(
            new Uri($"/v2/{repository}/manifests/{reference}", UriKind.Relative), content, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    public static async Task<HttpStatusCode> StatusAsync(HttpClient http, HttpMethod method, string path)
    {
        using var request = new HttpRequestMessage(method, path);
        using var response = await http.SendAsync(request, TestContext.Current.CancellationToken);
        return response.StatusCode;
    }

    /// <summary>Reads the image back, every byte of it.</summary>
    public async Task AssertPullableAsync(HttpClient http, string repository, string? reference = null)
    {
        Assert.Equal(
            Manifest, await http.GetByteArrayAsync(
                new Uri($"/v2/{repository}/manifests/{reference ?? Digest}", UriKind.Relative), TestContext.Current.CancellationToken));
        foreach (var blob in (byte[][])[Config, Layer])
        {
            Assert.Equal(
                blob, await http.GetByteArrayAsync(
                    new Uri($"/v2/{repository}/blobs/{DigestOf(blob)}", UriKind.Relative), TestContext.Current.CancellationToken));
        }
    }

    private static JsonObject Descriptor(string type, string digest, int size) =>
        new() { ["mediaType"] = type, ["digest"] = digest, ["size"] = size };
}
