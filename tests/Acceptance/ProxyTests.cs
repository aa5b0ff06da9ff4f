using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text.Json;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>
/// Both servers behind a real nginx that ends TLS, with the configuration that <c>docs/operations.md</c> gives: another name, another
/// port, a path prefix.
/// </summary>
public sealed partial class ProxyTests(RealParts parts)
{
    private const string DocumentedName = "registry.example.com";

    [Fact]
    public async Task Docker_logs_in_pushes_and_pulls_through_the_documented_proxy()
    {
        var docker = await parts.DockerAsync();
        RealParts.Require(NginxServer.Obstacle());

        // On 127.0.0.0/8 docker would take any certificate.
        var address = NetworkAddress();
        if (address is null) Assert.Skip("this machine has no network address but the loopback's");
        var port = FreePort.At(address);
        var host = $"{address}:{port}";

        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            folder["authindex.yaml"], Documented("yaml").Replace(DocumentedName, host, StringComparison.Ordinal), None);
        await using var up = await AuthIndexUp.StartAsync("--config", folder["authindex.yaml"]);

        using var authority = new CertificateAuthority();
        await using var nginx = await StartAsync(Documented("nginx"), new IPEndPoint(address, port), authority, $"{address}", folder, up);

        var trusted = Directory.CreateDirectory($"/etc/docker/certs.d/{host}").FullName;
        try
        {
            await File.WriteAllTextAsync(Path.Combine(trusted, "ca.crt"), authority.Pem, None);
            var login = await docker.LoginAsync(host, "admin", up.AdminPassword);
            Assert.True(login.ExitCode == 0, login.All);
            var image = $"{host}/platform/proxied:1";
            var id = await docker.BuildAsync(image, 5_000_000, 1_000);
            await docker.MustAsync("push", image);
            await docker.MustAsync("rmi", image);
            await docker.MustAsync("pull", image);
            Assert.Equal(id, await docker.ImageIdAsync(image));
            await docker.MustAsync("rmi", image);
        }
        finally
        {
            Directory.Delete(trusted, recursive: true);
        }

        Assert.Contains("GET /auth/token?", nginx.AccessLog, StringComparison.Ordinal);
        Assert.Contains("PATCH /v2/platform/proxied/", nginx.AccessLog, StringComparison.Ordinal);
        await AssertUrlsAsync(authority, host, up);

