using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore.IndexSync;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.TokenServer;

namespace AuthIndex.TestKit;

/// <summary>A token server with its portal, and the registry whose images it shows, both in this process and on one clock.</summary>
internal sealed class PortalServers : IAsyncDisposable
{
    public const string Manifest = "application/vnd.oci.image.manifest.v1+json";
    public const string Index = "application/vnd.oci.image.index.v1+json";
    public const string Config = "application/vnd.oci.image.config.v1+json";
    public const string Layer = "application/vnd.oci.image.layer.v1.tar+gzip";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryDirectory folder;

    private PortalServers(TemporaryDirectory folder, TokenServerHost host, RegistryHost registry)
    {
        this.folder = folder;
        Host = host;
        Registry = registry;
    }

    /// <summary>The token server.</summary>
    public TokenServerHost Host { get; }

    /// <summary>The registry.</summary>
    public RegistryHost Registry { get; }

    /// <summary>The registry as the names of images begin.</summary>
    public string RegistryHostName => Registry.Client.BaseAddress!.Authority;

    /// <summary>Starts both.</summary>
    /// <param name="configure">Changes the token server's options.</param>
    /// <param name="policy">Its policy.</param>
    /// <param name="upstream">The prefix of an upstream of the registry, and where it is; null for none.</param>
    public static async Task<PortalServers> StartAsync(
        Action<TokenServerOptions>? configure = null, string policy = TokenServerHost.Policy,
        (string Prefix, Uri Url)? upstream = null)
    {
        var temporary = new TemporaryDirectory();
        var host = await TokenServerHost.StartAsync(
            o =>
            {
                o.RegistryUrlFile = temporary["registry-url"];
                configure?.Invoke(o);
            },
            policy);
        var registry = await RegistryHost.StartAsync(
            o =>
            {
                o.TokenServer.KeysFile = null;
                o.TokenServer.Url = host.Address;
                o.TokenServer.CredentialFile = host.Options.CredentialPath;
                o.Reporting.Enabled = true;
                if (upstream is { } other) o.Upstreams = [new UpstreamOptions { Name = "hub-1.x_y", Url = other.Url, Prefix = other.Prefix }];
            },
            host.Clock);
        await File.WriteAllTextAsync(temporary["registry-url"], registry.Client.BaseAddress!.ToString());
        return new PortalServers(temporary, host, registry);
    }

    /// <summary>Pushes an image as the administrator, and waits until the index knows it.</summary>
    /// <param name="image">The image, as <c>NAME:TAG</c>.</param>
    /// <param name="config">Its configuration.</param>
    /// <param name="annotations">The manifest's annotations.</param>
    /// <param name="layers">The content of its layers.</param>
    /// <returns>Its digest.</returns>
    public async Task<string> PushImageAsync(string image, JsonObject config, JsonObject? annotations = null, params string[] layers)
    {
        var name = image[..image.IndexOf(':', StringComparison.Ordinal)];
        var descriptors = new JsonArray();
        foreach (var layer in layers) descriptors.Add(await PushBlobAsync(name, Layer, Encoding.UTF8.GetBytes(layer)));
        return await PushManifestAsync(image, Manifest, new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = Manifest,
            ["config"] = await PushBlobAsync(name, Config, Encoding.UTF8.GetBytes(config.ToJsonString())),
            ["layers"] = descriptors, ["annotations"] = annotations?.DeepClone(),
        });
    }

    /// <summary>Pushes what belongs to an image: a manifest with an artifact type and a subject.</summary>
    public async Task<string> PushReferrerAsync(string repository, string artifactType, string subject, JsonObject? annotations = null)
    {
        var empty = await PushBlobAsync(repository, "application/vnd.oci.empty.v1+json", "{}"u8.ToArray());
        var manifest = new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = Manifest, ["artifactType"] = artifactType, ["config"] = empty.DeepClone(),
            ["layers"] = new JsonArray(empty),
            ["subject"] = new JsonObject { ["mediaType"] = Manifest, ["digest"] = subject, ["size"] = 7 },
            ["annotations"] = annotations?.DeepClone(),
        };
        return await PushManifestAsync($"{repository}@", Manifest, manifest);
    }

    /// <summary>Pushes a manifest to <c>NAME:TAG</c>, or by its digest to <c>NAME@</c>, and waits until the index knows it.</summary>
    public async Task<string> PushManifestAsync(string image, string mediaType, JsonObject manifest)
    {
        var at = image.IndexOfAny([':', '@']);
        var (name, bytes) = (image[..at], Encoding.UTF8.GetBytes(manifest.ToJsonString()));
        var digest = DigestOf(bytes);
        using var client = await ClientAsync(name);
        using var content = new ByteArrayContent(bytes) { Headers = { ContentType = new MediaTypeHeaderValue(mediaType) } };
        using var answer = await client.PutAsync($"/v2/{name}/manifests/{(image[at] == '@' ? digest : image[(at + 1)..])}", content);
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
        if (image[at] == ':') await KnownAsync(name, image[(at + 1)..], digest);
        return digest;
    }

    /// <summary>Waits until the index knows where a tag points.</summary>
    public Task KnownAsync(string name, string tag, string? digest) => Eventually.TrueAsync(
        async () =>
        {
            using var answer = await Host.GetAsync($"/index/v1/repositories/{name}/tags", "admin", TokenServerHost.AdminPassword);
            var tags = answer.IsSuccessStatusCode ? JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["tags"]!.AsArray() : [];
            return (string?)tags.FirstOrDefault(t => (string?)t!["name"] == tag)?["registries"]![0]!["digest"] == digest;
        },
        Patience,
        () => $"the index does not know {name}:{tag} as {digest}");

    /// <summary>How many manifests were pulled since, as the registry would report it.</summary>
    public int TakePulls() => Registry.Service<RecentPulls>().Take(100).Count;

    /// <summary>A client of the registry with the administrator's token for a repository.</summary>
    public async Task<HttpClient> ClientAsync(string name)
    {
        using var answer = await Host.GetAsync(
            $"/token?service=registry&scope=repository:{name}:pull,push,delete", "admin", TokenServerHost.AdminPassword);
        return Registry.With((string)JsonNode.Parse(await answer.Content.ReadAsStringAsync())!["token"]!);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await Registry.DisposeAsync();
        await Host.DisposeAsync();
        folder.Dispose();
    }

    /// <summary>Pushes a blob; its descriptor.</summary>
    public async Task<JsonObject> PushBlobAsync(string name, string mediaType, byte[] bytes)
    {
        using var client = await ClientAsync(name);
        using var content = new ByteArrayContent(bytes);
        using var answer = await client.PostAsync($"/v2/{name}/blobs/uploads/?digest={DigestOf(bytes)}", content);
        if (!answer.IsSuccessStatusCode) throw new InvalidOperationException(await answer.Content.ReadAsStringAsync());
        return new JsonObject { ["mediaType"] = mediaType, ["digest"] = DigestOf(bytes), ["size"] = bytes.Length };
    }

    private static string DigestOf(byte[] bytes) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(bytes))}";
}
