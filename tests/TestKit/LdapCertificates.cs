using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthIndex.TestKit;

/// <summary>A private CA and a certificate of it for this machine, as PEM files in a folder.</summary>
public sealed class LdapCertificates
{
    /// <summary>Makes them.</summary>
    /// <param name="folder">Where the files go.</param>
    /// <param name="names">The names in the certificate; those of this machine when there are none.</param>
    public LdapCertificates(string folder, params string[] names)
        : this(folder, TimeSpan.FromDays(29), names)
    {
    }

    /// <summary>Makes them.</summary>
    /// <param name="folder">Where the files go.</param>
    /// <param name="lifetime">For how long the certificate is good.</param>
    /// <param name="names">The names in the certificate; those of this machine when there are none.</param>
    public LdapCertificates(string folder, TimeSpan lifetime, params string[] names)
    {
        Directory.CreateDirectory(folder);
        CaFile = Path.Combine(folder, "ca.pem");
        OtherCaFile = Path.Combine(folder, "other-ca.pem");
        CertificateFile = Path.Combine(folder, "server.pem");
        KeyFile = Path.Combine(folder, "server.key");

        using var ca = Ca("CN=test directory CA");
        using var other = Ca("CN=some other CA");
        using var key = RSA.Create(2048);
        var request = new CertificateRequest("CN=directory", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        var alternatives = new SubjectAlternativeNameBuilder();
        foreach (var name in names.Length > 0 ? names : ["localhost", Environment.MachineName, "127.0.0.1"])
        {
            if (IPAddress.TryParse(name, out var address)) alternatives.AddIpAddress(address);
            else alternatives.AddDnsName(name);
        }

        request.CertificateExtensions.Add(alternatives.Build());
        using var certificate = request.Create(
            ca, Now.AddDays(-1), Ends = TimeProvider.System.GetUtcNow() + lifetime, RandomNumberGenerator.GetBytes(8));
        File.WriteAllText(CaFile, ca.ExportCertificatePem());
        File.WriteAllText(OtherCaFile, other.ExportCertificatePem());
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        File.WriteAllText(KeyFile, key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>When the certificate ends.</summary>
    public DateTimeOffset Ends { get; }

    /// <summary>The CA.</summary>
    public string CaFile { get; }

    /// <summary>A CA that has nothing to do with the certificate.</summary>
    public string OtherCaFile { get; }

    /// <summary>The certificate.</summary>
    public string CertificateFile { get; }

    /// <summary>Its key.</summary>
    public string KeyFile { get; }

    private static DateTimeOffset Now { get; } = TimeProvider.System.GetUtcNow();

    private static X509Certificate2 Ca(string name)
    {
        var request = new CertificateRequest(name, RSA.Create(2048), HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        return request.CreateSelfSigned(Now.AddDays(-2), Now.AddDays(30));
    }
}
