using System.Buffers.Text;
using System.Text;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Keys;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace AuthIndex.TokenServer.Token;

/// <summary>Signs claims in the compact form (RFC 7515 section 7.1) and reads them back.</summary>
internal static class TokenSigner
{
    private static readonly JsonWebTokenHandler Handler = new();

    /// <summary>Signs a token (RFC 7515 section 7.1).</summary>
    /// <param name="key">The key that signs.</param>
    /// <param name="payload">The claims: a JSON object in UTF-8.</param>
    /// <param name="withCertificate">Whether the key's certificate goes along (RFC 7515 section 4.1.6).</param>
    public static string Sign(SigningKey key, ReadOnlySpan<byte> payload, bool withCertificate = false)
    {
        var claims = Encoding.UTF8.GetString(payload);
        return withCertificate && key.CertificateHeader is { } certificate
            ? Handler.CreateToken(claims, key.Credentials, certificate)
            : Handler.CreateToken(claims, key.Credentials);
    }

    /// <summary>
    /// The claims of a token that one of these keys signed; null for any other text. Issuer, audience and times are for the caller to
    /// check. A key inside the token is ignored.
    /// </summary>
    public static byte[]? Open(IEnumerable<SigningKey> keys, string token)
    {
        if (token.Length > TokenProfile.MaxLength || token.AsSpan().Count('.') != 2) return null;
        var validation = Handler.ValidateTokenAsync(token, new TokenValidationParameters
        {
            IssuerSigningKeys = keys.Select(k => k.Credentials.Key),
            RequireSignedTokens = true,
            ValidateIssuer = false,
            ValidateAudience = false,
            ValidateLifetime = false,
        });

        // With its keys at hand the library has nothing to wait for: the task is complete already.
        return validation.GetAwaiter().GetResult().IsValid
            ? Base64Url.DecodeFromChars(token.AsSpan()[(token.IndexOf('.', StringComparison.Ordinal) + 1)..token.LastIndexOf('.')])
            : null;
    }
}
