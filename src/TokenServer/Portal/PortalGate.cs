using System.Diagnostics.CodeAnalysis;
using AuthIndex.TokenContract;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Portal;

/// <summary>
/// The check before every page and form: who it is; a session where one is needed; and for a form that a page of ours made it for this
/// browser.
/// </summary>
internal sealed class PortalGate(
    SessionCheck sessions, SessionCookies cookies, AdminRights rights, UnauthenticatedRate rate, PageRenderer pages, PortalSite site)
{
    /// <summary>Who asks for a page, anonymous or signed in. What anonymous visitors of one address may ask for is limited.</summary>
    public async Task<GateResult<Visitor>> VisitorAsync(RouteRequest request)
    {
        if (!(await sessions.FindAsync(request)).TryGet(out var visitor, out var error))
        {
            return new GateResult<Visitor>(await pages.ProblemAsync(null, error));
        }

        return visitor is not SessionCaller && rate.Take(request.Address) is { } wait
            ? new GateResult<Visitor>(await pages.ProblemAsync(visitor, ErrorAnswer.TooManyRequests(wait)))
            : new GateResult<Visitor>(visitor);
    }

    /// <summary>Who asks for a page that needs a session; others are sent to sign in, and back to the page afterwards.</summary>
    public async Task<GateResult<SessionCaller>> SignedInAsync(RouteRequest request)
    {
        if (!(await VisitorAsync(request)).TryGet(out var visitor, out var refused)) return new GateResult<SessionCaller>(refused);
        if (visitor is SessionCaller caller) return new GateResult<SessionCaller>(caller);
        var back = HttpMethods.IsPost(request.Http.Method)
            ? ""
            : $"?return={Uri.EscapeDataString(PortalSite.ReturnPath(request.Http.Path + request.Http.QueryString))}";
        return new GateResult<SessionCaller>(new RedirectAnswer(site.Link(SignInPageEndpoint.Path + back)));
    }

    /// <summary>Who asks for something that is for administrators of an area; everyone else is refused.</summary>
    public async Task<GateResult<SessionCaller>> AdminAsync(RouteRequest request, AdminArea area, ActionSet action)
    {
        var result = await SignedInAsync(request);
        if (!result.TryGet(out var caller, out _) || rights.May(caller, area, action)) return result;
        return new GateResult<SessionCaller>(await pages.ProblemAsync(
            caller, StatusCodes.Status403Forbidden, "For administrators",
            $"The policy does not allow {caller.Session.Account} {AdminRights.ScopeOf(area, action)}."));
    }

    /// <summary>The fields of a form, once it has proven that a page of ours made it for this browser.</summary>
    public async Task<GateResult<Form>> FormAsync(RouteRequest request, Visitor visitor)
    {
        // Fetch Metadata: browsers say where a request began, and no page can change what they say.
        if (request.Http.Headers["Sec-Fetch-Site"] is [not ("same-origin" or "none")]) return await ForeignAsync(visitor);
        if (!(await FormBody.ReadAsync(request)).TryGet(out var body, out var unreadable))
        {
            return new GateResult<Form>(await pages.ProblemAsync(visitor, unreadable));
        }

        var form = new Form(body);
        var secret = (visitor as SessionCaller)?.Secret;
        if (secret is null && !SessionSecret.TryParse(request.Http.Cookies[cookies.SignInForm], out secret))
        {
            return await ForeignAsync(visitor);
        }

        return secret.Knows(form[Form.TokenField]) ? new GateResult<Form>(form) : await ForeignAsync(visitor);
    }

    private async Task<GateResult<Form>> ForeignAsync(Visitor visitor) => new(await pages.ProblemAsync(
        visitor, StatusCodes.Status403Forbidden, "The form has expired",
        "This form is out of date, or your browser did not send the cookie that belongs to it. Go back, reload the page and try again."));
}

/// <summary>What the gate found, or the answer to whoever may not pass.</summary>
internal sealed class GateResult<T>
    where T : class
{
    private readonly T? value;
    private readonly Answer? refused;

    /// <summary>Lets the request pass with what was found.</summary>
    public GateResult(T value) => this.value = value;

    /// <summary>Stops the request with an answer.</summary>
    public GateResult(Answer refused) => this.refused = refused;

    /// <summary>What was found, or false and the answer to send instead.</summary>
    public bool TryGet([NotNullWhen(true)] out T? found, [NotNullWhen(false)] out Answer? answer)
    {
        (found, answer) = (value, refused);
        return value is not null;
    }
}
