using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Authentication;

/// <summary>When a login code is valid: for the way it is sent, and for the account that now has its owner's name.</summary>
internal static class LoginCodeConditions
{
    /// <summary>What is said of a code that was used.</summary>
    public const string Used = "the login code has been used; create a new one in the portal";

    // An account whose directory is unavailable may only pull.
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(10);

    /// <summary>Why a code is not valid as sent; null when it is.</summary>
    /// <param name="code">The code.</param>
    /// <param name="user">The user name sent with it.</param>
    /// <param name="getsRefreshToken">Whether it is exchanged for a refresh token.</param>
    /// <param name="now">When.</param>
    public static string? Problem(LoginCode code, string user, bool getsRefreshToken, DateTimeOffset now)
    {
        if (code.Used is not null) return Used;
        if (now >= code.Expires) return "the login code has expired; create a new one in the portal";
        if (!getsRefreshToken)
        {
            return "a login code is accepted only by docker login and clients that get a refresh token as it does; "
                + "podman and skopeo need an access token";
        }

        // A directory may compare names without regard to letter case; the code is what proves who it is.
        return string.Equals(user, code.Account, StringComparison.OrdinalIgnoreCase) ? null : "the login code is for another account";
    }

    /// <summary>The current identity of a code's owner.</summary>
    /// <param name="code">The code.</param>
    /// <param name="found">What its account is now, and not suspended.</param>
    public static SignInOutcome Owner(LoginCode code, SignInOutcome found) => found switch
    {
        SignInOutcome.SignedIn { PullOnly: { } reason } => new SignInOutcome.Unavailable(Outage, reason),
        SignInOutcome.SignedIn who when who.Account == code.Account && (who.Origin is null || code.Origin.Mismatch(who.Origin) is null) =>
            who,
        SignInOutcome.Unavailable outage => outage,
        SignInOutcome.Refused { Reason: var reason } => Refuse(code, reason),
        _ => Refuse(code, "it is not the account that the code was created for"),
    };

    private static SignInOutcome.Refused Refuse(LoginCode code, string reason) =>
        new($"the account of the login code, {code.Account}, may not sign in: {reason}")
        {
            Told = "the account of the login code may no longer sign in",
        };
}
