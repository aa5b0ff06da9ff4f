using System.Net;
using System.Net.Sockets;
using AuthIndex.RegistryCore.Storage.Objects.S3;
using AuthIndex.TestKit;

namespace AuthIndex.Load;

/// <summary>
/// distribution 2.8 from Debian's package docker-registry, on the same core and the same kind of storage. It runs without any
/// access control, which spares it the work of checking tokens.
/// </summary>
internal sealed class Peer : IAsyncDisposable
{
    private readonly TemporaryDirectory folder = new();
    private readonly ChildProcess process;

    private Peer(string storage)
    {
        var port = FreePort();
        Url = new Uri($"http://127.0.0.1:{port}");
        File.WriteAllText(folder["config.yml"], $$"""
            version: 0.1
            log: { level: error, accesslog: { disabled: true } }
            storage: { {{storage}}, delete: { enabled: true }, redirect: { disable: true } }
            http: { addr: "127.0.0.1:{{port}}" }
            """);

        // With this variable its object store's library does not start, and it means nothing to a store without TLS.
        process = ChildProcess.Start(
            "taskset", ["-c", "0", "env", "-u", "AWS_CA_BUNDLE", "docker-registry", "serve", folder["config.yml"]]);
    }

    /// <summary>Where it listens.</summary>
    public Uri Url { get; }

    /// <summary>Starts it with files below a folder.</summary>
    public static Task<Peer> StartAsync(string folder) => StartWithAsync($"filesystem: {{ rootdirectory: {folder}/peer }}");

    /// <summary>Starts it with an object store.</summary>
    public static async Task<Peer> StartAsync(S3Options bucket) => await StartWithAsync(
        $$"""
        s3: { regionendpoint: "{{bucket.ServiceUrl}}", region: us-east-1, bucket: {{bucket.Bucket}}, secure: false, v4auth: true,
          chunksize: {{bucket.PartSize.Bytes}}, accesskey: "{{await File.ReadAllTextAsync(bucket.AccessKeyFile!)}}",
          secretkey: "{{await File.ReadAllTextAsync(bucket.SecretKeyFile!)}}" }
        """);

    private static async Task<Peer> StartWithAsync(string storage)
    {
        var peer = new Peer(storage);
        using var http = new HttpClient();
        await Eventually.TrueAsync(async () => await AnswersAsync(http, peer.Url), TimeSpan.FromSeconds(20), () => peer.process.Error);
        return peer;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await process.DisposeAsync();
        folder.Dispose();
    }

    private static async Task<bool> AnswersAsync(HttpClient http, Uri url)
    {
        try
        {
            using var response = await http.GetAsync(new Uri(url, "/v2/"));
            return response.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
