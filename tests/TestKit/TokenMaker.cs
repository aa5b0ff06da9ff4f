using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.TokenContract;

namespace AuthIndex.TestKit;

/// <summary>
/// A token server's key in a test's hand: makes good tokens, and bad ones in every way. Writes the compact form itself, since a
/// library would refuse to make most of the bad ones.
/// </summary>
public sealed class TokenMaker : IDisposable
{
    private readonly ECDsa key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly TimeProvider clock;

    /// <summary>Makes a new key.</summary>
    public TokenMaker(TimeProvider clock)
    {
        this.clock = clock;
        var point = key.ExportParameters(false).Q;
        KeyId = TokenContract.KeyId.OfP256(point.X, point.Y);
    }

    /// <summary>The key's name.</summary>
    public string KeyId { get; }

    /// <summary>The key set that publishes the key.</summary>
    public string Jwks
    {
        get
        {
            var point = key.ExportParameters(false).Q;
            return new JsonObject { ["keys"] = new JsonArray(Jwk(point)) }.ToJsonString();
        }
    }

    /// <summary>The public key as it would be misused as an HMAC secret.</summary>
    public byte[] PublicKeyPem => Encoding.ASCII.GetBytes(key.ExportSubjectPublicKeyInfoPem());

    /// <summary>The public key as a JWK.</summary>
    public JsonObject PublicJwk => Jwk(key.ExportParameters(false).Q);

    /// <summary>A good token for an account and scopes, such as <c>repository:a/b:pull,push</c>.</summary>
    public string Make(string account, params string[] scopes) => Sign(Header(), Payload(account, scopes));

    /// <summary>The header of a good token.</summary>
    public JsonObject Header() => new() { ["typ"] = "JWT", ["alg"] = "ES256", ["kid"] = KeyId };

    /// <summary>The claims of a good token.</summary>
    public JsonObject Payload(string account, params string[] scopes)
    {
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        if (!ScopeSet.TryParse(scopes, out var parsed, out var problem)) throw new ArgumentException(problem, nameof(scopes));
        return new JsonObject
        {
            ["iss"] = TokenProfile.DefaultIssuer,
            ["sub"] = account,
            ["aud"] = TokenProfile.DefaultService,
            ["exp"] = now + 300,
            ["nbf"] = now - 10,
            ["iat"] = now,
            ["jti"] = RandomNumberGenerator.GetHexString(16),
            ["access"] = new JsonArray([.. parsed.Select(s => (JsonNode)new JsonObject
            {
                ["type"] = s.Type,
                ["name"] = s.Name,
                ["actions"] = new JsonArray([.. s.Actions.Words.Select(w => (JsonNode)w)]),
            })]),
        };
    }

    /// <summary>Signs any header and claims with the key.</summary>
    public string Sign(JsonNode header, JsonNode payload) => Sign(header.ToJsonString(), payload.ToJsonString());

    /// <summary>Signs any texts, also such as are no JSON.</summary>
    public string Sign(string header, string payload) => Sign(header, payload, input => key.SignData(input, HashAlgorithmName.SHA256));

    /// <summary>Signs any texts in any way.</summary>
    public static string Sign(string header, string payload, Func<byte[], byte[]> sign)
    {
        var input = $"{Encode(Encoding.UTF8.GetBytes(header))}.{Encode(Encoding.UTF8.GetBytes(payload))}";
        return $"{input}.{Encode(sign(Encoding.ASCII.GetBytes(input)))}";
    }

    /// <inheritdoc/>
    public void Dispose() => key.Dispose();

    private static string Encode(byte[] bytes) => Base64Url.EncodeToString(bytes);

    private JsonObject Jwk(ECPoint point) => new()
    {
        ["kty"] = "EC",
        ["crv"] = "P-256",
        ["x"] = Encode(point.X!),
        ["y"] = Encode(point.Y!),
        ["use"] = "sig",
        ["alg"] = "ES256",
        ["kid"] = KeyId,
    };
}
