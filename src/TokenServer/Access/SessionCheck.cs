using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Access;

/// <summary>Somebody with a browser: anonymous, unless a <see cref="SessionCaller"/>.</summary>
/// <param name="Subject">Who it is now, and from where.</param>
internal record Visitor(SubjectCaller Subject);

/// <summary>A visitor who signed in to the portal.</summary>
/// <param name="Session">The session.</param>
/// <param name="Subject">Who it is now, and from where.</param>
/// <param name="Secret">The cookie's secret, which the tokens of forms are checked against.</param>
internal sealed record SessionCaller(Session Session, SubjectCaller Subject, SessionSecret Secret) : Visitor(Subject);

/// <summary>
/// Finds out who stands behind the portal's cookie. The account is looked up for every request, so that a session shows and does no
/// more than its owner may now; one whose owner may not sign in any more ends.
/// </summary>
internal sealed class SessionCheck(
    ISessionStore store, SessionLimits limits, SessionCookies cookies, Authenticator authenticator, SuspendedAccounts suspended,
    IReadOnlyList<RegistryService> services, TimeProvider time)
{
    private static readonly TimeSpan UseIsOld = TimeSpan.FromMinutes(1);

    /// <summary>Who sends a request: whoever has no good session is anonymous. An error only where that cannot be found out now.</summary>
    public async ValueTask<Result<Visitor>> FindAsync(RouteRequest request)
    {
        var anonymous = new Visitor(Subject((SignInOutcome.SignedIn)SignInResult.Anonymous.Outcome, request));
        if (!SessionSecret.TryParse(request.Http.Cookies[cookies.Session], out var secret)) return anonymous;
        var endingsSeen = suspended.NewestEnding; // before the session is read, which every later one ends
        if (await store.FindAsync(secret.Hash) is not { } session) return anonymous;
        var now = time.GetUtcNow();
        if (now >= limits.EndOf(session)) return anonymous;

        var found = await authenticator.FindAccountAsync(session.Account, request.Aborted);
        if (found is SignInOutcome.Unavailable outage) return ErrorAnswer.Unavailable(outage.RetryAfter);
        if (SessionConditions.Owner(session, found, now) is not { } who)
        {
            await store.EndAsync(session.Id, session.Account);
            return anonymous;
        }

        if (now - session.Used >= UseIsOld) await store.NoteAsync(session.Id, now);
        return new SessionCaller(session, Subject(who with { EndingsSeen = endingsSeen }, request), secret);
    }

    private SubjectCaller Subject(SignInOutcome.SignedIn who, RouteRequest request) =>
        new(who, TokenRestriction.None, request.Address, services);
}
