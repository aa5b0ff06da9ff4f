using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.RegistryCore;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TokenServer.Protocol;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace AuthIndex.TestKit;

/// <summary>An index and registries that report to it, all in this process, with a line between them that a test can cut.</summary>
internal sealed class IndexedRegistries : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly TemporaryDirectory folder = new();
    private readonly Dictionary<string, RegistryHost> registries = new(StringComparer.Ordinal);
    private TokenServerHost index = null!;

    private IndexedRegistries(IndexRelay line) => Line = line;

    /// <summary>The line by which all of them report.</summary>
    public IndexRelay Line { get; }

    /// <summary>Starts an index and a registry for each service.</summary>
    public static async Task<IndexedRegistries> StartAsync(params string[] services)
    {
        var started = new IndexedRegistries(await IndexRelay.StartAsync());
        foreach (var service in services) await started.WriteCredentialAsync(service, CredentialOf(service));
        started.index = await TokenServerHost.StartAsync(o =>
        {
            o.LogLevel = "warning";
            o.Services = [
                .. services.Select(
                    s =>
                        new ServiceOptions { Name = s, Url = new Uri($"https://{s}.example.com"),
                            CredentialFile = started.CredentialFile(s) })];
        });
        started.ConnectIndex();
        foreach (var service in services)
        {
            await started.AddRegistryAsync(service, service);
        }

        return started;
    }

    /// <summary>Starts one more registry.</summary>
    /// <param name="name">What the test calls it.</param>
    /// <param name="service">Its service; another registry may have the same.</param>
    /// <param name="replace">Puts other parts in the place of some.</param>
    public async Task AddRegistryAsync(string name, string service, Action<IServiceCollection>? replace = null) =>
        registries[name] = await RegistryHost.StartAsync(
            o =>
            {
                o.Service = service;
                o.LogLevel = "warning";
                o.TokenServer.Url = Line.Address;
                o.TokenServer.CredentialFile = CredentialFile(service);
                o.Reporting.Enabled = true;
                o.Reporting.LongestPause = TimeSpan.FromMilliseconds(100);
            },
            replace: replace);

    /// <summary>Stops a registry.</summary>
    public async Task StopRegistryAsync(string name)
    {
        registries.Remove(name, out var registry);
        await registry!.DisposeAsync();
    }

    /// <summary>The one registry, or the one of a service.</summary>
    public RegistryHost Registry(string service = "registry") => registries[service];

    /// <summary>Lets the registries reach the index.</summary>
    public void ConnectIndex() => Line.Target = index.Address;

    /// <summary>Cuts the line.</summary>
    public void DisconnectIndex() => Line.Target = null;

    /// <summary>Restarts the index.</summary>
    public async Task RestartIndexAsync(bool isForgetful = false)
    {
        var connected = Line.Target is not null;
        DisconnectIndex();
        await index.RestartAsync(() =>
        {
            if (!isForgetful) return;
            foreach (var file in Directory.GetFiles(Path.Combine(index.Options.DataDirectory, "token-server"), "*index.db*"))
            {
                File.Delete(file);
            }
        });
        if (connected) ConnectIndex();
    }

    /// <summary>The configuration of a registry beside a folder that no server holds, for a command.</summary>
    public RegistryOptions OptionsFor(string dataDirectory, string service = "registry") => new()
    {
        DataDirectory = dataDirectory,
        Service = service,
        TokenServer = { Url = Line.Address, CredentialFile = CredentialFile(service) },
    };

    /// <summary>Writes the credential that a registry shows.</summary>
    public Task ShowCredentialAsync(string service, bool right) =>
        WriteCredentialAsync(service, right ? CredentialOf(service) : "some-other-credential");

    /// <summary>Keeps what a registry logs from now on.</summary>
    public LogRecorder RecordLog(string service = "registry")
    {
        var log = new LogRecorder();
        Registry(service).Services.GetRequiredService<ILoggerFactory>().AddProvider(log);
        return log;
    }

    /// <summary>Sends a request to a registry with every right on the repository.</summary>
    public async Task<HttpResponseMessage> SendAsync(
        string service, HttpMethod method, string repository, string tail, HttpContent? content = null, string account = "alice")
    {
        var registry = Registry(service);
        var claims = registry.Tokens.Payload(account, $"repository:{repository}:pull,push,delete", "repository:other/source:pull,push");
        claims["aud"] = registry.Service<RegistryIdentity>().Service;
        using var request = new HttpRequestMessage(
            method, new Uri(registry.Client.BaseAddress!, $"/v2/{repository}/{tail}")) { Content = content };
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", registry.Tokens.Sign(registry.Tokens.Header(), claims));
        return await registry.Client.SendAsync(request);
    }

    /// <summary>Pushes a manifest that needs no blobs; the same text is the same manifest.</summary>
    /// <returns>Its digest.</returns>
    public async Task<string> PushAsync(string service, string repository, string tag, string text, string account = "alice")
    {
        var bytes = Manifest(text);
        using var content = new ByteArrayContent(bytes);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/vnd.oci.image.index.v1+json");
        using var answer = await SendAsync(service, HttpMethod.Put, repository, $"manifests/{tag}", content, account);
        if (answer.StatusCode != HttpStatusCode.Created)
        {
            throw new InvalidOperationException($"push: {answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        }

        return DigestOf(text);
    }

    /// <summary>Deletes a tag or a manifest; it need not be there.</summary>
    public async Task DeleteAsync(string service, string repository, string reference) =>
        (await SendAsync(service, HttpMethod.Delete, repository, $"manifests/{reference}")).Dispose();

    /// <summary>The digest of the manifest that a text makes.</summary>
    public static string DigestOf(string text) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Manifest(text)))}";

    /// <summary>Asks the index as its administrator; null for 404.</summary>
    public async Task<JsonNode?> AskAsync(string path)
    {
        using var answer = await index.GetAsync($"/index/v1/repositories{path}", "admin", TokenServerHost.AdminPassword);
        return answer.StatusCode == HttpStatusCode.NotFound
            ? null
            : await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>();
    }

    /// <summary>
    /// What the index says of a repository's tags on one line, as <c>tag@service=digest by account</c>; empty when it knows none.
    /// </summary>
    public async Task<string> TagsAsync(string repository)
    {
        var answer = await AskAsync($"/{repository}/tags");
        return answer is null ? "" : string.Join(' ',
            from tag in answer["tags"]!.AsArray()
            from place in tag!["registries"]!.AsArray()
            select $"{tag["name"]}@{place!["service"]}={place["digest"]}");
    }

    /// <summary>Waits until the index says exactly this of a repository's tags.</summary>
    public async Task ExpectTagsAsync(string repository, string expected)
    {
        var last = "";
        await Eventually.TrueAsync(
            async () => (last = await TagsAsync(repository)) == expected, Patience, () => $"the index says '{last}', not '{expected}'");
    }

    /// <summary>Waits until a registry has nothing to tell any more.</summary>
    public async Task ExpectToldAsync(string service = "registry")
    {
        JsonNode? status = null;
        await Eventually.TrueAsync(
            async () =>
            {
                status = await StatusAsync(service);
                return (long)status["waiting"]! == 0 && !(bool)status["resyncPending"]! && (bool)status["isReached"]!;
            },
            Patience,
            () => $"{status}");
    }

    /// <summary>What a registry says of its reporting.</summary>
    public async Task<JsonNode> StatusAsync(string service = "registry") =>
        (await Registry(service).Client.GetFromJsonAsync<JsonNode>(new Uri("/healthz/ready", UriKind.Relative)))!["parts"]!["index"]!;

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        foreach (var registry in registries.Values) await registry.DisposeAsync();
        await index.DisposeAsync();
        await Line.DisposeAsync();
        folder.Dispose();
    }

    private static byte[] Manifest(string text) => Encoding.UTF8.GetBytes(
        $$$"""{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[],"annotations":{"text":"{{{text}}}"}}""");

    private static string CredentialOf(string service) => $"credential-of-{service}";

    private string CredentialFile(string service) => folder[$"credential-{service}"];

    private Task WriteCredentialAsync(string service, string credential)
    {
        OwnerOnlyFile.Write(CredentialFile(service), credential);
        return Task.CompletedTask;
    }
}
