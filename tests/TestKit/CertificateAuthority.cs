using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthIndex.TestKit;

/// <summary>A private CA for tests of TLS. What it issues is good beyond the time at which tests' clocks stand.</summary>
public sealed class CertificateAuthority : IDisposable
{
    /// <summary>The purpose of a client's certificate: id-kp-clientAuth.</summary>
    public const string ForClients = "1.3.6.1.5.5.7.3.2";

    /// <summary>The purpose of a server's certificate: id-kp-serverAuth.</summary>
    public const string ForServers = "1.3.6.1.5.5.7.3.1";

    private static readonly DateTimeOffset Yesterday = TimeProvider.System.GetUtcNow().AddDays(-1);
    private static readonly DateTimeOffset Lasting = new(2040, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly X509Certificate2 root;

    /// <summary>Makes one.</summary>
    /// <param name="uri">The URI among its alternative names; null for none.</param>
    public CertificateAuthority(string? uri = null)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN=test CA {Path.GetRandomFileName()}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        if (uri is not null)
        {
            // By hand: a builder would put a slash behind the host.
            var names = new System.Formats.Asn1.AsnWriter(System.Formats.Asn1.AsnEncodingRules.DER);
            using (names.PushSequence())
            {
                names.WriteCharacterString(
                    System.Formats.Asn1.UniversalTagNumber.IA5String, uri,
                    new System.Formats.Asn1.Asn1Tag(System.Formats.Asn1.TagClass.ContextSpecific, 6));
            }

            request.CertificateExtensions.Add(new X509Extension("2.5.29.17", names.Encode(), critical: false));
        }

        root = request.CreateSelfSigned(Yesterday.AddDays(-30), Lasting);
    }

    /// <summary>Its certificate.</summary>
    public X509Certificate2 Root => root;

    /// <summary>Its certificate, in PEM.</summary>
    public string Pem => root.ExportCertificatePem();

    /// <summary>Issues a certificate for 127.0.0.1 and localhost.</summary>
    /// <param name="more">Further names and addresses in it.</param>
    public X509Certificate2 IssueServer(params string[] more)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (var name in (string[])["127.0.0.1", "localhost", .. more])
        {
            if (IPAddress.TryParse(name, out var address)) names.AddIpAddress(address);
            else names.AddDnsName(name);
        }

        return Issue("CN=server", ForServers, names, null);
    }

    /// <summary>Issues a certificate for a client.</summary>
    /// <param name="subject">Its distinguished name.</param>
    /// <param name="uris">The URIs among its alternative names.</param>
    /// <param name="purpose">Its extended key usage; null for none.</param>
    /// <param name="lifetime">How long from yesterday on.</param>
    /// <param name="isAuthority">Whether it is an authority itself.</param>
    public X509Certificate2 IssueClient(
        string subject, string[]? uris = null, string? purpose = ForClients, TimeSpan? lifetime = null, bool isAuthority = false)
    {
        var names = new SubjectAlternativeNameBuilder();
        foreach (var uri in uris ?? []) names.AddUri(new Uri(uri));
        return Issue(subject, purpose, uris is null ? null : names, lifetime, isAuthority);
    }

    /// <summary>Writes a certificate and its key beside each other.</summary>
    public static void Write(X509Certificate2 certificate, string certificateFile, string keyFile)
    {
        using var key = certificate.GetECDsaPrivateKey()!;
        File.WriteAllText(certificateFile, certificate.ExportCertificatePem() + "\n");
        OwnerOnlyFile.Write(keyFile, key.ExportPkcs8PrivateKeyPem() + "\n");
    }

    /// <summary>A client that trusts this CA alone and shows a certificate when one is given.</summary>
    public HttpClient Client(X509Certificate2? shown = null)
    {
        var handler = new SocketsHttpHandler { AllowAutoRedirect = false };
        handler.SslOptions.CertificateChainPolicy = Trust();
        if (shown is not null) handler.SslOptions.ClientCertificates = [shown];
        return new HttpClient(handler);
    }

    /// <summary>Trust in this CA and no other.</summary>
    public X509ChainPolicy Trust() => new()
    {
        TrustMode = X509ChainTrustMode.CustomRootTrust,
        CustomTrustStore = { root },
        RevocationMode = X509RevocationMode.NoCheck,
        DisableCertificateDownloads = true,
    };

    /// <inheritdoc/>
    public void Dispose() => root.Dispose();

    private X509Certificate2 Issue(
        string subject, string? purpose, SubjectAlternativeNameBuilder? names, TimeSpan? lifetime, bool isAuthority = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest(subject, key, HashAlgorithmName.SHA256);
        if (names is not null) request.CertificateExtensions.Add(names.Build());
        if (isAuthority)
        {
            request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        }

        if (purpose is not null) request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(purpose)], critical: false));
        using var certificate = request.Create(
            root, Yesterday, lifetime is null ? Lasting : Yesterday + lifetime.Value, RandomNumberGenerator.GetBytes(8));
        return certificate.CopyWithPrivateKey(key);
    }
}
