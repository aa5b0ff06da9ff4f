using System.Buffers.Text;
using System.Collections.Frozen;
using System.Diagnostics.CodeAnalysis;
using System.Numerics;
using System.Security.Cryptography;
using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.Hosting.Keys;

/// <summary>
/// Reads a JWK set (RFC 7517 section 5): the P-256 and RSA signing keys in it. Any other or malformed key is ignored, as section 5
/// requires.
/// </summary>
public static class KeySet
{
    /// <summary>The shortest accepted modulus of an RSA key, in bits (RFC 7518 section 3.3).</summary>
    public const int MinRsaBits = 2048;

    /// <summary>The longest: what OpenSSL can use. Longer ones would also make each signature expensive to check.</summary>
    public const int MaxRsaBits = 16_384;

    private const int MaxExponentBytes = 8; // OpenSSL's limit for a long modulus

    /// <summary>Reads the usable keys of a set, by <c>kid</c>.</summary>
    /// <param name="json">The set, in UTF-8.</param>
    /// <param name="passedOver">The keys that are not usable, each as <c>kid (why)</c>, fit for a log.</param>
    /// <exception cref="FormatException">The text is not a JWK set.</exception>
    public static FrozenDictionary<string, SecurityKey> Parse(ReadOnlyMemory<byte> json, out IReadOnlyList<string> passedOver)
    {
        try
        {
            return Read(json, out passedOver);
        }
        catch (JsonException e)
        {
            throw new FormatException("not JSON", e);
        }
        catch (InvalidOperationException e)
        {
            throw new FormatException("not JSON: a string contains half a surrogate pair", e);
        }
    }

    private static FrozenDictionary<string, SecurityKey> Read(ReadOnlyMemory<byte> json, out IReadOnlyList<string> passedOver)
    {
        var (found, unusable) = (new Dictionary<string, SecurityKey>(StringComparer.Ordinal), new List<string>());
        using var document = JsonDocument.Parse(json, new JsonDocumentOptions { AllowDuplicateProperties = false });
        if (document.RootElement.ValueKind != JsonValueKind.Object || !document.RootElement.TryGetProperty("keys", out var list)
            || list.ValueKind != JsonValueKind.Array)
        {
            throw new FormatException("not a JWK set: an object with the array 'keys'");
        }

        foreach (var jwk in list.EnumerateArray())
        {
            if (jwk.ValueKind != JsonValueKind.Object || Text(jwk, "kid") is not { } id || Text(jwk, "use") is not (null or "sig"))
            {
                continue;
            }

            if (TryRead(jwk, id, out var key, out var problem)) found[id] = key;
            else unusable.Add($"{LogText.Clean(id)} ({problem})");
        }

        passedOver = unusable;
        return found.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static bool TryRead(
        JsonElement jwk, string id, [NotNullWhen(true)] out SecurityKey? key, [NotNullWhen(false)] out string? problem)
    {
        key = null;
        try
        {
            switch (Text(jwk, "kty"))
            {
                case "EC":
                    if (!TryReadEllipticCurve(jwk, out key, out problem)) return false;
                    break;
                case "RSA":
                    if (!TryReadRsa(jwk, out key, out problem)) return false;
                    break;
                default:
                    problem = "its kty is neither EC nor RSA";
                    return false;
            }

            key.KeyId = id;
            return true;
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException or NotSupportedException)
        {
            problem = $"it cannot be used: {LogText.Clean(e.Message)}";
            return false;
        }
    }

    private static bool TryReadEllipticCurve(
        JsonElement jwk, [NotNullWhen(true)] out SecurityKey? key, [NotNullWhen(false)] out string? problem)
    {
        key = null;
        problem = "its crv is not P-256";
        if (Text(jwk, "crv") != "P-256") return false;
        problem = "its x and y are not 32 bytes each";
        if (Bytes(jwk, "x") is not { Length: 32 } x || Bytes(jwk, "y") is not { Length: 32 } y) return false;

        // Throws for a point that is not on the curve.
        key = new ECDsaSecurityKey(
            ECDsa.Create(new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } }));
        problem = null;
        return true;
    }

    // The library imports the numbers only when it first verifies, in the middle of a request: here it is found out before.
    private static bool TryReadRsa(JsonElement jwk, [NotNullWhen(true)] out SecurityKey? key, [NotNullWhen(false)] out string? problem)
    {
        key = null;
        problem = "its n and e are not in base64url";
        if (Bytes(jwk, "n") is not { } n || Bytes(jwk, "e") is not { } e) return false;
        var modulus = n.AsSpan().TrimStart((byte)0);
        var exponent = e.AsSpan().TrimStart((byte)0);
        var bits = modulus.IsEmpty ? 0 : (modulus.Length * 8) - BitOperations.LeadingZeroCount((uint)modulus[0]) + 24;
        problem = $"its modulus has {bits} bits, not {MinRsaBits} to {MaxRsaBits}";
        if (bits is < MinRsaBits or > MaxRsaBits) return false;
        problem = "its n and e are not those of an RSA key";
        if (exponent.IsEmpty || exponent.Length > MaxExponentBytes || exponent is [1] || (exponent[^1] & 1) == 0 || (modulus[^1] & 1) == 0)
        {
            return false;
        }

        var parameters = new RSAParameters { Modulus = modulus.ToArray(), Exponent = exponent.ToArray() };
        using (RSA.Create(parameters)) key = new RsaSecurityKey(parameters);
        problem = null;
        return true;
    }

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
