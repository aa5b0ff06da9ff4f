using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.Keys;

/// <summary>
/// A private certificate authority and a server certificate from it, for development and closed networks: <c>ca.key</c>, <c>ca.pem</c>,
/// <c>server.key</c>, <c>server.pem</c>. A key is written before its certificate and stays when the certificate is renewed, so that a
/// certificate never exists with a different key.
/// </summary>
internal sealed class DevelopmentCertificates(string directory, TimeProvider time)
{
    private const string AuthorityName = "CN=AuthIndex development CA";
    private const string KeyRemedy = "also remove its certificate, and init will create both again";
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1"; // id-kp-serverAuth, RFC 5280 section 4.2.1.12

    private static readonly TimeSpan RenewBefore = TimeSpan.FromDays(30);

    /// <summary>Creates and renews only what is needed.</summary>
    /// <param name="hosts">The names and addresses that the server certificate must have, in addition to those that it already has.</param>
    /// <returns>The files written.</returns>
    /// <exception cref="OperatorException">An existing file cannot be used.</exception>
    public IReadOnlyList<string> Ensure(IEnumerable<string> hosts)
    {
        var written = new List<string>();
        using var authority = EnsureAuthority(written);
        EnsureServer(authority, hosts, written);
        return written;
    }

    private X509Certificate2 EnsureAuthority(List<string> written)
    {
        var (certificateFile, keyFile) = (InDirectory("ca.pem"), InDirectory("ca.key"));
        if (File.Exists(certificateFile)) return CertificatePem.LoadCertificate(certificateFile);

        using var key = EnsureKey(keyFile, written);
        using var certificate = CertificatePem.MakeAuthority(AuthorityName, key, time.GetUtcNow(), years: 10);
        Write(certificateFile, certificate.ExportCertificatePem(), written);
        return CertificatePem.LoadCertificate(certificateFile);
    }

    private void EnsureServer(X509Certificate2 authority, IEnumerable<string> hosts, List<string> written)
    {
        var (certificateFile, keyFile) = (InDirectory("server.pem"), InDirectory("server.key"));
        var names = new SortedSet<string>(hosts.Select(Canonical), StringComparer.Ordinal);
        if (File.Exists(certificateFile))
        {
            using var current = CertificatePem.LoadCertificate(certificateFile);
            // A certificate from another issuer was put there deliberately and is not renewed.
            if (current.Issuer != AuthorityName) return;
            var held = NamesIn(current);
            var isLasting = current.NotAfter.ToUniversalTime() - time.GetUtcNow().UtcDateTime >= RenewBefore;
            if (isLasting && held.IsSupersetOf(names) && IsIssuedBy(current, authority) && IsOf(current, keyFile)) return;
            names.UnionWith(held);
        }

        using var key = EnsureKey(keyFile, written);
        using var authorityKey = CertificatePem.LoadKey(InDirectory("ca.key"), KeyRemedy);
        if (!CertificatePem.IsOf(authority, authorityKey))
        {
            throw new OperatorException($"{InDirectory("ca.key")} is not the key of {InDirectory("ca.pem")}");
        }

        using var issuer = authority.CopyWithPrivateKey(authorityKey);
        var request = new CertificateRequest("CN=AuthIndex", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(false, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new Oid(ServerAuthentication)], critical: false));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(
            X509AuthorityKeyIdentifierExtension.CreateFromCertificate(issuer, includeKeyIdentifier: true, includeIssuerAndSerial: false));
        request.CertificateExtensions.Add(AlternativeNames(names));

        var now = time.GetUtcNow();
        var notAfter = new DateTimeOffset(Math.Min(now.AddYears(1).UtcTicks, authority.NotAfter.ToUniversalTime().Ticks), TimeSpan.Zero);
        using var certificate = request.Create(issuer, now - CertificatePem.ClockSkew, notAfter, RandomNumberGenerator.GetBytes(16));
        Write(certificateFile, certificate.ExportCertificatePem(), written);
    }

    private static X509Extension AlternativeNames(IEnumerable<string> names)
    {
        var builder = new SubjectAlternativeNameBuilder();
        foreach (var name in names)
        {
            if (IPAddress.TryParse(name, out var address)) builder.AddIpAddress(address);
            else builder.AddDnsName(name);
        }

        return builder.Build();
    }

    private static HashSet<string> NamesIn(X509Certificate2 certificate)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var extension in certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>())
        {
            names.UnionWith(extension.EnumerateDnsNames());
            names.UnionWith(extension.EnumerateIPAddresses().Select(a => a.ToString()));
        }

        return names;
    }

    private bool IsIssuedBy(X509Certificate2 certificate, X509Certificate2 authority)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.Add(authority);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.VerificationTime = time.GetUtcNow().UtcDateTime;
        return chain.Build(certificate);
    }

    private static bool IsOf(X509Certificate2 certificate, string keyFile)
    {
        if (!File.Exists(keyFile)) return false;
        using var key = CertificatePem.LoadKey(keyFile, KeyRemedy);
        return CertificatePem.IsOf(certificate, key);
    }

    private static string Canonical(string host)
    {
        if (IPAddress.TryParse(host, out var address)) return address.ToString();
        return Uri.CheckHostName(host) == UriHostNameType.Dns
            ? host.ToLowerInvariant()
            : throw new OperatorException($"--tls-host: '{LogText.Clean(host)}' is neither a host name nor an address");
    }

    private static ECDsa EnsureKey(string file, List<string> written)
    {
        if (CertificatePem.EnsureKey(file)) written.Add(file);
        return CertificatePem.LoadKey(file, KeyRemedy);
    }

    private static void Write(string file, string pem, List<string> written)
    {
        DurableFile.Replace(file, Encoding.ASCII.GetBytes(pem + "\n"));
        written.Add(file);
    }

    private string InDirectory(string name) => Path.Combine(directory, name);
}
