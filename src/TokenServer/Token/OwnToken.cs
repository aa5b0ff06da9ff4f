using System.Text.Json;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Keys;

namespace AuthIndex.TokenServer.Token;

/// <summary>A token that this server issued, as it comes back: who holds it, and all by which it may have become void.</summary>
/// <param name="Account">The <c>sub</c>: "" for an anonymous caller.</param>
/// <param name="Grant">The grant by which it was asked for; null when it was a password.</param>
/// <param name="Id">The <c>jti</c>.</param>
/// <param name="IssuedAt">The <c>iat</c>, in Unix seconds.</param>
/// <param name="Claims">Every claim.</param>
internal sealed record OwnToken(string Account, string? Grant, string Id, long IssuedAt, JsonElement Claims)
{
    /// <summary>Reads a token of ours for one registry, and of now.</summary>
    /// <param name="keys">Our keys.</param>
    /// <param name="issuer">Our name.</param>
    /// <param name="token">The token.</param>
    /// <param name="audience">The registry's audience.</param>
    /// <param name="now">The time.</param>
    /// <param name="own">The token, when the answer is null. Whether it was revoked is not known yet.</param>
    /// <returns>Null when the token is good; otherwise what is wrong with it.</returns>
    public static string? Read(KeyStore keys, string issuer, string token, string audience, DateTimeOffset now, out OwnToken? own)
    {
        own = null;
        if (TokenSigner.Open(keys.Current.Published(now), token) is not { } payload) return "the token is not one of this server";

        // What our key signed, we wrote: its members are there.
        using var json = JsonDocument.Parse(payload);
        var claims = json.RootElement.Clone();
        if (claims.GetProperty("iss"u8).GetString() != issuer) return "the token is of another issuer";
        if (claims.GetProperty("aud"u8).GetString() != audience) return "the token is for another service";
        if (claims.GetProperty("exp"u8).GetInt64() <= now.ToUnixTimeSeconds()) return "the token has expired";
        own = new OwnToken(
            claims.GetProperty("sub"u8).GetString()!,
            claims.TryGetProperty(TokenProfile.Grant, out var grant) ? grant.GetString() : null,
            claims.GetProperty("jti"u8).GetString()!,
            claims.GetProperty("iat"u8).GetInt64(),
            claims);
        return null;
    }
}
