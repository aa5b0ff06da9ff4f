using System.Net;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Subjects;
using AuthIndex.TokenServer.Portal.Pages.Administration;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// GET <c>/admin/policy/explain</c>: which rules decide a request; GET <c>/admin/policy/who-can</c>: who may do something. Both ask the
/// policy in force, as <c>policy explain</c> and <c>policy who-can</c> do.
/// </summary>
internal sealed class PolicyQuestionEndpoint(PolicyStore policies, Authenticator authenticator, PageRenderer pages, TimeProvider time)
{
    /// <summary>Where a request is explained.</summary>
    public const string ExplainPath = PolicyPageEndpoint.Path + "/explain";

    /// <summary>The path of the page that shows who may do something.</summary>
    public const string WhoCanPath = PolicyPageEndpoint.Path + "/who-can";

    private const int MaxText = 1000;

    /// <summary>Explains a request.</summary>
    public async Task<Answer> ExplainAsync(RouteRequest request, SessionCaller caller)
    {
        var (account, scope) = (Text(request, "account"), Text(request, "scope"));
        var (groups, address, way) = (Text(request, "groups"), Text(request, "address"), Text(request, "signedInBy"));
        var form = new ExplainForm(account, groups, address, way, scope, Policies.Subjects.SignIn.Kinds);
        if (scope.Length == 0) return await pages.RenderAsync<ExplainPage>(caller, "Explain a request", new ExplainModel(form, null, []));
        var (problem, lines) = await ExplainAsync(account, groups, address, way, scope, request.Aborted);
        return await pages.RenderAsync<ExplainPage>(
            caller, "Explain a request", new ExplainModel(form, problem, lines),
            problem is null ? StatusCodes.Status200OK : StatusCodes.Status400BadRequest);
    }

    /// <summary>Tells who may do something.</summary>
    public async Task<Answer> WhoCanAsync(RouteRequest request, SessionCaller caller)
    {
        const string title = "Who can";
        var (action, resource) = (Text(request, "action"), Text(request, "resource"));
        if (resource.Length == 0) return await pages.RenderAsync<WhoCanPage>(caller, title, new WhoCanModel("pull", "", null, null));
        var problem = ActionSet.TryParseWord(action, out var wanted) ? null : RuleReader.Unknown(action, []);
        Scope? scope = null;
        if (problem is null && ScopeText.TryParse(resource, wanted, out scope, out problem)) problem = ScopeText.NameProblem(scope);
        if (problem is not null)
        {
            return await pages.RenderAsync<WhoCanPage>(
                caller, title, new WhoCanModel(action, resource, problem, null), StatusCodes.Status400BadRequest);
        }

        var found = AccessGrantee.Find(policies.Current, scope!, RequestConditions.Unknown with { Now = time.GetUtcNow() });
        return await pages.RenderAsync<WhoCanPage>(caller, title, new WhoCanModel(
            action, resource, null,
            [.. found.Select(f => new WhoCanRow(f.Who, f.AllowedBy.ToString(), f.AllowedBy.When.ToString(), f.DeniedBy?.ToString()))]));
    }

    private static string Text(RouteRequest request, string name) =>
        (request.Http.Query[name].FirstOrDefault() ?? "").Trim() is var text && text.Length > MaxText ? text[..MaxText] : text;

    private async Task<(string? Problem, IReadOnlyList<string> Lines)> ExplainAsync(
        string account, string groups, string address, string way, string scope, CancellationToken cancellationToken)
    {
        IPAddress? from = null;
        if (address.Length > 0 && !CidrParser.TryParseAddress(address, out from)) return ($"'{address}' is not an address", []);
        if (way.Length > 0 && !Policies.Subjects.SignIn.Kinds.Contains(way)) return ($"'{way}' is not a sign-in method", []);
        if (!ScopeText.TryParseWithActions(scope, out var requested, out var malformed)) return (malformed, []);
        var name = account == Policies.Subjects.SignIn.Anonymous ? "" : account;
        var signedInBy = name.Length == 0 ? Policies.Subjects.SignIn.Anonymous : way.Length > 0 ? way : null;
        var lines = new List<string>();
        IReadOnlyList<string> members = groups.Split([' ', ',', '\r', '\n', '\t'], StringSplitOptions.RemoveEmptyEntries);
        if (members.Count == 0 && name.Length > 0)
        {
            var found = await authenticator.FindAccountAsync(name, cancellationToken);
            if (found is SignInOutcome.SignedIn who)
            {
                members = who.Groups;
                signedInBy ??= who.SignedInBy;
                lines.Add($"groups now: {(members.Count == 0 ? "none" : string.Join(", ", members))}");
            }
            else
            {
                lines.Add("the account cannot sign in now, so no groups are assumed");
            }
        }

        var policy = policies.Current;
        var asked = new CallerSubjects(name, members, policy.Groups, signedInBy is Policies.Subjects.SignIn.Ldap);
        var conditions = new RequestConditions(from, null, signedInBy, time.GetUtcNow(), UnknownIsMet: true);
        var decision = policy.Decide(asked, conditions, requested);
        var nearest = decision.Refused.IsEmpty
            ? []
            : NearMiss.Find(policy, asked, conditions, requested with { Actions = decision.Refused });
        lines.AddRange(DecisionText.Explain(decision, name, nearest));
        return (null, lines);
    }
}
