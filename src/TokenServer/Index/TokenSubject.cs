using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Index;

/// <summary>Says whose token a registry shows, provided it is one of ours, for that registry, of now, and not revoked.</summary>
internal sealed class TokenSubject(KeyStore keys, Revocations revocations, string issuer)
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
        if (OwnToken.Read(keys, issuer, token, audience, now, out var own) is { } problem) return problem;
        if (revocations.IsVoid(own!.Account, own.Grant, own.Id, own.IssuedAt)) return "the token was revoked";
        (account, grant) = (own.Account, own.Grant);
        return null;
    }
}
