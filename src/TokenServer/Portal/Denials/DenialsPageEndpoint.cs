using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal.Denials;

/// <summary>
/// GET <c>/access/denials</c>: why the account was denied something lately, or the decision of an id (<c>?decision=</c>). Never what was
/// decided about somebody else, and no more than the client was told.
/// </summary>
internal sealed class DenialsPageEndpoint(OwnDecisions decisions, PageRenderer pages)
{
    /// <summary>Where it is.</summary>
    public const string Path = "/access/denials";

    private const int Shown = 20;
    private const int MaxId = 64;

    /// <summary>Shows them.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller caller)
    {
        var account = caller.Session.Account;
        var asked = (request.Http.Query["decision"].FirstOrDefault() ?? "").Trim();
        if (asked.Length > MaxId) asked = asked[..MaxId];
        IReadOnlyList<AuditEntry> found = asked.Length == 0
            ? await decisions.DenialsAsync(account, Shown, request.Aborted)
            : await decisions.FindAsync(account, asked, request.Aborted) is { } one ? [one] : [];
        return await pages.RenderAsync<DenialsPage>(
            caller, "Why was I denied?", new DenialsModel(asked, [.. found.Select(Row)]),
            asked.Length > 0 && found.Count == 0 ? StatusCodes.Status404NotFound : StatusCodes.Status200OK);
    }

    private static DenialRow Row(AuditEntry entry) => new(
        entry.Decision, entry.Time, Words(entry.Outcome), entry.Service, entry.Address, entry.GrantName, entry.Asked, entry.Granted,
        [.. entry.Refused.Select(r => (r.Scope, r.Reason))]);

    private static string Words(AuditOutcome outcome) => outcome switch
    {
        AuditOutcome.Granted => "granted",
        AuditOutcome.Partly => "granted in part",
        AuditOutcome.Refused => "refused",
        AuditOutcome.SignInFailed => "the sign-in failed: wrong credentials, or the account may not sign in",
        AuditOutcome.Unavailable => "the sign-in could not be checked at that moment",
        _ => "too many sign-ins had failed, so this one was not checked",
    };
}
