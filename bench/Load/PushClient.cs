using System.Globalization;
using System.Net.Http.Headers;
using System.Text;

namespace AuthIndex.Load;

/// <summary>Pushes to one repository of one registry, as clients do.</summary>
internal sealed class PushClient : IDisposable
{
    /// <summary>The manifests' media type; distribution shows a manifest only to who accepts its type.</summary>
    public const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    private readonly HttpClient http;
    private readonly Uri registry;
    private readonly string repository;
    private long manifests;

    /// <summary>A client with the connections it needs.</summary>
    /// <param name="registry">The registry.</param>
    /// <param name="repository">The repository.</param>
    /// <param name="authorization">The header, or null for none.</param>
    public PushClient(Uri registry, string repository, string? authorization)
    {
        (this.registry, this.repository) = (registry, repository);
        http = new HttpClient(new SocketsHttpHandler { UseProxy = false, AllowAutoRedirect = false, UseCookies = false })
        {
            Timeout = TimeSpan.FromMinutes(2),
        };
        if (authorization is not null) http.DefaultRequestHeaders.Authorization = AuthenticationHeaderValue.Parse(authorization);
    }

    /// <summary>POST and PUT: the whole blob in the closing request.</summary>
    public async Task BlobAsync(UniqueBlob blob) => await FinishAsync(await StartAsync(), blob, blob.Size);

    /// <summary>POST, a PATCH for each chunk, and an empty PUT.</summary>
    public async Task ChunksAsync(UniqueBlob blob, int chunk)
    {
        var location = await StartAsync();
        for (var at = 0; at < blob.Size; at += chunk)
        {
            var length = Math.Min(chunk, blob.Size - at);
            using var body = blob.Part(at, length);
            body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
            body.Headers.TryAddWithoutValidation(
                "Content-Range", string.Create(CultureInfo.InvariantCulture, $"{at}-{at + length - 1}"));
            using var answer = await SendAsync(HttpMethod.Patch, location, body);
            location = new Uri(registry, answer.Headers.Location!);
        }

        await FinishAsync(location, blob, 0);
    }

    /// <summary>A manifest that no other push has.</summary>
    /// <param name="config">Its config, which is in the registry.</param>
    /// <param name="layers">Its layers, which are too.</param>
    /// <param name="tag">Its tag; null for one that many pushes have.</param>
    public async Task ManifestAsync(UniqueBlob config, IReadOnlyList<UniqueBlob> layers, string? tag = null)
    {
        var number = Interlocked.Increment(ref manifests);
        var text = string.Create(CultureInfo.InvariantCulture, $$"""
            {"schemaVersion":2,"mediaType":"{{ManifestType}}",
            "config":{{Descriptor(config, "config.v1+json")}},
            "layers":[{{string.Join(',', layers.Select(l => Descriptor(l, "layer.v1.tar")))}}],
            "annotations":{ "number":"{{number}}" } }
            """);
        using var body = new ByteArrayContent(Encoding.UTF8.GetBytes(text));
        body.Headers.ContentType = new MediaTypeHeaderValue(ManifestType);
        using var answer = await SendAsync(HttpMethod.Put, new Uri(registry, $"/v2/{repository}/manifests/{tag ?? $"v{number % 100}"}"), body);
    }

    /// <summary>PUT of a blob to a server that only receives, hashes and stores.</summary>
    public async Task BareAsync(UniqueBlob blob)
    {
        using var body = blob.Part(0, blob.Size);
        using var answer = await SendAsync(HttpMethod.Put, new Uri(registry, "/"), body);
    }

    /// <inheritdoc/>
    public void Dispose() => http.Dispose();

    private static string Descriptor(UniqueBlob blob, string type) => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"mediaType":"application/vnd.oci.image.{{type}}","digest":"{{blob.Digest}}","size":{{blob.Size}}}""");

    private async Task<Uri> StartAsync()
    {
        using var answer = await SendAsync(HttpMethod.Post, new Uri(registry, $"/v2/{repository}/blobs/uploads/"), null);
        return new Uri(registry, answer.Headers.Location!);
    }

    private async Task FinishAsync(Uri location, UniqueBlob blob, int rest)
    {
        using var body = blob.Part(blob.Size - rest, rest);
        body.Headers.ContentType = new MediaTypeHeaderValue("application/octet-stream");
        var url = new Uri($"{location}{(location.Query.Length > 0 ? '&' : '?')}digest={blob.Digest}");
        using var answer = await SendAsync(HttpMethod.Put, url, body);
    }

    private async Task<HttpResponseMessage> SendAsync(HttpMethod method, Uri url, HttpContent? body)
    {
        using var request = new HttpRequestMessage(method, url) { Content = body };
        var answer = await http.SendAsync(request);
        if (answer.IsSuccessStatusCode) return answer;
        throw new InvalidOperationException($"{method} {url}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
    }
}
