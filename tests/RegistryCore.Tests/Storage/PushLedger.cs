using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>The server died under a request: nothing is known about what became of it.</summary>
internal sealed class ServerDiedException(Exception inner) : Exception("The server died.", inner);

/// <summary>
/// A client that pushes into one repository, and remembers what was acknowledged: that must be there afterwards. What was sent
/// but not answered may be there or not, but never in part.
/// </summary>
internal sealed class PushLedger(string repository, string sibling, int seed)
{
    private const string ManifestType = "application/vnd.oci.image.manifest.v1+json";

    private readonly Random random = new(seed);
    private readonly Dictionary<string, byte[]> contents = []; // everything ever sent, by digest
    private readonly Dictionary<string, HashSet<string?>> tags = []; // what each tag may point at; null: nothing
    private readonly HashSet<string> blobs = []; // acknowledged
    private readonly Dictionary<string, string[]> manifests = []; // acknowledged, with their blobs
    private readonly HashSet<string> unverified = [];
    private (byte[] Config, byte[] Layer, string Tag)? pending;

    /// <summary>How many requests were acknowledged.</summary>
    public int Acknowledged { get; private set; }

    /// <summary>The repository's scope.</summary>
    public string[] Scopes => [$"repository:{repository}:pull,push,delete", $"repository:{sibling}:pull"];

    /// <summary>Pushes and deletes until the server dies or it is enough.</summary>
    public async Task RunAsync(HttpClient http, Func<bool> isEnough)
    {
        while (!isEnough())
        {
            pending ??= (Bytes(random.Next(20, 200)), Bytes(random.Next(1, 120_000)), $"t{random.Next(6)}");
            await PushAsync(http, pending.Value.Config, pending.Value.Layer, pending.Value.Tag);
            pending = null;
            if (random.Next(4) == 0) await DeleteManifestAsync(http);
            if (random.Next(4) == 0) await DeleteTagAsync(http);
        }
    }

    /// <summary>Proves what was acknowledged since the last proof, or ever.</summary>
    public async Task VerifyAsync(HttpClient http, bool everything)
    {
        foreach (var digest in everything ? [.. blobs] : unverified.Where(blobs.Contains).ToList()) await VerifyBlobAsync(http, digest);
        foreach (var (digest, needs) in manifests.Where(m => everything || unverified.Contains(m.Key)).ToList())
        {
            await VerifyManifestAsync(http, digest, needs);
        }

        var names = manifests.Count == 0 && tags.Count == 0 ? [] : await TagsAsync(http);
        foreach (var tag in names) await VerifyTagAsync(http, tag);
        foreach (var (tag, allowed) in tags)
        {
            Assert.True(allowed.Contains(null) || names.Contains(tag), $"The tag {tag} of {repository} is lost.");
        }

        unverified.Clear();
    }

    /// <summary>Deletes every manifest, so that all of the repository becomes garbage.</summary>
    public async Task DeleteAllAsync(HttpClient http)
    {
        while (manifests.Count > 0) await DeleteManifestAsync(http);
        blobs.Clear();
    }

    /// <summary>Lets go of blobs that no manifest needs: a collection may have taken them.</summary>
    public void ForgetLooseBlobs() => blobs.IntersectWith(manifests.Values.SelectMany(needs => needs));

    private async Task PushAsync(HttpClient http, byte[] config, byte[] layer, string tag)
    {
        var (first, second) = (await PushBlobAsync(http, config), await PushBlobAsync(http, layer));
        var manifest = Encoding.UTF8.GetBytes(new JsonObject
        {
            ["schemaVersion"] = 2,
            ["mediaType"] = ManifestType,
            ["config"] = Descriptor("application/vnd.oci.image.config.v1+json", first, config.Length),
            ["layers"] = new JsonArray(Descriptor("application/vnd.oci.image.layer.v1.tar", second, layer.Length)),
        }.ToJsonString());
        var digest = Remember(manifest);
        Allow(tag).Add(digest);
        var content = new ByteArrayContent(manifest) { Headers = { ContentType = new MediaTypeHeaderValue(ManifestType) } };
        await SendAsync(http, HttpMethod.Put, $"manifests/{tag}", content, HttpStatusCode.Created);
        tags[tag] = [digest];
        manifests[digest] = [first, second];
        unverified.Add(digest);
    }

