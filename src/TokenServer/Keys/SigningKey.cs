using System.Buffers.Text;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using AuthIndex.TokenContract;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.TokenServer.Keys;

/// <summary>One key: for the JWT library, its public half and its id.</summary>
internal sealed class SigningKey
{
    /// <summary>The shortest modulus of an RSA key that is used (RFC 7518 section 3.3), in bits.</summary>
    public const int LeastRsaBits = 2048;

    /// <summary>The modulus of an RSA key that is made here, in bits.</summary>
    public const int RsaBits = 3072;

    private readonly JsonWebKey key;

    /// <summary>Takes an ES256 key (RFC 7518 section 3.4), which must be of P-256 and hold the private part.</summary>
    public SigningKey(ECParameters parameters)
        : this(OfCurve(parameters), TokenProfile.Es256, KeyId.OfP256(parameters.Q.X, parameters.Q.Y))
    {
    }

    /// <summary>Takes an RS256 key (RFC 7518 section 3.3), which must hold the private part.</summary>
    public SigningKey(RSAParameters parameters)
        : this(OfModulus(parameters), TokenProfile.Rs256, KeyId.OfRsa(parameters.Modulus, parameters.Exponent))
    {
    }

    private SigningKey(JsonWebKey key, string algorithm, string id)
    {
        this.key = key;
        Algorithm = algorithm;
        Id = id;

        // As a JWK and not as an ECDsa or RSA object: from a JWK the library makes an object for every thread that signs, and one object is
        // not documented to be thread-safe.
        key.Kid = id;
        Credentials = new SigningCredentials(key, algorithm);
    }

    /// <summary>The <c>kid</c>: the key's thumbprint (RFC 7638).</summary>
    public string Id { get; }

    /// <summary>The <c>alg</c> that it signs with.</summary>
    public string Algorithm { get; }

    /// <summary>The key and its algorithm, as the library takes them.</summary>
    public SigningCredentials Credentials { get; }

    /// <summary>
    /// What goes into the header of tokens for registries that trust certificates: the key's certificate; null where there is no
    /// authority to issue one.
    /// </summary>
    public IDictionary<string, object>? CertificateHeader { get; private set; }

    /// <summary>
    /// Makes the parameters of a key none of whose coordinates begins with a zero byte: some registries compute the name of such a key
    /// differently.
    /// </summary>
    public static ECParameters Generate()
    {
        while (true)
        {
            using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var parameters = made.ExportParameters(includePrivateParameters: true);
            if (IsWellShaped(parameters)) return parameters;
        }
    }

    /// <summary>Whether registries that drop leading zeros of a coordinate compute the same name for the key.</summary>
    public static bool IsWellShaped(ECParameters parameters) => parameters.Q is { X: [not 0, ..], Y: [not 0, ..] };

    /// <summary>The public half, as a certificate holds it.</summary>
    public PublicKey PublicKey()
    {
        if (Algorithm == TokenProfile.Es256)
        {
            using var ecdsa = ECDsa.Create(
                new ECParameters { Curve = ECCurve.NamedCurves.nistP256,
                    Q = new ECPoint { X = Base64Url.DecodeFromChars(key.X), Y = Base64Url.DecodeFromChars(key.Y) } });
            return new PublicKey(ecdsa);
        }

        using var rsa = RSA.Create(
            new RSAParameters { Modulus = Base64Url.DecodeFromChars(key.N), Exponent = Base64Url.DecodeFromChars(key.E) });
        return new PublicKey(rsa);
    }

    /// <summary>Sets the certificate issued for the key, before it is used.</summary>
    public void Certify(TokenAuthority authority)
    {
        using var certificate = authority.Issue(this);
        CertificateHeader = new Dictionary<string, object>(
            StringComparer.Ordinal) { [JwtHeaderParameterNames.X5c] = new[] { Convert.ToBase64String(certificate.RawDataMemory.Span) } };
    }

    /// <summary>Writes the public half as a JWK (RFC 7517 section 4).</summary>
    public void WritePublic(Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteString("kty"u8, key.Kty);
        if (Algorithm == TokenProfile.Es256)
        {
            json.WriteString("crv"u8, key.Crv);
            json.WriteString("x"u8, key.X);
            json.WriteString("y"u8, key.Y);
        }
        else
        {
            json.WriteString("n"u8, key.N);
            json.WriteString("e"u8, key.E);
        }

        json.WriteString("use"u8, "sig"u8);
        json.WriteString("alg"u8, Algorithm);
        json.WriteString("kid"u8, Id);
        json.WriteEndObject();
    }

    private static JsonWebKey OfCurve(ECParameters parameters) => new()
    {
        Kty = JsonWebAlgorithmsKeyTypes.EllipticCurve,
        Crv = JsonWebKeyECTypes.P256,
        X = Base64Url.EncodeToString(parameters.Q.X),
        Y = Base64Url.EncodeToString(parameters.Q.Y),
        D = Base64Url.EncodeToString(parameters.D),
    };

    private static JsonWebKey OfModulus(RSAParameters parameters) => new()
    {
        Kty = JsonWebAlgorithmsKeyTypes.RSA,
        N = Base64Url.EncodeToString(parameters.Modulus),
        E = Base64Url.EncodeToString(parameters.Exponent),
        D = Base64Url.EncodeToString(parameters.D),
        P = Base64Url.EncodeToString(parameters.P),
        Q = Base64Url.EncodeToString(parameters.Q),
        DP = Base64Url.EncodeToString(parameters.DP),
        DQ = Base64Url.EncodeToString(parameters.DQ),
        QI = Base64Url.EncodeToString(parameters.InverseQ),
    };
}
