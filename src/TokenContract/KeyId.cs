using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;

namespace AuthIndex.TokenContract;

/// <summary>
/// The <c>kid</c> of a key: its JWK thumbprint with SHA-256 (RFC 7638), so that both sides compute the same name from the
/// key alone.
/// </summary>
public static class KeyId
{
    /// <summary>The thumbprint of an elliptic-curve key.</summary>
    /// <param name="x">The x coordinate, 32 bytes with leading zeros kept (RFC 7518 section 6.2.1.2).</param>
    /// <param name="y">The y coordinate, likewise.</param>
    public static string OfP256(ReadOnlySpan<byte> x, ReadOnlySpan<byte> y)
    {
        if (x.Length != 32 || y.Length != 32) throw new ArgumentException("A P-256 coordinate has 32 bytes.", nameof(x));
        return Thumbprint($$"""{"crv":"P-256","kty":"EC","x":"{{Base64Url.EncodeToString(x)}}","y":"{{Base64Url.EncodeToString(y)}}"}""");
    }

    /// <summary>The thumbprint of an RSA key.</summary>
    /// <param name="modulus">The modulus, big-endian, without leading zeros (RFC 7518 section 6.3.1.1).</param>
    /// <param name="exponent">The public exponent, likewise.</param>
    public static string OfRsa(ReadOnlySpan<byte> modulus, ReadOnlySpan<byte> exponent) =>
        Thumbprint($$"""{"e":"{{Base64Url.EncodeToString(exponent)}}","kty":"RSA","n":"{{Base64Url.EncodeToString(modulus)}}"}""");

    /// <summary>
    /// The name that libtrust gives a key, which registries and issuers of its time use as <c>kid</c>: the first 240 bits of the hash
    /// of the
    /// public key in base 32 (RFC 4648 section 6), in groups of four.
    /// </summary>
    /// <param name="publicKeyInfo">The SubjectPublicKeyInfo in DER.</param>
    public static string OfLibtrust(ReadOnlySpan<byte> publicKeyInfo)
    {
        const string alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var hash = SHA256.HashData(publicKeyInfo);
        var id = new StringBuilder();
        for (var letter = 0; letter < 48; letter++)
        {
            if (letter % 4 == 0 && letter > 0) id.Append(':');
            var at = letter * 5;
            var pair = (hash[at / 8] << 8) | hash[(at / 8) + 1];
            id.Append(alphabet[(pair >> (11 - (at % 8))) & 31]);
        }

        return id.ToString();
    }

    private static string Thumbprint(string canonical) =>
        Base64Url.EncodeToString(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)));
}
