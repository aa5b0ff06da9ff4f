using System.Security.Cryptography.X509Certificates;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Tests.Keys;

public sealed class DevelopmentCertificatesTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);

    [Fact]
    public void The_server_certificate_is_good_for_its_hosts_under_the_CA()
    {
        Assert.Equal(["ca.key", "ca.pem", "server.key", "server.pem"], Ensure("localhost", "127.0.0.1", "::1", "Reg.Example.com"));
        using var ca = X509Certificate2.CreateFromPem(File.ReadAllText(directory["ca.pem"]));
        using var server = X509Certificate2.CreateFromPemFile(directory["server.pem"], directory["server.key"]);
        using var chain =
            new X509Chain { ChainPolicy =
                { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck,
                    VerificationTime = clock.GetUtcNow().UtcDateTime } };
        chain.ChainPolicy.CustomTrustStore.Add(ca);
        Assert.True(chain.Build(server));
        Assert.True(ca.Extensions.OfType<X509BasicConstraintsExtension>().Single().CertificateAuthority);
        foreach (var host in new[] { "localhost", "127.0.0.1", "::1", "reg.example.com" }) Assert.True(server.MatchesHostname(host), host);
        Assert.False(server.MatchesHostname("other.example.com"));
        Assert.Equal(clock.GetUtcNow().AddYears(10).UtcDateTime, ca.NotAfter.ToUniversalTime(), TimeSpan.FromSeconds(1));
        Assert.Equal(clock.GetUtcNow().AddYears(1).UtcDateTime, server.NotAfter.ToUniversalTime(), TimeSpan.FromSeconds(1));
        Assert.All(
            Directory.GetFiles(directory.Root), f => Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(f)));
    }

    [Fact]
    public void Nothing_is_made_twice()
    {
        Ensure("localhost", "a.example");
        Assert.Empty(Ensure("localhost"));
        Assert.Empty(Ensure("a.example"));
    }

    [Fact]
    public void A_missing_host_or_an_ending_year_renews_the_certificate_which_keeps_its_key_and_names()
    {
        Ensure("localhost");
        var key = File.ReadAllText(directory["server.key"]);
        Assert.Equal(["server.pem"], Ensure("b.example"));
        clock.Advance(TimeSpan.FromDays(334));
        Assert.Empty(Ensure("b.example"));
        clock.Advance(TimeSpan.FromDays(3));
        Assert.Equal(["server.pem"], Ensure());
        using var server = X509Certificate2.CreateFromPemFile(directory["server.pem"], directory["server.key"]);
        Assert.True(server.MatchesHostname("localhost") && server.MatchesHostname("b.example"));
        Assert.Equal(key, File.ReadAllText(directory["server.key"]));
    }

    /// <summary>Every state that a crash or a removal can leave.</summary>
    [Fact]
    public void Whatever_is_missing_is_made_and_fits()
    {
        string[] files = ["ca.key", "ca.pem", "server.key", "server.pem"];
        for (var missing = 1; missing < 16; missing++)
        {
            // Without the CA's key nothing can be issued any more: that is told, below.
            if ((missing & 3) == 1) continue;
            Ensure("localhost");
            for (var i = 0; i < files.Length; i++)
            {
                if ((missing >> i & 1) != 0) File.Delete(directory[files[i]]);
            }

            Ensure("localhost");
            using var server = X509Certificate2.CreateFromPemFile(directory["server.pem"], directory["server.key"]);
            using var ca = X509Certificate2.CreateFromPem(File.ReadAllText(directory["ca.pem"]));
            using var chain =
                new X509Chain { ChainPolicy =
                    { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck,
                        VerificationTime = clock.GetUtcNow().UtcDateTime } };
            chain.ChainPolicy.CustomTrustStore.Add(ca);
            Assert.True(chain.Build(server), $"missing {missing:b4}");
        }
    }

    [Fact]
    public void A_CA_without_its_key_cannot_issue_and_says_so()
    {
        Ensure("localhost");
        File.Delete(directory["ca.key"]);
        Assert.Empty(Ensure("localhost"));
        Assert.Contains("ca.key", Assert.Throws<Hosting.OperatorException>(() => Ensure("new.example")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_host_that_is_no_host_is_refused() =>
        Assert.Throws<Hosting.OperatorException>(() => Ensure("not a host"));

    public void Dispose() => directory.Dispose();

    private List<string> Ensure(params string[] hosts) =>
        [.. new DevelopmentCertificates(directory.Root, clock).Ensure(hosts).Select(f => Path.GetFileName(f)!)
            .Order(StringComparer.Ordinal)];
}
