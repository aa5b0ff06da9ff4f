using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Tests.Web;
using AuthIndex.TestKit;

namespace AuthIndex.Hosting.Tests.Tls;

public sealed class HandshakeTests : IDisposable
{
    private readonly TempFolder folder = new();
    private readonly CertificateAuthority authority = new();

    public void Dispose()
    {
        folder.Dispose();
        authority.Dispose();
    }

    [Theory]
    [InlineData("optional", "none")]
    [InlineData("required", null)]
    public async Task Without_a_certificate_a_client_is_served_only_where_it_is_optional(string mode, string? answer)
    {
        await using var server = await StartAsync(mode);
        Assert.Equal(answer, await AskAsync(server, null));
    }

    [Theory]
    [InlineData("optional")]
    [InlineData("required")]
    public async Task A_certificate_of_the_authority_reaches_the_request(string mode)
    {
        await using var server = await StartAsync(mode);
        using var certificate = authority.IssueClient("CN=alice");
        using var unrestricted = authority.IssueClient("CN=bob", purpose: null);
        Assert.Equal("CN=alice", await AskAsync(server, certificate));
        Assert.Equal("CN=bob", await AskAsync(server, unrestricted));
    }

    [Theory]
    [InlineData("another authority")]
    [InlineData("expired")]
    [InlineData("made for servers")]
    [InlineData("signed by itself")]
    public async Task A_certificate_that_is_not_believed_ends_the_handshake_even_where_none_is_needed(string fault)
    {
        await using var server = await StartAsync("optional");
        using var other = new CertificateAuthority();
        using var certificate = fault switch
        {
            "another authority" => other.IssueClient("CN=alice"),
            "expired" => authority.IssueClient("CN=alice", lifetime: TimeSpan.FromHours(1)),
            "made for servers" => authority.IssueClient("CN=alice", purpose: CertificateAuthority.ForServers),
            _ => other.Root,
        };
        Assert.Null(await AskAsync(server, certificate));
        Assert.Contains(
            server.Log.Lines,
            l => l.StartsWith("The client certificate \"CN=", StringComparison.Ordinal)
            && l.Contains("was rejected", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Authorities_are_followed_like_the_certificate()
    {
        await using var server = await StartAsync("optional");
        using var other = new CertificateAuthority();
        using var certificate = other.IssueClient("CN=alice");
        Assert.Null(await AskAsync(server, certificate));
        File.WriteAllText(folder["new"], authority.Pem + "\n" + other.Pem);
        File.Move(folder["new"], folder["clients.pem"], overwrite: true);
        Assert.Equal("CN=alice", await AskAsync(server, certificate));
    }

    [Theory]
    [InlineData("10.0.0.0/8", "CN=proxy")]
    [InlineData("127.0.0.0/8", "none")]
    public async Task The_certificate_of_a_proxy_is_nobodys_behind_it(string trusted, string seen)
    {
        await using var server = await StartAsync("required", trusted);
        using var certificate = authority.IssueClient("CN=proxy");
        Assert.Equal(seen, await AskAsync(server, certificate));
    }

    [Theory]
    [InlineData("15030100020228")] // an alert
    [InlineData("474554202f20485454502f312e310d0a0d0a")] // plain HTTP
    public async Task Who_does_not_begin_with_a_hello_is_turned_away_without_an_error_in_the_log(string bytes)
    {
        await using var server = await StartAsync("optional");
        using var tcp = new System.Net.Sockets.TcpClient();
        await tcp.ConnectAsync("127.0.0.1", server.Url("/").Port, Stop);
        await tcp.GetStream().WriteAsync(Convert.FromHexString(bytes), Stop);
        await tcp.GetStream().CopyToAsync(Stream.Null, Stop);
        Assert.DoesNotContain(server.Log.Lines, l => l.Contains("nhandled", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("mode")]
    [InlineData("account")]
    [InlineData("plain")]
    public async Task Client_certificates_need_an_authority_and_TLS(string fault)
    {
        var refused = await Assert.ThrowsAsync<OperatorException>(() => SampleServer.StartAsync(o =>
        {
            if (fault != "plain") SampleServer.UseTls(o, authority, folder);
            if (fault == "mode") o.Tls.ClientCertificates.Mode = "required";
            if (fault == "account") o.Tls.ClientCertificates.AccountFrom = "spiffe";
            if (fault == "plain") o.Tls.ClientCertificates.CaFile = folder.Write("clients.pem", authority.Pem);
        }));
        Assert.StartsWith("tls.clientCertificates needs ", refused.Message, StringComparison.Ordinal);
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private Task<SampleServer> StartAsync(string mode, string? trusted = null) => SampleServer.StartAsync(o =>
    {
        SampleServer.UseTls(o, authority, folder);
        o.Tls.ClientCertificates.CaFile = folder.Write("clients.pem", authority.Pem);
        o.Tls.ClientCertificates.Mode = mode;
        if (trusted is not null) o.TrustedProxies.Add(System.Net.IPNetwork.Parse(trusted));
    });

    /// <summary>What the server says of the certificate; null when it wants no such client.</summary>
    private async Task<string?> AskAsync(SampleServer server, X509Certificate2? certificate)
    {
        using var client = authority.Client(certificate);
        try
        {
            return await client.GetStringAsync(server.Url("/certificate"), Stop);
        }
        catch (HttpRequestException)
        {
            return null;
        }
    }
}
