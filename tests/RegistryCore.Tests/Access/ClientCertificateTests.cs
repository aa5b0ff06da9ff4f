using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Tls;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.Access;

/// <summary>The certificate that the registry shows a token server that asks for one.</summary>
public sealed class ClientCertificateTests
{
    [Fact]
    public async Task A_token_server_that_asks_for_a_certificate_answers_the_registry_that_shows_one_and_no_other()
    {
        using var folder = new TemporaryDirectory();
        using var authority = new CertificateAuthority();
        await File.WriteAllTextAsync(folder["ca.pem"], authority.Pem, Stop);
        using (var own = authority.IssueServer()) CertificateAuthority.Write(own, folder["server.pem"], folder["server.key"]);
        using (var shown = authority.IssueClient("CN=registry"))
        {
            CertificateAuthority.Write(shown, folder["registry.pem"], folder["registry.key"]);
        }

        var tls = new TlsOptions
        {
            CertificateFile = folder["server.pem"],
            KeyFile = folder["server.key"],
            ClientCertificates = new ClientCertificateOptions { CaFile = folder["ca.pem"], Mode = "required" },
        };
        await using var server = ServerHost.CreateBuilder(
            new RegistryOptions { Listen = new ListenAddress("127.0.0.1", 0), Tls = tls }, "index", _ => { }).Build();
        server.Run(context => context.Response.WriteAsync(context.Connection.ClientCertificate!.Subject));
        await server.StartAsync(Stop);
        var link = new TokenServerLinkOptions { Url = new Uri(server.Urls.Single()), CaFile = folder["ca.pem"] };
        using (var bare = Client(link)) await Assert.ThrowsAsync<HttpRequestException>(() => bare.GetStringAsync(link.Url, Stop));

        (link.ClientCertificateFile, link.ClientKeyFile) = (folder["registry.pem"], folder["registry.key"]);
        using var client = Client(link);
        Assert.Equal("CN=registry", await client.GetStringAsync(link.Url, Stop));
    }

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static HttpClient Client(TokenServerLinkOptions link) =>
        TokenServerHttp.Create(link, TimeSpan.FromSeconds(30), new LogRecorder().For<CertificateFiles>());
}
