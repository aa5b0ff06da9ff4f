using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Authentication;

/// <summary>
/// When a refresh token or access token is valid: for the way it is used, and for the account that now has its owner's name.
/// </summary>
internal static class GrantConditions
{
    /// <summary>What clients send as the user name with a token.</summary>
    private const string NoUser = "<token>";

    /// <summary>Why a token is not valid as used; null when it is.</summary>
    /// <param name="grant">The token.</param>
    /// <param name="user">The user name sent with it.</param>
    /// <param name="context">Where it is used.</param>
    /// <param name="isOver">Whether it has expired.</param>
    public static string? Problem(Grant grant, string user, SignInContext context, bool isOver)
    {
        if (isOver) return $"the {grant.KindName} has expired";
        if (!grant.Narrowing.Admits(context.Address))
        {
            return $"the access token may not be used from {context.Address?.ToString() ?? "an unknown address"}";
        }

        if (grant.Kind == TokenKind.Access) return null;
        if (user is not ("" or NoUser)) return $"a refresh token must be sent without a user name, or with {NoUser}";
        if (grant.Service != context.Service) return "the refresh token is for another registry";
        return grant.IsFor(context.Client) ? null : "the refresh token was issued to another client";
    }

    /// <summary>
    /// The current identity of a grant's owner. A refresh token keeps the sign-in method that it was issued for, so that a rule for
    /// directory sign-ins still applies after docker login; an access token is a sign-in method of its own.
    /// </summary>
    /// <param name="grant">The grant.</param>
    /// <param name="found">What its account is now.</param>
    /// <param name="now">When.</param>
    public static SignInOutcome Owner(Grant grant, SignInOutcome found, DateTimeOffset now) => found switch
    {
        SignInOutcome.SignedIn who when who.Account == grant.Account =>
            (SignInOutcome?)Problem(grant, who, now) ?? (grant.Kind == TokenKind.Refresh ? who : who with { SignedInBy = SignIn.Token }),
        SignInOutcome.Unavailable outage => outage,
        SignInOutcome.Refused { Reason: var reason } =>
            new SignInOutcome.Refused($"the account of the {grant.KindName} may not sign in: {reason}")
        {
            Told = $"the account of the {grant.KindName} may no longer sign in",
        },
        _ => SignInOutcome.Refused.AsTold($"the account of the {grant.KindName} no longer exists"),
    };

    /// <summary>Why a grant is not valid for the account that now has its owner's name; null when it is.</summary>
    private static SignInOutcome.Refused? Problem(Grant grant, SignInOutcome.SignedIn who, DateTimeOffset now)
    {
        if (who.Origin is not null && grant.Origin?.Mismatch(who.Origin) is { } mismatch)
        {
            return Refuse(grant, $"the {grant.KindName} is not valid for {who.Account}: {mismatch}");
        }

        if (grant.Kind != TokenKind.Refresh || who.RefreshFor is not { } most || now < grant.Created + most) return null;
        var cause = $"{who.Origin?.Source} does not show whether the account is disabled or locked (refreshWithoutState)";
        return Refuse(grant, $"the refresh token was issued more than {most} ago, and {cause}");
    }

    private static SignInOutcome.Refused Refuse(Grant grant, string reason) =>
        new(reason) { Told = $"the {grant.KindName} is no longer valid; sign in with the password" };
}
