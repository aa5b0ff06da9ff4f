using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthIndex.Hosting.Tls;

/// <summary>What the files of one TLS configuration hold together, read at one moment.</summary>
/// <param name="Certificate">The certificate, with its private key.</param>
/// <param name="Context">The same with its intermediate certificates, as handshakes want it.</param>
/// <param name="ClientAuthorities">The authorities of client certificates; null where none are requested.</param>
/// <param name="UnknownIssuer">
/// The issuer where the certificates in the file lead to none that signs itself or that this machine trusts; null where they do. It
/// may be an intermediate authority, without whose certificate no client believes the server, or a root that clients are to trust.
/// </param>
/// <param name="TrustDomains">The authorities of each SPIFFE trust domain; null where IDs are not looked at.</param>
public sealed record CertificateSet(
    X509Certificate2 Certificate,
    SslStreamCertificateContext Context,
    X509Certificate2Collection? ClientAuthorities,
    string? UnknownIssuer,
    IReadOnlyDictionary<string, X509Certificate2Collection>? TrustDomains)
{
    /// <summary>Makes one of the files' contents.</summary>
    /// <param name="certificate">The certificate and its intermediate certificates.</param>
    /// <param name="key">Its key.</param>
    /// <param name="bundles">
    /// The clients' authorities, each bundle with its trust domain; null where the bundle itself says it or none matters.
    /// </param>
    /// <param name="isSpiffe">Whether trust domains matter.</param>
    /// <exception cref="CryptographicException">
    /// Something is not PEM, the key is not that of the certificate, or the trust domain of a bundle is not known.
    /// </exception>
    /// <exception cref="ArgumentException">A text holds no certificate or no key.</exception>
    public static CertificateSet Parse(
        string certificate, string key, IReadOnlyList<(string? TrustDomain, string Pem)> bundles, bool isSpiffe)
    {
        var chain = new X509Certificate2Collection();
        chain.ImportFromPem(certificate);
        if (chain.Count == 0) throw new CryptographicException("the certificate file contains no PEM certificate");
        var leaf = Load(chain, certificate, key);
        if (TlsKey.Problem(leaf) is { } problem) throw new CryptographicException(problem);
        X509Certificate2Collection? authorities = null;
        var domains = isSpiffe ? new Dictionary<string, X509Certificate2Collection>(StringComparer.Ordinal) : null;
        foreach (var (domain, pem) in bundles)
        {
            var bundle = new X509Certificate2Collection();
            bundle.ImportFromPem(pem);
            if (bundle.Count == 0) throw new CryptographicException("the client authorities file contains no certificate");
            (authorities ??= []).AddRange(bundle);
            domains?.Add(domain ?? DomainOf(bundle), bundle);
        }

        return new CertificateSet(
            leaf, SslStreamCertificateContext.Create(leaf, chain, offline: true), authorities, FindUnknownIssuer(leaf, chain), domains);
    }

    private static string? FindUnknownIssuer(X509Certificate2 leaf, X509Certificate2Collection file)
    {
        using var chain =
            new X509Chain { ChainPolicy = { RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true } };
        chain.ChainPolicy.ExtraStore.AddRange(file);
        chain.Build(leaf);
        var last = chain.ChainElements[^1].Certificate;
        return last.SubjectName.RawData.AsSpan().SequenceEqual(last.IssuerName.RawData) ? null : last.Issuer;
    }

    private static X509Certificate2 Load(X509Certificate2Collection chain, string certificate, string key)
    {
        if (!key.Contains("PRIVATE KEY-----", StringComparison.Ordinal))
        {
            throw new CryptographicException("the key file contains no PEM private key");
        }

        if (key.Contains("ENCRYPTED", StringComparison.Ordinal))
        {
            throw new CryptographicException(
                "the key is encrypted, and a server cannot ask for its passphrase: remove the encryption (openssl pkey -in KEY -out NEW)");
        }

        try
        {
            return X509Certificate2.CreateFromPem(certificate, key);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            for (var i = 1; i < chain.Count; i++)
            {
                if (Fits(chain[i], key))
                {
                    throw new CryptographicException(
                        $"the key belongs to certificate {i + 1} of the file: the server's own must come first, its intermediate "
                            + "certificates after it",
                        e);
                }
            }

            throw new CryptographicException(TlsKey.Problem(chain[0]) ?? "the key is not that of the certificate, or cannot be read", e);
        }
    }

    private static bool Fits(X509Certificate2 certificate, string key)
    {
        try
        {
            using var loaded = X509Certificate2.CreateFromPem(certificate.ExportCertificatePem(), key);
            return true;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return false;
        }
    }

    private static string DomainOf(X509Certificate2Collection bundle)
    {
        var domains = bundle.Select(SpiffeId.TrustDomainOf).Distinct().ToList();
        return domains is [{ } only]
            ? only
            : throw new CryptographicException(
                "the certificates in caFile do not name one SPIFFE trust domain, so each could vouch for any ID: write "
                    + "tls.clientCertificates.trustDomains: [{ name: example.org, caFile: FILE }] instead of caFile, an entry for each "
                    + "domain");
    }
}
