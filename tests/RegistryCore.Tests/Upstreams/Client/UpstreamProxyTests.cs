using System.Collections.Concurrent;
using System.Net;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Upstreams.Client;

/// <summary>An upstream that can only be reached through a proxy, which asks for a password.</summary>
public sealed class UpstreamProxyTests : IAsyncLifetime
{
    private const string Password = "proxyuser:pr0xysecret";

    private readonly TemporaryDirectory folder = new();
    private readonly CertificateAuthority authority = new();
    private readonly ConcurrentQueue<string> headers = []; // all that the upstream was sent
    private readonly UpstreamOptions options = new() { Name = "hub" };
    private StubUpstream upstream = null!;
    private ForwardProxy proxy = null!;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        using var certificate = authority.IssueServer("registry.upstream.test");
        CertificateAuthority.Write(certificate, folder["tls.pem"], folder["tls.key"]);
        await File.WriteAllTextAsync(folder["ca.pem"], authority.Pem, Cancellation);
        OwnerOnlyFile.Write(folder["proxy"], Password + "\n");
        OwnerOnlyFile.Write(folder["credential"], "robot:s3cret\n");
        upstream = await StubUpstream.StartAsync(o => (o.Tls.CertificateFile, o.Tls.KeyFile) = (folder["tls.pem"], folder["tls.key"]));
        upstream.Instead = http =>
        {
            headers.Enqueue(string.Join('\n', http.Request.Headers.Select(h => $"{h.Key}: {h.Value}")));
            if (http.Request.Headers.Authorization.Count > 0) return Task.FromResult(false);
            http.Response.StatusCode = 401;
            http.Response.Headers.WWWAuthenticate = "Basic realm=\"up\"";
            return Task.FromResult(true);
        };
        proxy = ForwardProxy.Start(Password, upstream.Url.Port);
        options.Url = new Uri($"https://registry.upstream.test:{upstream.Url.Port}"); // a name that nobody here can resolve
        (options.CaFile, options.CredentialFile) = (folder["ca.pem"], folder["credential"]);
    }

    public async ValueTask DisposeAsync()
    {
        await proxy.DisposeAsync();
        await upstream.DisposeAsync();
        authority.Dispose();
        folder.Dispose();
    }

    [Fact]
    public async Task Images_come_through_the_proxy_and_neither_side_sees_the_others_password()
    {
        var (manifest, _, layer) = upstream.Image("acme/app", "1");
        (options.Proxy, options.ProxyCredentialFile) = (proxy.Url, folder["proxy"]);
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [options]);
        var log = host.RecordLog();
        var app = new Repository(host, "hub/acme/app");
        Assert.Equal(manifest.Bytes, (await app.GetAsync("manifests/1")).MustBe(HttpStatusCode.OK).Body);
        Assert.Equal(layer.Bytes, (await app.GetAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.OK).Body);

        Assert.NotEmpty(proxy.Asked);
        Assert.All(proxy.Asked, a => Assert.StartsWith($"CONNECT registry.upstream.test:{upstream.Url.Port} ", a, StringComparison.Ordinal));
        Assert.All(proxy.Asked, a => Assert.DoesNotContain("\nAuthorization", a, StringComparison.OrdinalIgnoreCase));
        Assert.All(headers, h => Assert.DoesNotContain("Proxy-", h, StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain("pr0xysecret", log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("unreachable")]
    [InlineData("refuses")]
    [InlineData("unreadable")]
    [InlineData("open")]
    public async Task Without_the_proxy_there_is_nothing_and_clients_do_not_learn_why(string fault)
    {
        upstream.Image("acme/app", "1");
        if (fault != "none") options.Proxy = fault == "unreachable" ? new Uri($"http://127.0.0.1:{FreePort.At(IPAddress.Loopback)}") : proxy.Url;
        if (fault == "refuses") OwnerOnlyFile.Write(folder["proxy"], "proxyuser:wr0ngsecret");
        if (fault != "none") options.ProxyCredentialFile = fault == "unreadable" ? folder["nowhere"] : folder["proxy"];
        if (fault == "open") File.SetUnixFileMode(folder["proxy"], File.GetUnixFileMode(folder["proxy"]) | UnixFileMode.OtherRead);
        await using var host = await RegistryHost.StartAsync(o => o.Upstreams = [options]);
        var answer = (await new Repository(host, "hub/acme/app").GetAsync("manifests/1"))
            .MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Contains("cannot be reached", answer.ErrorMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", answer.ErrorMessage, StringComparison.Ordinal);
        Assert.DoesNotContain("nowhere", answer.ErrorMessage, StringComparison.Ordinal);
        Assert.Empty(upstream.Asked);
    }
}
