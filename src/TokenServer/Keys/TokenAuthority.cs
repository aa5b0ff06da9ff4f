using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Keys;

/// <summary>
/// The certificate authority over the signing keys, for registries that trust a bundle of certificates: its key and the bundle are in the
/// folder <c>certificates</c> of the keys. Each server issues the keys' certificates for itself when it reads them, so that the bundle does
/// not change when keys are rotated.
/// </summary>
internal sealed class TokenAuthority
{
    private const string Name = "CN=AuthIndex token signing CA";
    private const int Years = 20;
    private const string Remedy = "run keys certificates to create it";

    private readonly X509Certificate2 issuer;
    private readonly ECDsa secret;
    private readonly TimeProvider time;

    private TokenAuthority(X509Certificate2 issuer, ECDsa secret, TimeProvider time)
    {
        this.issuer = issuer;
        this.secret = secret;
        this.time = time;
    }

    /// <summary>The bundle to give to registries.</summary>
    public static string BundlePath(string keysDirectory) => Path.Combine(Folder(keysDirectory), "rootcertbundle.pem");

    /// <summary>
    /// Creates what is missing; false when nothing was. The key comes first, so that a certificate never exists with a different key.
    /// </summary>
    /// <exception cref="OperatorException">An existing file cannot be used.</exception>
    public static bool Ensure(string keysDirectory, TimeProvider time)
    {
        var bundle = BundlePath(keysDirectory);
        if (File.Exists(bundle)) return false;
        DataDirectory.Ensure(Folder(keysDirectory));
        CertificatePem.EnsureKey(KeyPath(keysDirectory));
        using var key = CertificatePem.LoadKey(KeyPath(keysDirectory), Remedy);
        using var certificate = CertificatePem.MakeAuthority(Name, key, time.GetUtcNow(), Years);
        const UnixFileMode everybodyReads = DurableFile.OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
        return DurableFile.Create(bundle, Encoding.ASCII.GetBytes(certificate.ExportCertificatePem() + "\n"), everybodyReads);
    }

    /// <summary>Reads the authority's key and certificate.</summary>
    /// <exception cref="OperatorException">It is missing, has expired or cannot be used.</exception>
    public static TokenAuthority Load(string keysDirectory, TimeProvider time)
    {
        var bundle = BundlePath(keysDirectory);
        if (!File.Exists(bundle))
        {
            throw new OperatorException(
                $"the certificate of the token signing CA {bundle} is missing, and a service with keyHeader x5c needs it: {Remedy}");
        }

        var certificate = CertificatePem.LoadCertificate(bundle);
        var key = CertificatePem.LoadKey(KeyPath(keysDirectory), Remedy);
        if (!CertificatePem.IsOf(certificate, key))
        {
            throw new OperatorException($"{KeyPath(keysDirectory)} is not the key of the first certificate in {bundle}");
        }

        if (certificate.NotAfter.ToUniversalTime() <= time.GetUtcNow().UtcDateTime)
        {
            throw new OperatorException(
                $"the certificate of the token signing CA {bundle} has expired: remove the folder and {Remedy} again");
        }

        return new TokenAuthority(certificate, key, time);
    }

    /// <summary>Issues a key's certificate, valid as long as the authority's own.</summary>
    public X509Certificate2 Issue(SigningKey key)
    {
        var request = new CertificateRequest(new X500DistinguishedName($"CN={key.Id}"), key.PublicKey(), HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        var (first, last) = (new DateTimeOffset(issuer.NotBefore.ToUniversalTime()), new DateTimeOffset(issuer.NotAfter.ToUniversalTime()));
        var begins = time.GetUtcNow() - CertificatePem.ClockSkew;
        // By a generator: an issuer given as a certificate must have a key of the same kind, and RSA keys are certified too.
        return request.Create(
            issuer.SubjectName, X509SignatureGenerator.CreateForECDsa(secret), begins < first
            ? first
            : begins, last, RandomNumberGenerator.GetBytes(16));
    }

    private static string Folder(string keysDirectory) => Path.Combine(keysDirectory, "certificates");

    private static string KeyPath(string keysDirectory) => Path.Combine(Folder(keysDirectory), "authority.key");
}
