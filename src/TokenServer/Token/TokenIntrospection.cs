using System.Diagnostics.CodeAnalysis;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Revocation;

namespace AuthIndex.TokenServer.Token;

/// <summary>Says whose token a registry shows, provided it is one of ours, for that registry, of now, and not revoked.</summary>
internal sealed class TokenIntrospection(KeyStore keys, Revocations revocations, string issuer)
{
    /// <summary>Reads a token.</summary>
    /// <param name="token">The token.</param>
    /// <param name="audience">The registry's audience.</param>
    /// <param name="now">The time.</param>
    /// <param name="own">The token, when it is good.</param>
    /// <param name="problem">What is wrong with it otherwise.</param>
    public bool TryRead(
        string token,
        string audience,
        DateTimeOffset now,
        [NotNullWhen(true)] out IssuedTokenReader? own,
        [NotNullWhen(false)] out string? problem)
    {
        if (!IssuedTokenReader.TryRead(keys, issuer, token, audience, now, out own, out problem)) return false;
        if (!revocations.IsVoid(own.Account, own.Grant, own.Id, own.IssuedAt)) return true;
        (own, problem) = (null, "the token was revoked");
        return false;
    }
}
