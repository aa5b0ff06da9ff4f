using System.Security.Cryptography;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Portal.SignIn;

/// <summary>Begins the session of somebody who has just signed in, however they did, and ends the one that the browser had.</summary>
internal sealed class SessionStart(ISessionStore sessions, SessionCookies cookies, SessionActs acts, PortalSite site, TimeProvider time)
{
    private const string IdAlphabet = "0123456789abcdefghjkmnpqrstvwxyz";
    private const int IdLength = 12;

    /// <summary>Begins a session.</summary>
    /// <param name="who">Who signed in.</param>
    /// <param name="origin">Which account of that name it is.</param>
    /// <param name="request">The request that signed in.</param>
    /// <param name="visitor">Who sent it before that.</param>
    /// <param name="back">The path to go to.</param>
    /// <param name="authenticated">
    /// When the person last proved who they are, where that may be earlier: from a while later on, what outlives the session is made only
    /// after another sign-in.
    /// </param>
    /// <returns>The way there; null when the account was ended or suspended meanwhile.</returns>
    public async Task<Answer?> BeginAsync(
        SignInOutcome.SignedIn who, AccountOrigin origin, RouteRequest request, Visitor visitor, string back,
        DateTimeOffset? authenticated = null)
    {
        var now = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds());
        var oldest = now - AccessPageEndpoint.Recent;
        var began = authenticated is not { } at || at > now ? now : at < oldest ? oldest : at;
        var session = new Session(
            RandomNumberGenerator.GetString(IdAlphabet, IdLength), who.Account, origin, began, now, request.Address?.ToString());
        var secret = SessionSecret.New();
        if (!await sessions.AddAsync(session, secret.Hash, who.EndingsSeen)) return null;
        if (visitor is SessionCaller former) await EndAsync(former, request);
        acts.Begun(session, who.SignedInBy, request.Address);
        return new RedirectAnswer(site.Link(back)) { Cookie = cookies.Set(cookies.Session, secret) };
    }

    /// <summary>Ends the session of a request.</summary>
    public async Task EndAsync(SessionCaller caller, RouteRequest request)
    {
        if (await sessions.EndAsync(caller.Session.Id, caller.Session.Account)) acts.Ended(caller.Session, request.Address);
    }
}
