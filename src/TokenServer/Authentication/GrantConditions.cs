using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Authentication;

/// <summary>When a refresh token or access token is good: as it is shown, and for the account that has its owner's name.</summary>
internal static class GrantConditions
{
    /// <summary>What clients put for the user name beside a token.</summary>
    private const string NoUser = "<token>";

    /// <summary>Why a token is not good as it is shown; null when it is.</summary>
    /// <param name="grant">The token.</param>
    /// <param name="user">What was shown for the user name.</param>
    /// <param name="context">Where it is shown.</param>
    /// <param name="isOver">Whether its time is over.</param>
    public static string? Problem(Grant grant, string user, SignInContext context, bool isOver)
    {
        if (isOver) return $"the {grant.KindName} has expired";
        if (!grant.Narrowing.Admits(context.Address))
        {
            return $"the access token may not be used from {context.Address?.ToString() ?? "an unknown address"}";
        }

        if (grant.Kind == TokenKind.Access) return null;
        if (user is not ("" or NoUser)) return $"a refresh token is shown without a user name, or with {NoUser}";
        if (grant.Service != context.Service) return "the refresh token is for another registry";
        return grant.IsFor(context.Client) ? null : "the refresh token was given to another client";
    }

    /// <summary>
    /// Who a grant's owner is now. A refresh token goes on with the sign-in that it was given for, so that a rule for those who sign in
    /// by a directory holds after docker's login, too; an access token is a way to sign in of its own.
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
            Told = $"the account of the {grant.KindName} may not sign in any more",
        },
        _ => SignInOutcome.Refused.AsTold($"the account of the {grant.KindName} is gone"),
    };

    /// <summary>Why a grant is not good for the account that has its owner's name; null when it is.</summary>
    private static SignInOutcome.Refused? Problem(Grant grant, SignInOutcome.SignedIn who, DateTimeOffset now)
    {
        if (who.Origin is not null && grant.Origin?.Mismatch(who.Origin) is { } mismatch)
        {
            return Refuse(grant, $"the {grant.KindName} is not good for {who.Account}: {mismatch}");
        }

        if (grant.Kind != TokenKind.Refresh || who.RefreshFor is not { } most || now < grant.Created + most) return null;
        var cause = $"{who.Origin?.Source} does not show whether the account is disabled or locked (refreshWithoutState)";
        return Refuse(grant, $"the refresh token was given more than {most} ago, and {cause}");
    }

    private static SignInOutcome.Refused Refuse(Grant grant, string reason) =>
        new(reason) { Told = $"the {grant.KindName} is no longer good; sign in with the password" };
}
