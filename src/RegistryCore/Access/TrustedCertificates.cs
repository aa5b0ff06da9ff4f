using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Keys;
using AuthIndex.TokenContract;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.RegistryCore.Access;

/// <summary>
/// A bundle of certificates that is trusted: their keys by name, and whoever they issued a certificate for. Certificates that a token
/// brings along prove themselves against the bundle alone, without the network and without the system's authorities.
/// </summary>
internal sealed class TrustedCertificates
{
    private const int MostKept = 1000;

    private readonly X509Certificate2Collection bundle;
    private readonly ConcurrentDictionary<string, Proven> proven = new(StringComparer.Ordinal);

    private TrustedCertificates(X509Certificate2Collection bundle, FrozenDictionary<string, SecurityKey> keys)
    {
        this.bundle = bundle;
        Keys = keys;
    }

    /// <summary>The keys of the certificates themselves, by thumbprint (RFC 7638) and by libtrust's name.</summary>
    public FrozenDictionary<string, SecurityKey> Keys { get; }

    /// <summary>Reads a bundle in PEM.</summary>
    /// <exception cref="FormatException">It is none.</exception>
    public static TrustedCertificates Parse(string pem)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            certificates.ImportFromPem(pem);
        }
        catch (CryptographicException e)
        {
            throw new FormatException($"no bundle of certificates in PEM: {e.Message}", e);
        }

        if (certificates.Count == 0) throw new FormatException("no bundle of certificates: there is none in it");
        var keys = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
        foreach (var certificate in certificates)
        {
            if (KeyOf(certificate, out var thumbprint) is not { } key) continue;
            keys[thumbprint] = key;
            keys[KeyId.OfLibtrust(certificate.PublicKey.ExportSubjectPublicKeyInfo())] = key;
        }

        return new TrustedCertificates(certificates, keys.ToFrozenDictionary(StringComparer.Ordinal));
    }

    /// <summary>The key of the first certificate of a chain that leads to the bundle; null for any other.</summary>
    /// <param name="chain">Certificates in DER, the signer's first, as a stranger sent them.</param>
    /// <param name="now">The time at which they must be good.</param>
    public SecurityKey? Prove(IReadOnlyList<byte[]> chain, DateTimeOffset now)
    {
        if (chain.Count == 0) return null;
        var name = Convert.ToHexString(SHA256.HashData(chain[0]));
        if (proven.TryGetValue(name, out var known)) return known.IsGoodAt(now.UtcDateTime) ? known.Key : null;
        if (Verify(chain, now.UtcDateTime) is not { } fresh) return null;

        // Only what an authority of the bundle issued gets here, so that strangers cannot fill it.
        if (proven.Count >= MostKept) proven.Clear();
        proven[name] = fresh;
        return fresh.Key;
    }

    private Proven? Verify(IReadOnlyList<byte[]> sent, DateTime now)
    {
        var certificates = new X509Certificate2Collection();
        try
        {
            foreach (var der in sent) certificates.Add(X509CertificateLoader.LoadCertificate(der));
            var leaf = certificates[0];
            using var chain = new X509Chain();
            chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            chain.ChainPolicy.CustomTrustStore.AddRange(bundle);
            chain.ChainPolicy.ExtraStore.AddRange(certificates);
            chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // a private CA publishes no revocations
            chain.ChainPolicy.DisableCertificateDownloads = true; // a stranger's certificate would say where from
            chain.ChainPolicy.VerificationTime = now;
            if (!chain.Build(leaf) && !IsInBundle(leaf, now)) return null;
            if (KeyOf(leaf, out _) is not { } key) return null;
            var path = chain.ChainElements.Select(e => e.Certificate).Append(leaf).ToList();
            return new Proven(key, path.Max(c => c.NotBefore.ToUniversalTime()), path.Min(c => c.NotAfter.ToUniversalTime()));
        }
        catch (CryptographicException)
        {
            return null; // not a certificate
        }
        finally
        {
            foreach (var certificate in certificates) certificate.Dispose();
        }
    }

    /// <summary>Whether it is trusted by itself, also where its own issuer is not in the bundle.</summary>
    private bool IsInBundle(X509Certificate2 leaf, DateTime now) =>
        leaf.NotBefore.ToUniversalTime() <= now && now <= leaf.NotAfter.ToUniversalTime()
            && bundle.Any(c => c.RawDataMemory.Span.SequenceEqual(leaf.RawDataMemory.Span));

    private static SecurityKey? KeyOf(X509Certificate2 certificate, out string thumbprint)
    {
        thumbprint = "";
        using var ecdsa = certificate.GetECDsaPublicKey();
        using var rsa = certificate.GetRSAPublicKey();
        SecurityKey key;
        if (ecdsa?.ExportParameters(includePrivateParameters: false) is { Curve: { IsNamed: true } curve, Q: { X: { } x, Y: { } y } } point
            && curve.Oid.Value == ECCurve.NamedCurves.nistP256.Oid.Value)
        {
            key = new ECDsaSecurityKey(ECDsa.Create(point));
            thumbprint = KeyId.OfP256(x, y);
        }
        else if (rsa is { KeySize: >= KeySet.MinRsaBits })
        {
            var parameters = rsa.ExportParameters(includePrivateParameters: false);
            key = new RsaSecurityKey(parameters);
            thumbprint = KeyId.OfRsa(parameters.Modulus, parameters.Exponent);
        }
        else
        {
            return null; // an authority may have any key, but none of another kind signs tokens
        }

        key.KeyId = thumbprint;
        return key;
    }

    private sealed record Proven(SecurityKey Key, DateTime From, DateTime Until)
    {
        public bool IsGoodAt(DateTime now) => From <= now && now <= Until;
    }
}
