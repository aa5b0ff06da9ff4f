using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Web;

namespace AuthIndex.Hosting.Tests.Web;

/// <summary>A certificate for 127.0.0.1, signed by an intermediate authority, which is signed by a root.</summary>
internal sealed class TestCertificate : IDisposable
{
    private static readonly DateTimeOffset Now = TimeProvider.System.GetUtcNow();

    private readonly X509Certificate2 intermediate;
    private readonly X509Certificate2 leaf;

    public TestCertificate()
    {
        using var rootKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var intermediateKey = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        Root = Request("root", rootKey, isAuthority: true).CreateSelfSigned(Now.AddDays(-1), Now.AddDays(1));
        using var signed = Request("intermediate", intermediateKey, isAuthority: true).Create(Root, Now.AddDays(-1), Now.AddDays(1), [1]);
        intermediate = signed.CopyWithPrivateKey(intermediateKey);
        leaf = Request("leaf", key, isAuthority: false).Create(intermediate, Now.AddHours(-1), Now.AddHours(1), [2]);
        Key = key.ExportPkcs8PrivateKeyPem();
    }

    public X509Certificate2 Root { get; }

    /// <summary>The private key, in PEM.</summary>
    public string Key { get; }

    public TlsOptions WriteTo(TempFolder folder) => new()
    {
        CertificateFile = folder.Write("server.crt", $"{leaf.ExportCertificatePem()}\n{intermediate.ExportCertificatePem()}\n"),
        KeyFile = folder.WriteSecret("server.key", Key),
    };

    public void Dispose()
    {
        Root.Dispose();
        intermediate.Dispose();
        leaf.Dispose();
    }

    private static CertificateRequest Request(string name, ECDsa key, bool isAuthority)
    {
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(isAuthority, false, 0, critical: true));
        var names = new SubjectAlternativeNameBuilder();
        names.AddIpAddress(System.Net.IPAddress.Loopback);
        if (!isAuthority) request.CertificateExtensions.Add(names.Build());
        return request;
    }
}