    private async Task<string> PushBlobAsync(HttpClient http, byte[] bytes)
    {
        var digest = Remember(bytes);
        if (random.Next(3) == 0 && await HasAsync(http, digest)) return digest;
        if (blobs.Count > 0 && random.Next(8) == 0) await HasAsync(http, blobs.First()); // what is there is touched, as by other clients
        switch (random.Next(4))
        {
            case 0:
                await SendAsync(
                    http, HttpMethod.Post, $"blobs/uploads/?digest={digest}", new ByteArrayContent(bytes), HttpStatusCode.Created);
                break;
            case 1:
                if (await MountAsync(http, digest) is { } offered) await UploadAsync(http, offered, digest, bytes);
                break;
            case 2:
                await PushInChunksAsync(http, digest, bytes);
                break;
            default:
                await UploadAsync(http, await BeginAsync(http), digest, bytes);
                break;
        }

        blobs.Add(digest);
        unverified.Add(digest);
        return digest;
    }

    private async Task PushInChunksAsync(HttpClient http, string digest, byte[] bytes)
    {
        var session = await BeginAsync(http);
        var half = bytes.Length / 2;
        if (half > 0) await SendAsync(http, HttpMethod.Patch, session, Chunk(bytes, 0, half), HttpStatusCode.Accepted);
        await SendAsync(http, HttpMethod.Put, $"{session}?digest={digest}", Chunk(bytes, half, bytes.Length), HttpStatusCode.Created);
    }

    private async Task<bool> HasAsync(HttpClient http, string digest)
    {
        using var response = await SendAsync(http, HttpMethod.Head, $"blobs/{digest}", null, HttpStatusCode.OK, HttpStatusCode.NotFound);
        return response.StatusCode == HttpStatusCode.OK;
    }

    private async Task UploadAsync(HttpClient http, string session, string digest, byte[] bytes)
    {
        await SendAsync(http, HttpMethod.Patch, session, new ByteArrayContent(bytes), HttpStatusCode.Accepted);
        await SendAsync(http, HttpMethod.Put, $"{session}?digest={digest}", null, HttpStatusCode.Created);
    }

    /// <summary>
    /// Null when the blob is mounted; otherwise the session that the registry offers instead, to go on with as clients do.
    /// </summary>
    private async Task<string?> MountAsync(HttpClient http, string digest)
    {
        using var response = await SendAsync(
            http, HttpMethod.Post, $"blobs/uploads/?mount={digest}&from={sibling}", null, HttpStatusCode.Created, HttpStatusCode.Accepted);
        return response.StatusCode == HttpStatusCode.Created ? null : SessionOf(response);
    }

    private async Task<string> BeginAsync(HttpClient http)
    {
        using var response = await SendAsync(http, HttpMethod.Post, "blobs/uploads/", null, HttpStatusCode.Accepted);
        return SessionOf(response);
    }

    private static string SessionOf(HttpResponseMessage response) =>
        "blobs/uploads/" + response.Headers.Location!.ToString().Split('/')[^1];

    private async Task DeleteTagAsync(HttpClient http)
    {
        if (tags.FirstOrDefault(t => !t.Value.Contains(null)) is not { Key: { } tag }) return;
        tags[tag].Add(null);
        await SendAsync(http, HttpMethod.Delete, $"manifests/{tag}", null, HttpStatusCode.Accepted);
        tags[tag] = [null];
    }

    private async Task DeleteManifestAsync(HttpClient http)
    {
        if (manifests.Keys.FirstOrDefault() is not { } digest) return;
        manifests.Remove(digest);
        foreach (var allowed in tags.Values.Where(a => a.Contains(digest))) allowed.Add(null);
        await SendAsync(http, HttpMethod.Delete, $"manifests/{digest}", null, HttpStatusCode.Accepted, HttpStatusCode.NotFound);
        foreach (var allowed in tags.Values.Where(a => a.Contains(digest))) allowed.Remove(digest);
    }

