using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Grants;

/// <summary>How many grants there may be, and how long they last.</summary>
/// <param name="GivesRefreshTokens">Whether clients that ask for a refresh token get one.</param>
/// <param name="RefreshIdle">How long a refresh token may be unused.</param>
/// <param name="RefreshLifetime">How long one lasts at most, however much it is used.</param>
/// <param name="RefreshPerAccount">The most per account; beyond it the least recently used one ends.</param>
/// <param name="AccessLifetime">The longest and default lifetime of an access token.</param>
/// <param name="AccessPerAccount">The most per account; beyond it no more are created.</param>
internal sealed record GrantLimits(
    bool GivesRefreshTokens, TimeSpan RefreshIdle, TimeSpan RefreshLifetime, int RefreshPerAccount, TimeSpan AccessLifetime,
    int AccessPerAccount)
{
    /// <summary>The shortest life of an access token.</summary>
    public static readonly TimeSpan MinAccessLifetime = TimeSpan.FromMinutes(1);

    /// <summary>The limits in the configuration.</summary>
    public static GrantLimits Of(TokenServerOptions options) => new(
        options.RefreshTokens, options.RefreshTokenIdle, options.RefreshTokenLifetime, options.RefreshTokensPerAccount,
        options.AccessTokenLifetime, options.AccessTokensPerAccount);

    /// <summary>When a grant ends: at its expiry, or earlier for an unused refresh token.</summary>
    public DateTimeOffset EndOf(Grant grant)
    {
        if (grant.Kind == TokenKind.Access) return grant.Expires;
        var idle = (grant.Used ?? grant.Created) + RefreshIdle;
        return idle < grant.Expires ? idle : grant.Expires;
    }

    /// <summary>Why an access token cannot last so long; null when it can.</summary>
    public string? LifetimeProblem(TimeSpan lifetime) => lifetime < MinAccessLifetime || lifetime > AccessLifetime
        ? $"an access token's lifetime must be between {MinAccessLifetime.TotalMinutes:0}m and {Text(AccessLifetime)} "
            + "(tokenServer.accessTokenLifetime)"
        : null;

    private static string Text(TimeSpan time) =>
        time.TotalDays >= 1 && time == TimeSpan.FromDays(time.Days) ? $"{time.Days}d" : $"{(long)time.TotalSeconds}s";
}
