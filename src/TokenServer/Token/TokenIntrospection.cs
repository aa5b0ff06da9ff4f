using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Revocation;

namespace AuthIndex.TokenServer.Token;

/// <summary>
/// Checks a registry's token: it must be issued by this server for that registry, valid now and not revoked.
/// </summary>
internal sealed class TokenIntrospection(KeyStore keys, IRevocationStore revocations, string issuer)
{
    /// <summary>Reads and checks a token; false when it is not valid or was revoked.</summary>
    /// <param name="token">The token.</param>
    /// <param name="audiences">The audience of the registry that presents it; of all for which its holder may present it.</param>
    /// <param name="now">The time.</param>
    /// <returns>The token, when it is good; otherwise what is wrong with it.</returns>
    public async ValueTask<(IssuedTokenReader? Own, string Problem)> ReadAsync(
        string token, IReadOnlyList<string> audiences, DateTimeOffset now)
    {
        if (!IssuedTokenReader.TryRead(keys, issuer, token, audiences, now, out var own, out var problem)) return (null, problem);
        return await revocations.IsVoidAsync(own.Account, own.Grant, own.Id, own.IssuedAt) ? (null, "the token was revoked") : (own, "");
    }
}