    private async Task VerifyBlobAsync(HttpClient http, string digest)
    {
        using var response = await SendAsync(http, HttpMethod.Get, $"blobs/{digest}", null, HttpStatusCode.OK);
        Assert.Equal(contents[digest], await response.Content.ReadAsByteArrayAsync());
    }

    private async Task VerifyManifestAsync(HttpClient http, string digest, string[] needs)
    {
        using var response = await SendAsync(http, HttpMethod.Get, $"manifests/{digest}", null, HttpStatusCode.OK);
        Assert.Equal(contents[digest], await response.Content.ReadAsByteArrayAsync());
        foreach (var blob in needs) await VerifyBlobAsync(http, blob);
    }

    private async Task VerifyTagAsync(HttpClient http, string tag)
    {
        using var response = await SendAsync(http, HttpMethod.Get, $"manifests/{tag}", null, HttpStatusCode.OK);
        var bytes = await response.Content.ReadAsByteArrayAsync();
        var digest = DigestOf(bytes);
        Assert.True(tags[tag].Contains(digest), $"The tag {tag} of {repository} points at {digest}, which nobody left there.");
        Assert.Equal(contents[digest], bytes);
        foreach (var blob in Blobs(bytes)) await VerifyBlobAsync(http, blob);
    }

    private async Task<List<string>> TagsAsync(HttpClient http)
    {
        using var response = await SendAsync(http, HttpMethod.Get, "tags/list", null, HttpStatusCode.OK, HttpStatusCode.NotFound);
        if (response.StatusCode == HttpStatusCode.NotFound) return [];
        using var json = JsonDocument.Parse(await response.Content.ReadAsStreamAsync());
        return [.. json.RootElement.GetProperty("tags").EnumerateArray().Select(t => t.GetString()!)];
    }

    private static IEnumerable<string> Blobs(byte[] manifest)
    {
        using var json = JsonDocument.Parse(manifest);
        return [
            json.RootElement.GetProperty("config").GetProperty("digest").GetString()!,
                .. json.RootElement.GetProperty("layers").EnumerateArray().Select(l => l.GetProperty("digest").GetString()!)];
    }

    private async Task<HttpResponseMessage> SendAsync(
        HttpClient http, HttpMethod method, string path, HttpContent? content, params HttpStatusCode[] expected)
    {
        HttpResponseMessage response;
        try
        {
            using var request = new HttpRequestMessage(method, $"/v2/{repository}/{path}") { Content = content };
            response = await http.SendAsync(request);
        }
        catch (Exception e) when (e is HttpRequestException or IOException)
        {
            throw new ServerDiedException(e);
        }

        Acknowledged++;
        if (!expected.Contains(response.StatusCode))
        {
            Assert.Fail($"{method} {repository}/{path}: {(int)response.StatusCode} {await response.Content.ReadAsStringAsync()}");
        }

        return response;
    }

    private HashSet<string?> Allow(string tag) => tags.TryGetValue(tag, out var allowed) ? allowed : tags[tag] = [null];

    private string Remember(byte[] bytes)
    {
        var digest = DigestOf(bytes);
        contents[digest] = bytes;
        return digest;
    }

    private byte[] Bytes(int count)
    {
        var bytes = new byte[count];
        random.NextBytes(bytes);
        return bytes;
    }

    private static ByteArrayContent Chunk(byte[] bytes, int from, int to) =>
        new(bytes[from..to]) { Headers = { ContentRange = null, ContentType = new MediaTypeHeaderValue("application/octet-stream") } };

    private static JsonObject Descriptor(string type, string digest, int size) =>
        new() { ["mediaType"] = type, ["digest"] = digest, ["size"] = size };

    private static string DigestOf(byte[] bytes) => "sha256:" + Convert.ToHexStringLower(SHA256.HashData(bytes));
}
