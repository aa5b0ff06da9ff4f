using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Token;

/// <summary>A token that this server issued, with everything needed to check whether it was revoked.</summary>
/// <param name="Audience">The <c>aud</c>: the registry's it is for.</param>
/// <param name="Account">The <c>sub</c>: "" for an anonymous caller.</param>
/// <param name="Grant">The grant by which it was asked for; null for a password.</param>
/// <param name="Id">The <c>jti</c>.</param>
/// <param name="SignIn">Its <see cref="TokenProfile.SignIn"/>; null when it has none.</param>
/// <param name="IssuedAt">The <c>iat</c>, in Unix seconds.</param>
/// <param name="Granted">What it grants.</param>
/// <param name="Claims">Every claim.</param>
internal sealed record IssuedTokenReader(
    string Audience, string Account, string? Grant, string Id, string? SignIn, long IssuedAt, IReadOnlyList<Scope> Granted,
    JsonElement Claims)
{
    private const string Malformed = "the token's claims do not have the form that this server writes";

    private static readonly JsonDocumentOptions StrictJson = new() { AllowDuplicateProperties = false };

    /// <summary>Reads a token that this server issued for one of some registries and that is valid now.</summary>
    /// <param name="keys">Our keys.</param>
    /// <param name="issuer">Our name.</param>
    /// <param name="token">The token.</param>
    /// <param name="audiences">The registries' audiences.</param>
    /// <param name="now">The time.</param>
    /// <param name="own">The token, when it is valid. Revocation is not checked here.</param>
    /// <param name="problem">What is wrong with it otherwise.</param>
    public static bool TryRead(
        KeyStore keys, string issuer, string token, IReadOnlyList<string> audiences, DateTimeOffset now,
        [NotNullWhen(true)] out IssuedTokenReader? own, [NotNullWhen(false)] out string? problem)
    {
        own = null;
        problem = "the token was not issued by this server";
        if (TokenSigner.Open(keys.Current.Published(now), token) is not { } payload) return false;
        try
        {
            // Others may use the same key, so a signed token need not have this server's form.
            using var json = JsonDocument.Parse(payload, StrictJson);
            return TryRead(json.RootElement.Clone(), issuer, audiences, now, out own, out problem);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            problem = Malformed; // InvalidOperationException: half a surrogate pair
            return false;
        }
    }

    private static bool TryRead(
        JsonElement claims, string issuer, IReadOnlyList<string> audiences, DateTimeOffset now,
        [NotNullWhen(true)] out IssuedTokenReader? own, [NotNullWhen(false)] out string? problem)
    {
        own = null;
        problem = Malformed;
        if (claims.ValueKind != JsonValueKind.Object) return false;
        problem = "the token is from another issuer";
        if (Text(claims, "iss") != issuer) return false;
        problem = "the token is for another service";
        if (Text(claims, "aud") is not { } audience || !audiences.Contains(audience, StringComparer.Ordinal)) return false;

        problem = Malformed;
        if (!TryTime(claims, "exp", out var expires) || !TryTime(claims, "iat", out var issuedAt) || !TryTime(claims, "nbf", out _)
            || Text(claims, "sub") is not { } account || Text(claims, "jti") is not { } id
            || !claims.TryGetProperty(TokenProfile.Access, out var access) || !AccessClaim.TryRead(access, out var granted))
        {
            return false;
        }

        problem = "the token has expired";
        if (expires <= now) return false;
        own = new IssuedTokenReader(
            audience, account, Text(claims, TokenProfile.Grant), id, Text(claims, TokenProfile.SignIn), issuedAt.ToUnixTimeSeconds(),
            granted, claims);
        problem = null;
        return true;
    }

    private static string? Text(JsonElement claims, string name) =>
        claims.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static bool TryTime(JsonElement claims, string name, out DateTimeOffset time)
    {
        time = default;
        return claims.TryGetProperty(name, out var value) && NumericDate.TryRead(value, out time);
    }
}
