using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Account;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Portal;

/// <summary>
/// GET <c>/access</c>: the account's tokens and sessions; POST <c>/access/create</c> makes an access token, <c>/access/revoke</c> ends a
/// token, <c>/access/end</c> a session. A token outlives the session, so only a recent sign-in makes one: whoever comes upon an open
/// browser does not.
/// </summary>
internal sealed class AccessPageEndpoint(
    AccountTokens tokens, GrantLimits limits, ISessionStore sessions, SessionLimits sessionLimits, SessionActs acts, PageRenderer pages,
    PortalSite site, TimeProvider time)
{
    /// <summary>The path of the page.</summary>
    public const string Path = "/access";

    /// <summary>Where an access token is made.</summary>
    public const string CreatePath = Path + "/create";

    /// <summary>Where a token is ended.</summary>
    public const string RevokePath = Path + "/revoke";

    /// <summary>Where a session is ended.</summary>
    public const string EndPath = Path + "/end";

    /// <summary>How long after the sign-in access tokens can be made.</summary>
    public static readonly TimeSpan Recent = TimeSpan.FromMinutes(15);

    private const string Title = "My access";

    private static readonly AccessForm NewForm = new("", "90d", "", [], "");

    /// <summary>Whether a session's sign-in is recent enough to make what outlives it.</summary>
    public static bool IsRecent(Session session, DateTimeOffset now) => now < session.Created + Recent;

    /// <summary>Shows what the account has given to clients and browsers.</summary>
    public Task<Answer> ShowAsync(RouteRequest request, SessionCaller caller) => ShowAsync(caller, NewForm, null, null);

    /// <summary>Makes an access token, and shows it this once.</summary>
    public async Task<Answer> CreateAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        if (!IsRecent(caller)) return new RedirectAnswer(site.Link(SignInPageEndpoint.AgainPath(Path)));
        var wanted = new AccessTokenRequest(
            form["name"], form["expires"] is { Length: > 0 } expires ? expires : null, form.Words("repositories"), form.All("action"),
            form.Words("addresses"));
        return (await tokens.MakeAsync(caller.Subject.Who, wanted, request.Address)).TryGet(out var made, out var error)
            ? await ShowAsync(caller, NewForm, made, null)
            : await ShowAsync(
                caller, new AccessForm(wanted.Name, form["expires"], form["repositories"], form.All("action"), form["addresses"]), null,
                error);
    }

    /// <summary>Ends one of the account's tokens.</summary>
    public async Task<Answer> RevokeAsync(RouteRequest request, SessionCaller caller, Form form) =>
        await tokens.EndAsync(form["id"], caller.Session.Account, request.Address)
            ? new RedirectAnswer(site.Link(Path))
            : await pages.ProblemAsync(caller, ErrorAnswer.TokenUnknown);

    /// <summary>Ends one of the account's sessions.</summary>
    public async Task<Answer> EndAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        var account = caller.Session.Account;
        var session = (await sessions.ListAsync(account)).FirstOrDefault(s => s.Id == form["id"]);
        if (session is null || !await sessions.EndAsync(session.Id, account))
        {
            return await pages.ProblemAsync(caller, StatusCodes.Status404NotFound, "Not found", "you have no session of this id");
        }

        acts.Ended(session, request.Address);
        return new RedirectAnswer(site.Link(Path));
    }

    private async Task<Answer> ShowAsync(SessionCaller caller, AccessForm form, MadeToken? made, ErrorAnswer? error)
    {
        var now = time.GetUtcNow();
        var grants = await tokens.ListAsync(caller.Session.Account);
        var model = new AccessModel(
            [.. grants.Select(Row)],
            [.. (await sessions.ListAsync(caller.Session.Account)).Where(s => now < sessionLimits.EndOf(s))
                .Select(s => new SessionModel(s.Id, s.Created, s.Used, s.Address, s.Id == caller.Session.Id))],
            form,
            made is null ? null : new SecretModel(made.Grant.Name, made.Secret.Text, caller.Session.Account),
            error?.Message,
            IsRecent(caller) ? null : site.Link(SignInPageEndpoint.AgainPath(Path)));
        return await pages.RenderAsync<AccessPage>(caller, Title, model, error?.Status ?? StatusCodes.Status200OK) with
        {
            RetryAfter = error?.RetryAfter,
        };
    }

    private GrantModel Row(Grant grant) => new(
        grant.Id, grant.Kind == TokenKind.Access, grant.Name, grant.Service, grant.Created, limits.EndOf(grant), grant.Used,
        grant.UsedFrom ?? grant.GivenFrom, [.. grant.Narrowing.Repositories.Select(r => r.ToString())], [.. grant.Narrowing.Actions.Words],
        [.. grant.Narrowing.Addresses.Select(a => a.ToString())]);

    private bool IsRecent(SessionCaller caller) => IsRecent(caller.Session, time.GetUtcNow());
}
