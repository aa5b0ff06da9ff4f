using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Tests.Web;
using AuthIndex.Hosting.Tls;
using Microsoft.Extensions.Logging;

namespace AuthIndex.Hosting.Tests.Tls;

/// <summary>Files that cannot serve are named with the one reason.</summary>
public sealed class CertificateSetTests
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    [Theory]
    [InlineData(1024, "its RSA key has 1024 bits; TLS needs at least 2048")]
    [InlineData(2048, null)]
    public void An_RSA_key_that_handshakes_would_fail_with_is_named(int bits, string? reason)
    {
        using var key = RSA.Create(bits);
        using var certificate = new CertificateRequest(
            "CN=server", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));
        Assert.Equal(reason, Reason(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem()));
    }

    [Theory]
    [InlineData("1.3.132.0.10", "clients do not support the elliptic curve of its key: use P-256, P-384 or P-521")] // secp256k1
    [InlineData("1.2.840.10045.3.1.7", null)]
    [InlineData("1.3.132.0.34", null)]
    [InlineData("1.3.132.0.35", null)]
    public void A_curve_that_handshakes_would_fail_with_is_named(string curve, string? reason)
    {
        using var key = ECDsa.Create(ECCurve.CreateFromValue(curve));
        using var certificate = Self(key);
        Assert.Equal(reason, Reason(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem()));
    }

    [Fact]
    public void An_encrypted_key_is_named()
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var certificate = Self(key);
        var encrypted = key.ExportEncryptedPkcs8PrivateKeyPem(
            "secret", new PbeParameters(PbeEncryptionAlgorithm.Aes256Cbc, HashAlgorithmName.SHA256, 1000));
        const string legacy =
            "-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n";
        foreach (var text in (string[])[encrypted, legacy])
        {
            Assert.StartsWith("the key is encrypted", Reason(certificate.ExportCertificatePem(), text), StringComparison.Ordinal);
        }
    }

    [Fact]
    public void An_intermediate_certificate_before_the_servers_own_is_named()
    {
        using var folder = new TempFolder();
        using var certificate = new TestCertificate();
        var tls = certificate.WriteTo(folder);
        var file = File.ReadAllText(tls.CertificateFile!);
        var second = file.IndexOf("-----BEGIN", 1, StringComparison.Ordinal);
        Assert.Null(Reason(file, certificate.Key));
        Assert.Equal(
            "the key belongs to certificate 2 of the file: the server's own must come first, its intermediate certificates after it",
            Reason(file[second..] + file[..second], certificate.Key));
        using var other = new TestCertificate();
        Assert.Equal("the key is not that of the certificate, or cannot be read", Reason(file, other.Key));
    }

    [Fact]
    public void A_missing_intermediate_certificate_is_warned_of()
    {
        using var folder = new TempFolder();
        using var certificate = new TestCertificate();
        var tls = certificate.WriteTo(folder);
        var file = File.ReadAllText(tls.CertificateFile!);
        var leaf = file[..file.IndexOf("-----BEGIN", 1, StringComparison.Ordinal)];
        Assert.Equal("CN=intermediate", CertificateSet.Parse(leaf, certificate.Key, [], isSpiffe: false).UnknownIssuer);
        Assert.Equal("CN=root", CertificateSet.Parse(file, certificate.Key, [], isSpiffe: false).UnknownIssuer);
        Assert.Null(
            CertificateSet.Parse(file + certificate.Root.ExportCertificatePem(), certificate.Key, [], isSpiffe: false).UnknownIssuer);

        File.WriteAllText(tls.CertificateFile!, leaf);
        using var log = new RecordingLog();
        using var factory = LoggerFactory.Create(b => b.AddProvider(log));
        _ = new CertificateFiles(tls.CertificateFile!, tls.KeyFile!, null, factory.CreateLogger<CertificateFiles>());
        Assert.Contains("is not followed by that of its issuer \"CN=intermediate\"", Assert.Single(log.Lines), StringComparison.Ordinal);
    }

    private static X509Certificate2 Self(ECDsa key) =>
        new CertificateRequest("CN=server", key, HashAlgorithmName.SHA256).CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));

    private static string? Reason(string certificate, string key)
    {
        try
        {
            CertificateSet.Parse(certificate, key, [], isSpiffe: false);
            return null;
        }
        catch (CryptographicException e)
        {
            return e.Message;
        }
    }
}
