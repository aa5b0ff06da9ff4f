using System.Net;
using System.Net.NetworkInformation;
using System.Net.Sockets;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>Both servers behind a real nginx that ends TLS, with the configuration that <c>docs/operations.md</c> gives: another name, another port, a path prefix.</summary>
public sealed class ProxyTests(RealParts parts)
{
    private const string DocumentedName = "registry.example.com";

    [Fact]
    public async Task Docker_logs_in_pushes_and_pulls_through_the_documented_proxy()
    {
        var docker = await parts.DockerAsync();
        if (NginxServer.Obstacle() is { } obstacle)
        {
            if (Environment.GetEnvironmentVariable("CI") is null) Assert.Skip(obstacle);
            Assert.Fail(obstacle);
        }

        // On 127.0.0.0/8 docker would take any certificate.
        var address = NetworkAddress();
        if (address is null) Assert.Skip("this machine has no network address but the loopback's");
        var port = NginxServer.FreePort(address);
        var host = $"{address}:{port}";

        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(folder["authindex.yaml"], Documented("yaml").Replace(DocumentedName, host, StringComparison.Ordinal), None);
        await using var up = await AuthIndexUp.StartAsync("--config", folder["authindex.yaml"]);

        using var authority = new CertificateAuthority();
        using var certificate = authority.IssueServer($"{address}");
        CertificateAuthority.Write(certificate, folder["registry.pem"], folder["registry.key"]);
        var configuration = Documented("nginx")
            .Replace("listen 443", $"listen {host}", StringComparison.Ordinal)
            .Replace("/etc/nginx/registry", folder["registry"], StringComparison.Ordinal)
            .Replace("127.0.0.1:5000", up.Registry.Authority, StringComparison.Ordinal)
            .Replace("127.0.0.1:5001", up.TokenServer.Authority, StringComparison.Ordinal);
        await using var nginx = await NginxServer.StartAsync(configuration, new IPEndPoint(address, port));

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

    private static CancellationToken None => TestContext.Current.CancellationToken;

    private static async Task AssertUrlsAsync(CertificateAuthority authority, string host, AuthIndexUp up)
    {
        using var http = authority.Client();
        http.BaseAddress = new Uri($"https://{host}");
        http.DefaultRequestHeaders.Add("X-Forwarded-Host", "evil.example");
        http.DefaultRequestHeaders.Add("X-Forwarded-Proto", "gopher");
        http.DefaultRequestHeaders.Add("X-Forwarded-Prefix", "/evil");
        using var challenged = await http.GetAsync(new Uri("/v2/", UriKind.Relative), None);
        Assert.StartsWith($"Bearer realm=\"https://{host}/auth/token\"", challenged.Headers.WwwAuthenticate.ToString(), StringComparison.Ordinal);

        http.DefaultRequestHeaders.Authorization = new("Bearer", await up.TokenOfAdminAsync("repository:platform/proxied:pull,push"));
        using var opened = await http.PostAsync(new Uri("/v2/platform/proxied/blobs/uploads/", UriKind.Relative), null, None);
        Assert.StartsWith($"https://{host}/v2/platform/proxied/blobs/uploads/", opened.Headers.Location!.OriginalString, StringComparison.Ordinal);
    }

    /// <summary>The block of the page's section that is of this kind.</summary>
    private static string Documented(string kind)
    {
        var page = File.ReadAllText(Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "docs", "operations.md"));
        var section = page[page.IndexOf("\n## Behind a proxy\n", StringComparison.Ordinal)..];
        var start = section.IndexOf($"```{kind}\n", StringComparison.Ordinal) + kind.Length + 4;
        return section[start..section.IndexOf("```", start, StringComparison.Ordinal)];
    }

    private static IPAddress? NetworkAddress() =>
        NetworkInterface.GetAllNetworkInterfaces()
            .Where(n => n.OperationalStatus == OperationalStatus.Up)
            .SelectMany(n => n.GetIPProperties().UnicastAddresses)
            .Select(a => a.Address)
            .FirstOrDefault(a => a.AddressFamily == AddressFamily.InterNetwork && !IPAddress.IsLoopback(a));
}
