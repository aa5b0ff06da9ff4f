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

    private readonly CertificateAuthority authority = new("spiffe://example.org");
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
        using var certificate = authority.IssueClient(
            "CN=builder", [account.StartsWith("spiffe:", StringComparison.Ordinal) ? account : "spiffe://example.org/ci/build"]);
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
        Assert.Contains(
            host.Log.Lines, l => l.Contains("the client certificate has no spiffe that names an account", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_certificate_that_expires_while_its_connection_lives_signs_in_no_more()
    {
        await using var host = await StartAsync("commonName");
        // the server's clock is years ahead of TLS's
        using var certificate = authority.IssueClient("CN=builder", lifetime: TimeSpan.FromDays(2));
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, certificate)).Status);
    }

    [Fact]
    public async Task A_token_ends_with_the_certificate_that_it_was_given_for()
    {
        await using var host = await StartAsync("commonName", o => o.TokenLifetime = TimeSpan.FromHours(24));
        using var certificate = authority.IssueClient("CN=builder");
        var end = new DateTimeOffset(certificate.NotAfter);
        host.Clock.Advance(end - TimeSpan.FromMinutes(2) - host.Clock.GetUtcNow());
        using var client = authority.Client(certificate);
        using var body = JsonDocument.Parse(
            await client.GetStringAsync(new Uri(host.Address, Question), TestContext.Current.CancellationToken));
        using var claims = JsonDocument.Parse(
            System.Buffers.Text.Base64Url.DecodeFromChars(body.RootElement.GetProperty("token").GetString()!.Split('.')[1]));
        Assert.Equal(
            (end.ToUnixTimeSeconds(), 120),
            (claims.RootElement.GetProperty("exp").GetInt64(), body.RootElement.GetProperty("expires_in").GetInt64()));
    }

    [Fact]
    public async Task What_a_proxy_says_of_certificates_is_not_believed_nor_its_own()
    {
        await using var host = await StartAsync("commonName", o => o.TrustedProxies.Add(IPNetwork.Parse("127.0.0.0/8")));
        using var certificate = authority.IssueClient("CN=builder");
        foreach (var shown in (X509Certificate2?[])[null, certificate])
        {
            using var client = authority.Client(shown);
            foreach (var header in (string[])[
                "X-SSL-Client-Cert", "X-Client-Cert", "Client-Cert", "X-Forwarded-Client-Cert", "X-ARR-ClientCert", "SSL_CLIENT_CERT"])
            {
                client.DefaultRequestHeaders.TryAddWithoutValidation(header, Uri.EscapeDataString(certificate.ExportCertificatePem()));
            }

            Assert.Equal(
                (HttpStatusCode.OK, "", ""),
                await ReadAsync(await client.GetAsync(new Uri(host.Address, Question), TestContext.Current.CancellationToken)));
        }
    }

    [Fact]
    public async Task A_token_of_a_certificates_account_is_known_to_the_catalog()
    {
        await using var host = await StartAsync("commonName");
        var chain = host.Service<IdentityChain>();
        Assert.Equal(
            "cert:builder",
            Assert.IsType<SignInOutcome.SignedIn>(await chain.FindAsync("cert:builder", TestContext.Current.CancellationToken)).Account);
        Assert.IsType<SignInOutcome.UnknownAccount>(await chain.FindAsync("builder", TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_certificate_without_an_authority_to_believe_is_a_mistake_of_the_configuration()
    {
        var refused = await Assert.ThrowsAsync<OperatorException>(
            () => TokenServerHost.StartAsync(o => o.Tls.ClientCertificates.AccountFrom = "spiffe"));
        Assert.Contains("clientCertificates needs caFile, or trustDomains", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_authority_of_one_trust_domain_does_not_vouch_for_an_ID_of_another()
    {
        using var other = new CertificateAuthority();
        await File.WriteAllTextAsync(folder["other.pem"], other.Pem, TestContext.Current.CancellationToken);
        await using var host = await StartAsync("spiffe", o =>
        {
            o.Tls.ClientCertificates.CaFile = null;
            o.Tls.ClientCertificates.TrustDomains = [
                new() { Name = "example.org", CaFile = folder["ca.pem"] }, new() { Name = "other.example", CaFile = folder["other.pem"] }];
        });
        const string id = "spiffe://example.org/ci/build";
        using var own = authority.IssueClient("CN=builder", [id]);
        Assert.Equal((HttpStatusCode.OK, id, "pull,push"), await AskAsync(host, own));
        using var neighbour = other.IssueClient("CN=builder", ["spiffe://other.example/ci/build"]);
        Assert.Equal((HttpStatusCode.OK, "spiffe://other.example/ci/build", ""), await AskAsync(host, neighbour));

        using var forged = other.IssueClient("CN=builder", [id]);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(host, forged));
        using var stranger = authority.IssueClient("CN=builder", ["spiffe://third.example/ci/build"]);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(host, stranger));
        Assert.Contains(host.Log.Lines, l => l.Contains($"its authority is not one of the trust domain of {id}", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("spiffe")]
    [InlineData("commonName")]
    public async Task A_certificate_that_is_itself_an_authority_signs_in_nobody(string accountFrom)
    {
        await using var host = await StartAsync(accountFrom);
        using var certificate = authority.IssueClient("CN=builder", ["spiffe://example.org/ci/build"], isAuthority: true);
        await Assert.ThrowsAsync<HttpRequestException>(() => AskAsync(host, certificate));
        Assert.Contains(host.Log.Lines, l => l.Contains("it is an authority's certificate", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_bundle_that_names_no_trust_domain_stops_the_start_and_the_message_says_what_to_write()
    {
        using var nameless = new CertificateAuthority();
        await File.WriteAllTextAsync(folder["nameless.pem"], authority.Pem + "\n" + nameless.Pem, TestContext.Current.CancellationToken);
        var refused = await Assert.ThrowsAsync<OperatorException>(
            () => StartAsync("spiffe", o => o.Tls.ClientCertificates.CaFile = folder["nameless.pem"]));
        Assert.Contains("trustDomains: [{ name: example.org, caFile: FILE }]", refused.Message, StringComparison.Ordinal);
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

    private async Task<(HttpStatusCode Status, string Subject, string Granted)> AskAsync(
        TokenServerHost host, X509Certificate2? certificate, string? user = null, string? password = null)
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
