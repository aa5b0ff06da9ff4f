using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting;

namespace AuthIndex.TokenServer.Identity.Oidc;

/// <summary>How issuers are asked: without cookies, following nothing, and trusting only the configured authorities.</summary>
internal static class IssuerHttp
{
    /// <summary>Makes the handler of an issuer's connections.</summary>
    /// <param name="caFile">The certificates that it must chain to, in PEM; null for the system's.</param>
    /// <param name="key">The issuer's section of the configuration, for messages.</param>
    /// <exception cref="OperatorException">The file cannot be used.</exception>
    public static SocketsHttpHandler Handler(string? caFile, string key)
    {
        var handler =
            new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), AllowAutoRedirect = false, UseCookies = false };
        if (caFile is null) return handler;
        var authorities = new X509Certificate2Collection();
        try
        {
            authorities.ImportFromPemFile(caFile);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"{key}: caFile {caFile}: {e.Message}", e);
        }

        handler.SslOptions.CertificateChainPolicy = new X509ChainPolicy
        {
            TrustMode = X509ChainTrustMode.CustomRootTrust,
            RevocationMode = X509RevocationMode.NoCheck, // a private CA publishes no revocations
        };
        handler.SslOptions.CertificateChainPolicy.CustomTrustStore.AddRange(authorities);
        return handler;
    }
}
