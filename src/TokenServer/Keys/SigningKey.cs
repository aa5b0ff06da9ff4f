using System.Buffers.Text;
using System.Security.Cryptography;
using AuthIndex.TokenContract;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.TokenServer.Keys;

/// <summary>One ES256 key (RFC 7518 section 3.4): what the JWT library signs and verifies with, its public coordinates and its name.</summary>
internal sealed class SigningKey
{
    /// <summary>Takes the key's parameters, which must be of P-256 and hold the private part.</summary>
    public SigningKey(ECParameters parameters)
    {
        X = parameters.Q.X!;
        Y = parameters.Q.Y!;
        Id = KeyId.OfP256(X, Y);

        // As a JWK and not as an ECDsa object: from a JWK the library makes an object for every thread that signs, and one
        // ECDsa object is not promised to be safe for several at once.
        var key = new JsonWebKey
        {
            Kty = JsonWebAlgorithmsKeyTypes.EllipticCurve,
            Crv = JsonWebKeyECTypes.P256,
            X = Base64Url.EncodeToString(X),
            Y = Base64Url.EncodeToString(Y),
            D = Base64Url.EncodeToString(parameters.D),
            Kid = Id,
        };
        Credentials = new SigningCredentials(key, TokenProfile.Es256);

        // Made before any two threads ask for them at once: the library's cache (version 5.7) shows what is new to others before
        // it is marked as cached, and who is done with it in that moment disposes of it for all.
        key.CryptoProviderFactory = new CryptoProviderFactory();
        key.CryptoProviderFactory.CreateForSigning(key, TokenProfile.Es256);
        key.CryptoProviderFactory.CreateForVerifying(key, TokenProfile.Es256);
    }

    /// <summary>The <c>kid</c>: the key's thumbprint (RFC 7638).</summary>
    public string Id { get; }

    /// <summary>The public x coordinate, 32 bytes.</summary>
    public byte[] X { get; }

    /// <summary>The public y coordinate, 32 bytes.</summary>
    public byte[] Y { get; }

    /// <summary>The key and its algorithm, as the library takes them.</summary>
    public SigningCredentials Credentials { get; }

    /// <summary>Makes a key none of whose coordinates begins with a zero byte: some registries compute the name of such a key differently.</summary>
    public static ECParameters Generate()
    {
        while (true)
        {
            using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var parameters = key.ExportParameters(includePrivateParameters: true);
            if (parameters.Q.X![0] != 0 && parameters.Q.Y![0] != 0) return parameters;
        }
    }
}