        // The clients' own address, not the proxy's, is what rules and logs see.
        var audit = await File.ReadAllTextAsync(Path.Combine(up.Data, "token-server", "audit.jsonl"), None);
        Assert.Contains($"\"{address}\"", audit, StringComparison.Ordinal);
    }

    /// <summary>
    /// Docker wants <c>/v2/</c> at the root; other clients follow what the answers tell, and nothing else is followed here.
    /// </summary>
    [Fact]
    public async Task Whoever_follows_the_answers_stays_below_a_path_prefix_from_challenge_to_pull()
    {
        RealParts.Require(NginxServer.Obstacle());
        var address = new IPEndPoint(IPAddress.Loopback, FreePort.At(IPAddress.Loopback));
        var (registry, tokenServer) =
            ($"https://{DocumentedName}:{address.Port}/registry/", $"https://{DocumentedName}:{address.Port}/auth/");
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            folder["authindex.yaml"],
            PublicUrl()
            .Replace(
                Documented("yaml"),
                url => $"publicUrl: {(url.Value.EndsWith("/auth", StringComparison.Ordinal) ? tokenServer : registry).TrimEnd('/')}"),
            None);
        await using var up = await AuthIndexUp.StartAsync("--config", folder["authindex.yaml"]);
        using var authority = new CertificateAuthority();
        var atRoot = RootLocation().Matches(Documented("nginx"));
        var configuration = Documented("nginx")
            .Replace(Assert.Single(atRoot).Value, PrefixLocation().Match(Page()).Value, StringComparison.Ordinal);
        await using var nginx = await StartAsync(configuration, address, authority, DocumentedName, folder, up);

        using var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        handler.SslOptions.CertificateChainPolicy = authority.Trust();
        handler.ConnectCallback = async (context, cancellation) =>
        {
            Assert.Equal(new DnsEndPoint(DocumentedName, address.Port), context.DnsEndPoint); // nginx is what has this name
            var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            await socket.ConnectAsync(address, cancellation);
            return new NetworkStream(socket, ownsSocket: true);
        };
        using var http = new HttpClient(handler);

        // Challenge and token.
        var repository = new Uri($"{registry}v2/platform/walked/");
        using var challenged = await http.PostAsync(new Uri(repository, "blobs/uploads/"), null, None);
        Assert.Equal(HttpStatusCode.Unauthorized, challenged.StatusCode);
        var challenge = ChallengePart().Matches(challenged.Headers.WwwAuthenticate.Single().Parameter!)
            .ToDictionary(m => m.Groups["name"].Value, m => m.Groups["value"].Value, StringComparer.Ordinal);
        var realm = Below(tokenServer, challenge["realm"]);
        using var asked = new HttpRequestMessage(
            HttpMethod.Get,
            $"{realm}?service={challenge["service"]}&scope={challenge["scope"]}") { Headers =
                { Authorization = Basic.Header("admin", up.AdminPassword) } };
        using var granted = await http.SendAsync(asked, None);
        var token = (await granted.Content.ReadFromJsonAsync<JsonElement>(None)).GetProperty("token").GetString()!;
        up.Secrets.Add("the token", token);
        http.DefaultRequestHeaders.Authorization = new("Bearer", token);

        // Blob: start, a chunk, the end; and then read where it is said to be.
        var layer = RandomNumberGenerator.GetBytes(100_000);
        var session = await LocationAsync(HttpMethod.Post, new Uri(repository, "blobs/uploads/"), null, HttpStatusCode.Accepted);
        session = await LocationAsync(HttpMethod.Patch, session, new ByteArrayContent(layer, 0, 60_000), HttpStatusCode.Accepted);
        session = await LocationAsync(HttpMethod.Patch, session, new ByteArrayContent(layer, 60_000, 40_000), HttpStatusCode.Accepted);
        var blob = await LocationAsync(
            HttpMethod.Put, new Uri($"{session}{(session.Query.Length == 0 ? '?' : '&')}digest={Digest(layer)}"), null,
            HttpStatusCode.Created);
        Assert.Equal(layer, await http.GetByteArrayAsync(blob, None));

        // Manifest, under three tags.
        var part = new { mediaType = "application/vnd.oci.image.layer.v1.tar", digest = Digest(layer), size = layer.Length };
        var manifest = JsonSerializer.SerializeToUtf8Bytes(
            new { schemaVersion = 2, mediaType = "application/vnd.oci.image.manifest.v1+json", config = part, layers = new[] { part } });
        string[] tags = ["1", "2", "3"];
        foreach (var tag in tags)
        {
            var content = new ByteArrayContent(
                manifest) { Headers = { ContentType = new MediaTypeHeaderValue("application/vnd.oci.image.manifest.v1+json") } };
            var stored = await LocationAsync(HttpMethod.Put, new Uri(repository, $"manifests/{tag}"), content, HttpStatusCode.Created);
            Assert.Equal(manifest, await http.GetByteArrayAsync(stored, None));
        }

        // Tags, page by page.
        List<string> listed = [];
        for (var page = new Uri(repository, "tags/list?n=1"); page is not null;)
        {
            using var answer = await http.GetAsync(page, None);
            listed.AddRange(
                (await answer.Content.ReadFromJsonAsync<JsonElement>(None)).GetProperty("tags").EnumerateArray()
                .Select(t => t.GetString()!));
            page = answer.Headers.TryGetValues("Link", out var links)
                ? Below(registry, NextLink().Match(links.Single()).Groups["url"].Value)
                : null;
        }

        Assert.Equal(tags, listed);

        // Where the token server says that its endpoints are.
        var metadata = await http.GetFromJsonAsync<JsonElement>(new Uri(realm, ".well-known/oauth-authorization-server"), None);
        Assert.Equal(realm, Below(tokenServer, metadata.GetProperty("token_endpoint").GetString()!));
        var keys = await http.GetFromJsonAsync<JsonElement>(Below(tokenServer, metadata.GetProperty("jwks_uri").GetString()!), None);
        Assert.NotEqual(0, keys.GetProperty("keys").GetArrayLength());

        async Task<Uri> LocationAsync(HttpMethod method, Uri url, HttpContent? content, HttpStatusCode expected)
        {
            using var request = new HttpRequestMessage(method, url) { Content = content };
            using var answer = await http.SendAsync(request, None);
            Assert.True(answer.StatusCode == expected, $"{method} {url}: {answer}\n{up.Log}");
            return Below(registry, answer.Headers.Location!.OriginalString);
        }
    }

    private static CancellationToken None => TestContext.Current.CancellationToken;

    /// <summary>A URL that an answer tells: whole, and with this name, port and prefix.</summary>
    private static Uri Below(string prefix, string told)
    {
        Assert.StartsWith(prefix, told, StringComparison.Ordinal);
        return new Uri(told);
    }

    private static string Digest(byte[] content) => $"sha256:{Convert.ToHexStringLower(SHA256.HashData(content))}";

    /// <summary>Starts nginx with a configuration as documented, the places in it exchanged for the test's.</summary>
    private static async Task<NginxServer> StartAsync(
        string configuration, IPEndPoint address, CertificateAuthority authority, string name, TemporaryDirectory folder, AuthIndexUp up)
    {
        using var certificate = authority.IssueServer(name);
        CertificateAuthority.Write(certificate, folder["registry.pem"], folder["registry.key"]);
        return await NginxServer.StartAsync(
            configuration
                .Replace("listen 443", $"listen {address}", StringComparison.Ordinal)
                .Replace("/etc/nginx/registry", folder["registry"], StringComparison.Ordinal)
                .Replace("127.0.0.1:5000", up.Registry.Authority, StringComparison.Ordinal)
                .Replace("127.0.0.1:5001", up.TokenServer.Authority, StringComparison.Ordinal),
            address);
    }

    private static async Task AssertUrlsAsync(CertificateAuthority authority, string host, AuthIndexUp up)
    {
        using var http = authority.Client();
        http.BaseAddress = new Uri($"https://{host}");
        http.DefaultRequestHeaders.Add("X-Forwarded-Host", "evil.example");
        http.DefaultRequestHeaders.Add("X-Forwarded-Proto", "gopher");
        http.DefaultRequestHeaders.Add("X-Forwarded-Prefix", "/evil");
        using var challenged = await http.GetAsync(new Uri("/v2/", UriKind.Relative), None);
        Assert.StartsWith(
            $"Bearer realm=\"https://{host}/auth/token\"", challenged.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);

        http.DefaultRequestHeaders.Authorization = new("Bearer", await up.TokenOfAdminAsync("repository:platform/proxied:pull,push"));
        using var opened = await http.PostAsync(new Uri("/v2/platform/proxied/blobs/uploads/", UriKind.Relative), null, None);
        Assert.StartsWith(
            $"https://{host}/v2/platform/proxied/blobs/uploads/", opened.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    /// <summary>The block of the page's section that is of this kind.</summary>
    private static string Documented(string kind)
    {
        var page = Page();
        var section = page[page.IndexOf("\n## Behind a proxy\n", StringComparison.Ordinal)..];
        var start = section.IndexOf($"```{kind}\n", StringComparison.Ordinal) + kind.Length + 4;
        return section[start..section.IndexOf("```", start, StringComparison.Ordinal)];
    }

    private static string Page() => File.ReadAllText(Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "docs", "operations.md"));

    private static IPAddress? NetworkAddress() =>
        NetworkInterface.GetAllNetworkInterfaces()
            .Where(n => n.OperationalStatus == OperationalStatus.Up)
            .SelectMany(n => n.GetIPProperties().UnicastAddresses)
            .Select(a => a.Address)
            .FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a));

    [GeneratedRegex(@"publicUrl: \S+", RegexOptions.None, 1000)]
    private static partial Regex PublicUrl();

    /// <summary>Where the documented proxy has the registry.</summary>
    [GeneratedRegex(@"location /v2/ \{[^}]*\}", RegexOptions.None, 1000)]
    private static partial Regex RootLocation();

    /// <summary>Where the page says that it may be instead.</summary>
    [GeneratedRegex(@"location /registry/ \{[^}]*\}", RegexOptions.None, 1000)]
    private static partial Regex PrefixLocation();

    [GeneratedRegex("(?<name>[a-z]+)=\"(?<value>[^\"]*)\"", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex ChallengePart();

    [GeneratedRegex("^<(?<url>[^>]+)>; rel=\"next\"$", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex NextLink();
}
