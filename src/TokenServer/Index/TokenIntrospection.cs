using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Index;

/// <summary>Says whose token a registry shows, provided it is one of ours, for that registry, of now, and not revoked.</summary>
internal sealed class TokenIntrospection(KeyStore keys, Revocations revocations, string issuer)
{
    /// <summary>Reads a token.</summary>
    /// <param name="token">The token.</param>
    /// <param name="audience">The registry's audience.</param>
    /// <param name="now">The time.</param>
    /// <param name="own">The token, when the answer is null.</param>
    /// <returns>Null when the token is good; otherwise what is wrong with it.</returns>
    public string? Read(string token, string audience, DateTimeOffset now, out IssuedTokenReader? own) =>
        IssuedTokenReader.Read(keys, issuer, token, audience, now, out own)
        ?? (revocations.IsVoid(own!.Account, own.Grant, own.Id, own.IssuedAt) ? "the token was revoked" : null);
}
