using System.Text.Json;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Index;

/// <summary>Says whose token a registry shows, provided it is one of ours, for that registry, and of now.</summary>
internal sealed class TokenSubject(KeyRing keys, string issuer)
{
    /// <summary>Reads the <c>sub</c> of a token.</summary>
    /// <param name="token">The token.</param>
    /// <param name="audience">The registry's audience.</param>
    /// <param name="now">The time.</param>
    /// <param name="account">The account, "" for anonymous, when the answer is null.</param>
    /// <param name="grant">The id of the grant that it was issued under; null for none.</param>
    /// <returns>Null when the token is good; otherwise what is wrong with it.</returns>
    public string? Read(string token, string audience, DateTimeOffset now, out string account, out string? grant)
    {
        (account, grant) = ("", null);
        if (TokenSigner.Open(keys, token) is not { } payload) return "the token is not one of this server";

        // What our key signed, we wrote: its members are there.
        using var json = JsonDocument.Parse(payload);
        var claims = json.RootElement;
        if (claims.GetProperty("iss"u8).GetString() != issuer) return "the token is of another issuer";
        if (claims.GetProperty("aud"u8).GetString() != audience) return "the token is for another service";
        if (claims.GetProperty("exp"u8).GetInt64() <= now.ToUnixTimeSeconds()) return "the token has expired";
        account = claims.GetProperty("sub"u8).GetString()!;
        grant = claims.TryGetProperty(TokenProfile.Grant, out var named) ? named.GetString() : null;
        return null;
    }
}
