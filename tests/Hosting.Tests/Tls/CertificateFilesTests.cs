using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Tests.Web;
using AuthIndex.TestKit;

namespace AuthIndex.Hosting.Tests.Tls;

public sealed class CertificateFilesTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly CertificateAuthority authority = new();

    public void Dispose()
    {
        folder.Dispose();
        authority.Dispose();
    }

    [Fact]
    public async Task An_open_connection_goes_on_while_the_next_one_sees_the_renewed_certificate()
    {
        await using var server = await SampleServer.StartAsync(o => SampleServer.UseTls(o, authority, folder));
        using var open = await ConnectAsync(server);
        var before = await AskAsync(open);

        using var renewed = authority.IssueServer();
        CertificateAuthority.Write(renewed, folder["new.pem"], folder["new.key"]);
        File.Move(folder["new.pem"], folder["server.pem"], overwrite: true);
        Assert.Equal(before, await SeenAsync(server)); // the key is still the old one: half a pair changes nothing
        File.Move(folder["new.key"], folder["server.key"], overwrite: true);

        Assert.Equal(renewed.Thumbprint, await SeenAsync(server));
        Assert.NotEqual(before, renewed.Thumbprint);
        Assert.Equal(before, await AskAsync(open));
    }

    [Fact]
    public async Task An_exchanged_link_is_a_renewal_as_certbot_and_Kubernetes_make_it()
    {
        using var first = authority.IssueServer();
        using var second = authority.IssueServer();
        foreach (var (name, certificate) in (ReadOnlySpan<(string, X509Certificate2)>)[("1", first), ("2", second)])
        {
            Directory.CreateDirectory(folder[name]);
            CertificateAuthority.Write(certificate, Path.Combine(folder[name], "tls.crt"), Path.Combine(folder[name], "tls.key"));
        }

        File.CreateSymbolicLink(folder["..data"], "1");
        foreach (var name in (string[])["tls.crt", "tls.key"]) File.CreateSymbolicLink(folder[name], Path.Combine("..data", name));
        await using var server = await SampleServer.StartAsync(
            o => (o.Tls.CertificateFile, o.Tls.KeyFile) = (folder["tls.crt"], folder["tls.key"]));
        Assert.Equal(first.Thumbprint, await SeenAsync(server));
        File.Delete(folder["..data"]);
        File.CreateSymbolicLink(folder["..data"], "2");
        Assert.Equal(second.Thumbprint, await SeenAsync(server));
    }

    [Theory]
    [InlineData("gone")]
    [InlineData("empty")]
    [InlineData("rubbish")]
    [InlineData("the key of another")]
    [InlineData("a key that others may read")]
    public async Task Files_that_do_not_fit_together_change_nothing_and_are_told_once_and_by_readiness(string fault)
    {
        await using var server = await SampleServer.StartAsync(o => SampleServer.UseTls(o, authority, folder));
        var before = await SeenAsync(server);
        var good = File.ReadAllText(folder["server.key"]);
        using var other = authority.IssueServer();
        switch (fault)
        {
            case "gone": File.Delete(folder["server.key"]); break;
            case "empty": File.WriteAllText(folder["server.key"], ""); break;
            case "rubbish": File.WriteAllText(folder["server.key"], "-----BEGIN"); break;
            case "a key that others may read":
                File.SetUnixFileMode(folder["server.key"], File.GetUnixFileMode(folder["server.key"]) | UnixFileMode.OtherRead);
                break;
            default: CertificateAuthority.Write(other, folder["other.pem"], folder["server.key"]); break;
        }

        for (var i = 0; i < 3; i++) Assert.Equal(before, await SeenAsync(server));
        Assert.Single(server.Log.Lines, l => l.Contains("were changed and cannot be used", StringComparison.Ordinal));
        Assert.DoesNotContain(server.Log.Lines, l => l.Contains("PRIVATE KEY", StringComparison.Ordinal));
        using var client = authority.Client();
        var ready = await client.GetStringAsync(server.Url("/healthz/ready"), Stop);
        Assert.Contains(
            "\"certificate\":{\"status\":\"degraded\",\"reason\":\"the renewed files cannot be used", ready, StringComparison.Ordinal);

        OwnerOnlyFile.Write(folder["server.key"], good);
        Assert.Contains(
            "\"certificate\":{\"status\":\"ok\"}", await client.GetStringAsync(server.Url("/healthz/ready"), Stop),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_certificate_near_its_end_is_degraded_and_one_beyond_it_failed()
    {
        await using var server = await SampleServer.StartAsync(o => SampleServer.UseTls(o, authority, folder));
        var (from, until) =
            (new DateTimeOffset(server.Certificate.Current.Certificate.NotBefore), new DateTimeOffset(
                server.Certificate.Current.Certificate.NotAfter));
        Assert.Equal(HealthStatus.Ok, server.Certificate.Health(until - ((until - from) / 9)).Status);
        Assert.Equal(HealthStatus.Degraded, server.Certificate.Health(until - ((until - from) / 11)).Status);
        Assert.Equal(HealthStatus.Failed, server.Certificate.Health(until).Status);
    }

    [Theory]
#pragma warning disable CA5397, SYSLIB0039, CS0618 // the versions that are refused
    [InlineData(SslProtocols.Tls11, false)]
    [InlineData(SslProtocols.Tls12, true)]
    [InlineData(SslProtocols.Tls13, true)]
#pragma warning restore CA5397, SYSLIB0039, CS0618
    public async Task TLS_begins_with_1_2(SslProtocols version, bool isSpoken)
    {
        await using var server = await SampleServer.StartAsync(o => SampleServer.UseTls(o, authority, folder));
        if (isSpoken) (await ConnectAsync(server, version)).Dispose();
        else await Assert.ThrowsAnyAsync<Exception>(() => ConnectAsync(server, version));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private async Task<string> SeenAsync(SampleServer server)
    {
        using var connection = await ConnectAsync(server);
        return await AskAsync(connection);
    }

    private async Task<SslStream> ConnectAsync(SampleServer server, SslProtocols version = SslProtocols.None)
    {
        var tcp = new TcpClient();
        await tcp.ConnectAsync("127.0.0.1", server.Url("/").Port, Stop);
        var stream = new SslStream(tcp.GetStream());
        await stream.AuthenticateAsClientAsync(
            new SslClientAuthenticationOptions { TargetHost = "127.0.0.1", EnabledSslProtocols = version,
                CertificateChainPolicy = authority.Trust() }, Stop);
        return stream;
    }

    /// <summary>Sends a request over the connection; the thumbprint of the certificate that it was made with.</summary>
    private static async Task<string> AskAsync(SslStream stream)
    {
        await stream.WriteAsync("GET /healthz/live HTTP/1.1\r\nHost: localhost\r\n\r\n"u8.ToArray(), Stop);
        var answer = new byte[1024];
        var text = "";
        while (!text.Contains("\"status\":\"ok\"", StringComparison.Ordinal))
        {
            var read = await stream.ReadAsync(answer, Stop);
            Assert.NotEqual(0, read);
            text += Encoding.ASCII.GetString(answer, 0, read);
        }

        return new X509Certificate2(stream.RemoteCertificate!).Thumbprint;
    }
}
