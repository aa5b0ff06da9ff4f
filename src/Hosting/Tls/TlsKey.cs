using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace AuthIndex.Hosting.Tls;

/// <summary>Which keys a TLS server can use: with any other it would start, and every handshake fail.</summary>
internal static class TlsKey
{
    private const int MinRsaBits = 2048; // OpenSSL refuses fewer at its default level, and so do clients
    private const string EllipticCurve = "1.2.840.10045.2.1"; // id-ecPublicKey (RFC 5480)

    private static readonly string[] Curves = ["1.2.840.10045.3.1.7", "1.3.132.0.34", "1.3.132.0.35"]; // P-256, P-384, P-521

    /// <summary>Why no client could be served with the certificate's key; null when they can.</summary>
    public static string? Problem(X509Certificate2 certificate)
    {
        using var rsa = certificate.GetRSAPublicKey();
        if (rsa is not null)
        {
            return rsa.KeySize < MinRsaBits ? $"its RSA key has {rsa.KeySize} bits; TLS needs at least {MinRsaBits}" : null;
        }

        if (certificate.PublicKey.Oid.Value != EllipticCurve)
        {
            return $"its key type {certificate.PublicKey.Oid.FriendlyName ?? certificate.PublicKey.Oid.Value} is not supported: use RSA "
                + "or an elliptic curve";
        }

        return Curves.Contains(CurveOf(certificate.PublicKey))
            ? null
            : "clients do not support the elliptic curve of its key: use P-256, P-384 or P-521";
    }

    private static string? CurveOf(PublicKey key)
    {
        try
        {
            return AsnDecoder.ReadObjectIdentifier(key.EncodedParameters?.RawData ?? [], AsnEncodingRules.DER, out _);
        }
        catch (AsnContentException)
        {
            return null; // written out in place of named
        }
    }
}
