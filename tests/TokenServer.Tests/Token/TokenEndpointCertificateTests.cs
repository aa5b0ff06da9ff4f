using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Tests.Token;

/// <summary>Sign-in by a client certificate, over real TLS.</summary>
public sealed class TokenEndpointCertificateTests : IDisposable
{
    private const string Question = "/token?service=registry&scope=repository:builds/app:pull,push";

    private const string Policy = """
        version: 1
        rules:
          - id: builders
            to: ["spiffe://example.org/ci/build", "cert:builder"]
            allow: [pull, push]
            on: ["builds/**"]
            when: { signedInBy: [certificate] }
          - id: people
            to: [user:builder, user:alice]
            allow: [pull]
            on: ["builds/**"]

        """;

    private readonly CertificateAuthority authority = new();
    private readonly TemporaryDirectory folder = new();

    public void Dispose()
    {
        authority.Dispose();
        folder.Dispose();
    }

    [Theory]
    [InlineData("spiffe", "spiffe://example.org/ci/build", "pull,push")]
    [InlineData("spiffe", "spiffe://example.org/ci/other", "")]
    [InlineData("commonName", "cert:builder", "pull,push")]
    [InlineData("none", "", "")]
    public async Task A_client_certificate_signs_in_the_account_it_names(string accountFrom, string account, string granted)
    {
        await using var host = await StartAsync(accountFrom);
        using var certificate = authority.IssueClient("CN=builder", [account.StartsWith("spiffe:", StringComparison.Ordinal) ? account : "spiffe://example.org/ci/build"]);
        var (status, subject, access) = await AskAsync(host, certificate);
        Assert.Equal((HttpStatusCode.OK, account, granted), (status, subject, access));
    }

    [Fact]
    public async Task Without_a_certificate_one_is_anonymous_and_a_password_wins_over_a_certificate()
    {
        await using var host = await StartAsync("commonName");
        using var certificate = authority.IssueClient("CN=builder");
        Assert.Equal((HttpStatusCode.OK, "", ""), await AskAsync(host, null));
        Assert.Equal((HttpStatusCode.OK, "alice", "pull"), await AskAsync(host, certificate, "alice", TokenServerHost.AlicePassword));
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, certificate, "alice", "wrong")).Status);
    }

    [Fact]
    public async Task A_certificate_that_names_no_account_is_refused_and_not_anonymous()
    {
        await using var host = await StartAsync("spiffe");
        using var certificate = authority.IssueClient("CN=builder");
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, certificate)).Status);
        Assert.Contains(host.Log.Lines, l => l.Contains("the client certificate has no spiffe that is an account", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_certificate_that_expires_while_its_connection_lives_signs_in_no_more()
    {
        await using var host = await StartAsync("commonName");
        using var certificate = authority.IssueClient("CN=builder", lifetime: TimeSpan.FromDays(2)); // the server's clock is years ahead of TLS's
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, certificate)).Status);
    }

    [Fact]
    public async Task What_a_proxy_says_of_certificates_is_not_believed_nor_its_own()
    {
        await using var host = await StartAsync("commonName", o => o.TrustedProxies.Add(IPNetwork.Parse("127.0.0.0/8")));
        using var certificate = authority.IssueClient("CN=builder");
        foreach (var shown in (X509Certificate2?[])[null, certificate])
        {
            using var client = authority.Client(shown);
            foreach (var header in (string[])["X-SSL-Client-Cert", "X-Client-Cert", "Client-Cert", "X-Forwarded-Client-Cert", "X-ARR-ClientCert", "SSL_CLIENT_CERT"]) client.DefaultRequestHeaders.TryAddWithoutValidation(header, Uri.EscapeDataString(certificate.ExportCertificatePem()));
            Assert.Equal((HttpStatusCode.OK, "", ""), await ReadAsync(await client.GetAsync(new Uri(host.Address, Question), TestContext.Current.CancellationToken)));
        }
    }

    [Fact]
    public async Task A_token_of_a_certificates_account_is_known_to_the_catalogue()
    {
        await using var host = await StartAsync("commonName");
        var chain = host.Service<IdentityChain>();
        Assert.Equal("cert:builder", Assert.IsType<SignInOutcome.SignedIn>(await chain.FindAsync("cert:builder", TestContext.Current.CancellationToken)).Account);
        Assert.IsType<SignInOutcome.UnknownAccount>(await chain.FindAsync("builder", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_certificate_without_an_authority_to_believe_is_a_mistake_of_the_configuration()
    {
        var refused = await Assert.ThrowsAsync<OperatorException>(() => TokenServerHost.StartAsync(o => o.Tls.ClientCertificates.AccountFrom = "spiffe"));
        Assert.Contains("clientCertificates needs caFile", refused.Message, StringComparison.Ordinal);
    }

    private async Task<TokenServerHost> StartAsync(string accountFrom, Action<TokenServerOptions>? configure = null)
    {
        using var server = authority.IssueServer();
        CertificateAuthority.Write(server, folder["server.pem"], folder["server.key"]);
        await File.WriteAllTextAsync(folder["ca.pem"], authority.Pem, TestContext.Current.CancellationToken);
        return await TokenServerHost.StartAsync(
            o =>
            {
                o.Tls.CertificateFile = folder["server.pem"];
                o.Tls.KeyFile = folder["server.key"];
                o.Tls.ClientCertificates.CaFile = folder["ca.pem"];
                o.Tls.ClientCertificates.AccountFrom = accountFrom;
                configure?.Invoke(o);
            },
            Policy);
    }

    private async Task<(HttpStatusCode Status, string Subject, string Granted)> AskAsync(TokenServerHost host, X509Certificate2? certificate, string? user = null, string? password = null)
    {
        using var client = authority.Client(certificate);
        if (user is not null) client.DefaultRequestHeaders.Authorization = TokenServerHost.Basic(user, password!);
        return await ReadAsync(await client.GetAsync(new Uri(host.Address, Question), TestContext.Current.CancellationToken));
    }

    private static async Task<(HttpStatusCode Status, string Subject, string Granted)> ReadAsync(HttpResponseMessage answer)
    {
        using (answer)
        {
            if (answer.StatusCode != HttpStatusCode.OK) return (answer.StatusCode, "", "");
            using var body = JsonDocument.Parse(await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
            var payload = body.RootElement.GetProperty("token").GetString()!.Split('.')[1];
            using var claims = JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(payload));
            var granted = claims.RootElement.GetProperty(TokenProfile.Access).EnumerateArray()
                .SelectMany(a => a.GetProperty("actions").EnumerateArray()).Select(a => a.GetString());
            return (answer.StatusCode, claims.RootElement.GetProperty("sub").GetString()!, string.Join(',', granted));
        }
    }
}
