using System.Buffers.Text;
using System.Collections.Frozen;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.Hosting.Keys;

/// <summary>Reads a JWK set (RFC 7517 section 5): the P-256 and RSA signing keys in it; others are passed over, as section 5 asks.</summary>
public static class KeySet
{
    /// <summary>The shortest modulus of an RSA key that is believed (RFC 7518 section 3.3).</summary>
    public const int MinRsaBits = 2048;

    /// <summary>The keys by <c>kid</c>.</summary>
    /// <exception cref="FormatException">The text is no JWK set.</exception>
    public static FrozenDictionary<string, SecurityKey> Parse(ReadOnlyMemory<byte> json)
    {
        try
        {
            return Read(json);
        }
        catch (JsonException e)
        {
            throw new FormatException("not JSON", e);
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException("not JSON: a text holds half a surrogate pair", e);
        }
    }

    private static FrozenDictionary<string, SecurityKey> Read(ReadOnlyMemory<byte> json)
    {
        var found = new Dictionary<string, SecurityKey>(StringComparer.Ordinal);
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("keys", out var list) || list.ValueKind != JsonValueKind.Array)
        {
            throw new FormatException("not a JWK set: an object with the array 'keys'");
        }

        foreach (var jwk in list.EnumerateArray())
        {
            if (jwk.ValueKind != JsonValueKind.Object || Text(jwk, "kid") is not { } id || Text(jwk, "use") is not (null or "sig")) continue;
            SecurityKey? key = Text(jwk, "kty") switch { "EC" => EllipticCurve(jwk), "RSA" => Rsa(jwk), _ => null };
            if (key is null) continue;
            key.KeyId = id;
            Prepare(key);
            found[id] = key;
        }

        return found.ToFrozenDictionary(StringComparer.Ordinal);
    }

    /// <summary>
    /// Gives the key a factory of its own with the verifier already in it. The library's shared one finds verifiers by a key's
    /// name alone, and would go on with the old key where a new one comes under its name. And its cache (version 5.7) shows a new
    /// verifier to other threads before it is marked as cached: who is done with it in that moment disposes of it for all, and
    /// good tokens are refused.
    /// </summary>
    public static void Prepare(SecurityKey key)
    {
        key.CryptoProviderFactory = new CryptoProviderFactory();
        key.CryptoProviderFactory.CreateForVerifying(key, key is RsaSecurityKey ? SecurityAlgorithms.RsaSha256 : SecurityAlgorithms.EcdsaSha256);
    }

    private static ECDsaSecurityKey? EllipticCurve(JsonElement jwk)
    {
        if (Text(jwk, "crv") != "P-256" || Bytes(jwk, "x") is not { Length: 32 } x || Bytes(jwk, "y") is not { Length: 32 } y) return null;
        try
        {
            return new ECDsaSecurityKey(ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } }));
        }
        catch (CryptographicException)
        {
            return null; // not a point on the curve: no key
        }
    }

    private static RsaSecurityKey? Rsa(JsonElement jwk) =>
        Bytes(jwk, "n") is { Length: >= MinRsaBits / 8 } n && Bytes(jwk, "e") is { Length: > 0 } e
            ? new RsaSecurityKey(new RSAParameters { Modulus = n, Exponent = e })
            : null;

    private static byte[]? Bytes(JsonElement jwk, string member)
    {
        try
        {
            return Text(jwk, member) is { } text ? Base64Url.DecodeFromChars(text) : null;
        }
        catch (FormatException)
        {
            return null;
        }
    }

    private static string? Text(JsonElement jwk, string member) =>
        jwk.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;
}
