using System.Text;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Portal.Pages.Administration;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal.Administration;

/// <summary>
/// GET <c>/admin/policy</c>: the policy in force, its rules, tests and files; POST <c>/admin/policy/reload</c> reads the files now. No page
/// writes a file: they belong to whoever keeps them.
/// </summary>
internal sealed class PolicyPageEndpoint(PolicyStore policies, AccountActs acts, PageRenderer pages, PortalSite site)
{
    /// <summary>Where it is.</summary>
    public const string Path = "/admin/policy";

    /// <summary>Where the files are read again.</summary>
    public const string ReloadPath = Path + "/reload";

    private const int MaxFilter = 256;

    /// <summary>Shows the policy; of its rules those that name what is looked for.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, SessionCaller caller)
    {
        var (policy, query) = (policies.Current, request.Http.Query);
        var (who, where) = (Filter(query["who"].FirstOrDefault()), Filter(query["where"].FirstOrDefault()));
        var problems = new List<SourceProblem>();
        var files = new PolicyDirectory(policies.Path).Read(problems);
        var model = new PolicyModel(
            policy.Revision, policies.LoadedAt, policies.Degraded,
            [.. policies.LastProblems.Concat(problems).Select(p => p.ToString()).Distinct(StringComparer.Ordinal)],
            who, where,
            [.. policy.Rules.Where(r => Names(r.To.Concat(r.Except), who) && Names(r.On, where)).Select(Row)],
            policy.Rules.Count,
            [.. policy.Tests.Select(t => new PolicyTestRow(t.ToString(), Place(t.At), t.Run(policy)?.Message))],
            [.. (files?.Files ?? []).Select(f => new PolicyFileModel(
                System.IO.Path.GetFileName(f.Path), Encoding.UTF8.GetString(f.Content.Span)))]);
        return await pages.RenderAsync<PolicyPage>(caller, "Policy", model);
    }

    /// <summary>Reads the files and puts them in force if they are valid.</summary>
    public async Task<Answer> ReloadAsync(RouteRequest request, SessionCaller caller, Form form)
    {
        if (policies.Reload())
        {
            acts.Done(request, caller, "policy reload", policies.Current.Revision);
            return new RedirectAnswer(site.Link(Path));
        }

        var reason = policies.Degraded ?? "the files are invalid";
        acts.Failed(request, caller, "policy reload", reason);
        return await pages.ProblemAsync(
            caller, StatusCodes.Status409Conflict, "The policy files are invalid",
            $"Policy {policies.Current.Revision} stays in force: {reason}");
    }

    private static string Filter(string? text) => (text ?? "").Trim() is var found && found.Length > MaxFilter ? found[..MaxFilter] : found;

    private static bool Names<T>(IEnumerable<T> of, string text) =>
        text.Length == 0 || of.Any(o => o?.ToString()?.Contains(text, StringComparison.OrdinalIgnoreCase) == true);

    private static PolicyRuleRow Row(Rule rule) => new(
        rule.Id, rule.Effect == Effect.Allow, rule.Actions.ToString(),
        string.Join(", ", rule.To) + (rule.Except.Count == 0 ? "" : $", except {string.Join(", ", rule.Except)}"),
        string.Join(", ", rule.On), rule.When.ToString(), Place(rule.At));

    private static string Place(SourcePosition at) => $"{System.IO.Path.GetFileName(at.File)}:{at.Line}";
}
