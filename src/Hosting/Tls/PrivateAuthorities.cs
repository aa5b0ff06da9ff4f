using System.Net.Security;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace AuthIndex.Hosting.Tls;

/// <summary>Has an HTTP client trust a private CA, and then no other.</summary>
public static class PrivateAuthorities
{
    /// <summary>Sets the trusted CAs of a client's connections.</summary>
    /// <param name="options">The connections' options.</param>
    /// <param name="file">The CA certificates, in PEM.</param>
    /// <param name="key">The file's key in the configuration, for messages.</param>
    /// <exception cref="OperatorException">The file cannot be read, or holds no certificate.</exception>
    public static void Trust(this SslClientAuthenticationOptions options, string file, string key)
    {
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(file);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"{key} {file}: {e.Message}", e);
        }

        if (authorities.Count == 0) throw new OperatorException($"{key} {file}: it contains no certificate");
        options.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck, // a private CA publishes no revocations
        };
        options.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
    }
}
