using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Portal.SignIn;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Sessions;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Portal;

/// <summary>
/// GET and POST <c>/sign-in</c>, POST <c>/sign-out</c>: account and password pass the same sources, limits, suspensions and audit as at
/// <c>/token</c>. Every sign-in begins a new session, and ends the one that the browser had.
/// </summary>
internal sealed class SignInPageEndpoint(
    Authenticator authenticator, SessionStart sessions, SessionCookies cookies, DecisionReport report, SignInForm page, PortalSite site,
    TimeProvider time)
{
    /// <summary>The path of the sign-in form, which also receives it.</summary>
    public const string Path = "/sign-in";

    /// <summary>Where the sign-out button posts to.</summary>
    public const string SignOutPath = "/sign-out";

    private const string NoService = ""; // an account is one for all registries

    // An account whose directory is away may pull, and no more.
    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(10);

    private static readonly ErrorAnswer PasswordOnly = ErrorAnswer.Forbidden("sign in here with the account's password, not with a token");

    private static readonly ErrorAnswer NoSession = ErrorAnswer.Forbidden(
        "the account is found with its password only, so no session can stand for it; docker login works");

    /// <summary>Where somebody who is signed in does so again, and the path to go to afterwards.</summary>
    public static string AgainPath(string back) => $"{Path}?again=1&return={Uri.EscapeDataString(back)}";

    /// <summary>Shows the form; to whoever is signed in only where they are to do so again.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, Visitor visitor)
    {
        var back = PortalSite.ReturnPath(request.Http.Query["return"].FirstOrDefault());
        if (visitor is SessionCaller caller)
        {
            return request.Http.Query.ContainsKey("again")
                ? await page.RenderAsync(visitor, caller.Session.Account, back, caller.Secret.FormToken)
                : new RedirectAnswer(site.Link(back));
        }

        var (secret, isNew) = SessionSecret.TryParse(request.Http.Cookies[cookies.SignInForm], out var known)
            ? (known, false)
            : (SessionSecret.New(), true);
        return await page.RenderAsync(visitor, "", back, secret.FormToken) with
        {
            Cookie = isNew ? cookies.Set(cookies.SignInForm, secret) : null,
        };
    }

    /// <summary>Checks the account and password as the token endpoint does, and begins a session.</summary>
    public async Task<Answer> SignInAsync(RouteRequest request, Visitor visitor, Form form)
    {
        var (account, password, back) = (form["account"], form["password"], PortalSite.ReturnPath(form["return"]));

        // Before anything is looked up: neither a token of ours nor one of an issuer may make itself a session.
        if (TokenText.IsIn(account) || TokenText.IsIn(password)) return await AgainAsync(visitor, form, PasswordOnly, "");
        var context = new SignInContext(null, null, request.Address);
        var result = await authenticator.AuthenticateAsync(new BasicCredentials(account, password), context, request.Aborted);
        if (result.Outcome is not SignInOutcome.SignedIn who) return await RefusedAsync(result, request, visitor, form);
        if (result.Grant is not null) return await AgainAsync(visitor, form, PasswordOnly, "");
        if (who.PullOnly is not null) return await AgainAsync(visitor, form, ErrorAnswer.Unavailable(Outage), account);
        if (who.Origin is not { } origin || who.IsFoundByPasswordOnly) return await AgainAsync(visitor, form, NoSession, account);

        return await sessions.BeginAsync(who, origin, request, visitor, back)
            ?? await RefusedAsync(new SignInResult(SignInOutcome.Overtaken, null), request, visitor, form);
    }

    /// <summary>Ends the session and removes its cookie.</summary>
    public async Task<Answer> SignOutAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        await sessions.EndAsync(caller, request);
        return new RedirectAnswer(site.Link(SearchPageEndpoint.Path)) { Cookie = cookies.Remove(cookies.Session) };
    }

    private Task<Answer> RefusedAsync(SignInResult result, RouteRequest request, Visitor visitor, Form form) => AgainAsync(
        visitor, form, report.NotSignedIn(result, form["account"], request.Address, NoService, time.GetUtcNow()), form["account"]);

    /// <summary>The form once more, with what was wrong.</summary>
    private async Task<Answer> AgainAsync(Visitor visitor, Form form, ErrorAnswer error, string account) =>
        await page.RenderAsync(visitor, account, PortalSite.ReturnPath(form["return"]), form[Form.TokenField], error);
}
