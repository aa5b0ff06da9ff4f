using System.Security.Cryptography;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Keys;

/// <summary>The public keys as a JWK set (RFC 7517 section 5), made once for each set.</summary>
internal sealed class JwksDocument
{
    /// <summary>Builds the document and its entity tag.</summary>
    public JwksDocument(IReadOnlyList<SigningKey> keys)
    {
        Keys = keys;
        Body = JsonBytes.Write(keys, static (json, keys) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("keys"u8);
            foreach (var key in keys) key.WritePublic(json);
            json.WriteEndArray();
            json.WriteEndObject();
        });
        ETag = $"\"{Convert.ToHexStringLower(SHA256.HashData(Body).AsSpan(0, 16))}\"";
    }

    /// <summary>The key ring that it was made from.</summary>
    public IReadOnlyList<SigningKey> Keys { get; }

    /// <summary>The document in UTF-8.</summary>
    public byte[] Body { get; }

    /// <summary>Its entity tag (RFC 9110 section 8.8.3).</summary>
    public string ETag { get; }
}
