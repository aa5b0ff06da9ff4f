using System.Security.Cryptography;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Tokens;

/// <summary>Makes grants. The secret is in what is returned, and nowhere else.</summary>
internal sealed class GrantMaker(GrantStore store, GrantLimits limits, TimeProvider time)
{
    // 60 random bits in letters and digits that nobody mistakes for each other.
    private const string IdAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    private const int IdLength = 12;

    /// <summary>Gives a client a refresh token.</summary>
    /// <param name="account">Whose it is.</param>
    /// <param name="service">The registry it is good for.</param>
    /// <param name="client">The client, if it said its name.</param>
    public async Task<TokenSecret> GiveRefreshAsync(string account, string service, string? client)
    {
        var secret = TokenSecret.New(TokenKind.Refresh);
        await store.AddRefreshAsync(New(secret.Kind, account, client ?? "unnamed client", service, client, limits.RefreshLifetime, Narrowing.None), secret.Hash, limits.RefreshPerAccount);
        return secret;
    }

    /// <summary>Makes an access token; null when the account has as many already as it may.</summary>
    /// <param name="account">Whose it is.</param>
    /// <param name="name">What people call it.</param>
    /// <param name="lifetime">How long it lasts.</param>
    /// <param name="narrowing">What it is good for.</param>
    public async Task<(Grant Grant, TokenSecret Secret)?> MakeAccessAsync(string account, string name, TimeSpan lifetime, Narrowing narrowing)
    {
        var secret = TokenSecret.New(TokenKind.Access);
        var grant = New(secret.Kind, account, name, null, null, lifetime, narrowing);
        return await store.AddAccessAsync(grant, secret.Hash, limits.AccessPerAccount) ? (grant, secret) : null;
    }

    private Grant New(TokenKind kind, string account, string name, string? service, string? client, TimeSpan lifetime, Narrowing narrowing)
    {
        var now = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds());
        return new Grant(RandomNumberGenerator.GetString(IdAlphabet, IdLength), kind, account, name, service, client, now, now + lifetime, null, null, narrowing);
    }
}
