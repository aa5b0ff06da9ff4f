using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Sessions;

/// <summary>Whether a session is still good for the account that has its owner's name, by the rules for refresh tokens.</summary>
internal static class SessionConditions
{
    /// <summary>Whose session it is now; null when it is nobody's any more.</summary>
    /// <param name="session">The session.</param>
    /// <param name="found">What its account is now, and not suspended.</param>
    /// <param name="now">When.</param>
    public static SignInOutcome.SignedIn? Owner(Session session, SignInOutcome found, DateTimeOffset now)
    {
        if (found is not SignInOutcome.SignedIn who || who.Account != session.Account) return null;
        if (who.Origin is not null && session.Origin.Mismatch(who.Origin) is not null) return null;
        return who.RefreshFor is { } most && now >= session.Created + most ? null : who;
    }
}
