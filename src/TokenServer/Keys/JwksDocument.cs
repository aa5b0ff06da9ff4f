using System.Buffers.Text;
using System.Security.Cryptography;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Keys;

/// <summary>The public keys as a JWK set (RFC 7517 section 5), made once.</summary>
internal sealed class JwksDocument
{
    public JwksDocument(KeyRing keys)
    {
        Body = JsonBytes.Write(keys, static (json, keys) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("keys"u8);
            foreach (var key in keys.All)
            {
                json.WriteStartObject();
                json.WriteString("kty"u8, "EC"u8);
                json.WriteString("crv"u8, "P-256"u8);
                json.WriteString("x"u8, Base64Url.EncodeToString(key.X));
                json.WriteString("y"u8, Base64Url.EncodeToString(key.Y));
                json.WriteString("use"u8, "sig"u8);
                json.WriteString("alg"u8, TokenProfile.Es256);
                json.WriteString("kid"u8, key.Id);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
        ETag = $"\"{Convert.ToHexStringLower(SHA256.HashData(Body).AsSpan(0, 16))}\"";
    }

    /// <summary>The document in UTF-8.</summary>
    public byte[] Body { get; }

    /// <summary>Its entity tag (RFC 9110 section 8.8.3).</summary>
    public string ETag { get; }
}
