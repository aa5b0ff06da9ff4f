using System.Net;
using System.Security.Cryptography;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Grants;

/// <summary>Makes grants. The secret is only in the return value.</summary>
internal sealed class GrantFactory(IGrantStore store, GrantLimits limits, TimeProvider time)
{
    // 60 random bits in unambiguous letters and digits.
    private const string IdAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    private const int IdLength = 12;

    /// <summary>Gives a client a refresh token.</summary>
    /// <param name="who">Whose it is, as they signed in.</param>
    /// <param name="service">The registry it is good for.</param>
    /// <param name="client">The client, if it said its name.</param>
    /// <param name="address">Where it is; null when unknown.</param>
    /// <returns>Null when the account was ended or suspended after the sign-in began.</returns>
    public async Task<TokenSecret?> GiveRefreshAsync(SignInOutcome.SignedIn who, string service, string? client, IPAddress? address)
    {
        var secret = TokenSecret.New(TokenKind.Refresh);
        var grant = New(
            secret.Kind, who.Account, client ?? "unnamed client", service, client, limits.RefreshLifetime, TokenRestriction.None);
        grant = grant with { GivenFrom = address?.ToString(), Origin = who.Origin };
        return await store.AddRefreshAsync(grant, secret.Hash, limits.RefreshPerAccount, who.EndingsSeen) ? secret : null;
    }

    /// <summary>Makes an access token.</summary>
    /// <param name="account">Whose it is.</param>
    /// <param name="origin">Where its owner comes from; null when that is not known yet.</param>
    /// <param name="name">What people call it.</param>
    /// <param name="lifetime">How long it lasts.</param>
    /// <param name="narrowing">What it is good for.</param>
    /// <param name="endingsSeen">
    /// What its owner's sign-in has in <see cref="SignInOutcome.SignedIn.EndingsSeen"/>; null when an administrator makes it.
    /// </param>
    /// <returns>The token, or why there is none.</returns>
    public async Task<(Grant Grant, TokenSecret Secret, GrantRefusal? Refusal)> MakeAccessAsync(
        string account, AccountOrigin? origin, string name, TimeSpan lifetime, TokenRestriction narrowing, long? endingsSeen = null)
    {
        var secret = TokenSecret.New(TokenKind.Access);
        var grant = New(secret.Kind, account, name, null, null, lifetime, narrowing) with { Origin = origin };
        return (grant, secret, await store.AddAccessAsync(grant, secret.Hash, limits.AccessPerAccount, endingsSeen));
    }

    private Grant New(
        TokenKind kind, string account, string name, string? service, string? client, TimeSpan lifetime, TokenRestriction narrowing)
    {
        var now = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds());
        return new Grant(
            RandomNumberGenerator.GetString(IdAlphabet, IdLength), kind, account, name, service, client, now, now + lifetime, null, null,
            narrowing);
    }
}
