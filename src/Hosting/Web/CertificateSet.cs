using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthIndex.Hosting.Web;

/// <summary>What the files of one TLS configuration hold together, read at one moment.</summary>
/// <param name="Certificate">The certificate, with its private key.</param>
/// <param name="Context">The same with its intermediate certificates, as handshakes want it.</param>
/// <param name="ClientAuthorities">Whose certificates are believed of clients; null where none are asked for.</param>
public sealed record CertificateSet(X509Certificate2 Certificate, SslStreamCertificateContext Context, X509Certificate2Collection? ClientAuthorities)
{
    /// <summary>Makes one of the files' contents.</summary>
    /// <exception cref="CryptographicException">Something is no PEM, or the key is not that of the certificate.</exception>
    /// <exception cref="ArgumentException">A text holds no certificate or no key.</exception>
    public static CertificateSet Parse(string certificate, string key, string? clientAuthorities)
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificate);
        var leaf = X509Certificate2.CreateFromPem(certificate, key);
        X509Certificate2Collection? authorities = null;
        if (clientAuthorities is not null)
        {
            authorities = [];
            authorities.ImportFromPem(clientAuthorities);
            if (authorities.Count == 0) throw new CryptographicException("the file of the clients' authorities holds no certificate");
        }

        return new CertificateSet(leaf, SslStreamCertificateContext.Create(leaf, chain, offline: true), authorities);
    }
}
