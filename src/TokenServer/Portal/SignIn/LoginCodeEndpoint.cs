using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Sessions;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Portal.SignIn;

/// <summary>
/// POST <c>/access/login</c>: makes a code for one <c>docker login</c> and shows it this once. What docker gets for it outlives the
/// session, so only a recent sign-in makes one.
/// </summary>
internal sealed class LoginCodeEndpoint(
    ILoginCodeStore codes, GrantLimits limits, IReadOnlyList<RegistryService> services, SessionActs acts, DecisionReport report,
    PageRenderer pages, PortalSite site, TimeProvider time)
{
    /// <summary>The path that the form posts to.</summary>
    public const string Path = AccessPageEndpoint.Path + "/login";

    private const string NoService = ""; // the code is good for any one of the registries

    private static readonly TimeSpan Outage = TimeSpan.FromSeconds(10);

    private static readonly ErrorAnswer NoRefreshTokens = ErrorAnswer.Forbidden(
        "this server gives no refresh tokens, so a login code could not be exchanged for one; use an access token");

    /// <summary>Makes a code that logs one docker in, within minutes and once.</summary>
    public async Task<Answer> CreateAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        if (!AccessPageEndpoint.IsRecent(caller.Session, time.GetUtcNow()))
        {
            return new RedirectAnswer(site.Link(SignInPageEndpoint.AgainPath(AccessPageEndpoint.Path)));
        }

        if (!limits.GivesRefreshTokens) return await pages.ProblemAsync(caller, NoRefreshTokens);
        if (caller.Subject.Who.PullOnly is not null) return await pages.ProblemAsync(caller, ErrorAnswer.Unavailable(Outage));

        var secret = TokenSecret.New(TokenKind.LoginCode);
        var now = DateTimeOffset.FromUnixTimeSeconds(time.GetUtcNow().ToUnixTimeSeconds());
        var code = new LoginCode(caller.Session.Account, caller.Session.Origin, now, now + LoginCode.Lifetime, null);
        if (!await codes.AddAsync(code, secret.Hash, caller.Subject.Who.EndingsSeen))
        {
            var overtaken = new SignInResult(SignInOutcome.Overtaken, null);
            return await pages.ProblemAsync(
                caller, report.NotSignedIn(overtaken, caller.Session.Account, request.Address, NoService, time.GetUtcNow()));
        }

        acts.LoginCodeCreated(caller.Session, request.Address);
        var hosts = services.Select(s => PortalSite.HostOf(s.Url) ?? "REGISTRY").Distinct(StringComparer.Ordinal);
        return await pages.RenderAsync<LoginCodePage>(
            caller, "Log in on this machine", new LoginCodeModel(secret.Text, code.Account, [.. hosts], code.Expires));
    }
}
