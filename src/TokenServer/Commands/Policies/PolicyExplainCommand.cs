using System.CommandLine;
using System.Net;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Names;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy explain</c>: which rule decides a request, and what the nearest rules lack when it is refused.</summary>
internal static class PolicyExplainCommand
{
    public static Command Create(PolicyOptions shared, TimeProvider time, Func<ParseResult, IReadOnlyList<LdapDirectoryOptions>> ldap)
    {
        var user = new Option<string>(
            "--user") { Description = "The account, or robot:NAME (default: anonymous).", HelpName = "NAME",
                DefaultValueFactory = _ => SignIn.Anonymous };
        var groups = new Option<string[]>(
            "--group") { Description =
                "A group of the account: ldap:NAME or a local group; repeatable (default: look up the groups in the configured "
                + "directories).", HelpName = "GROUP", DefaultValueFactory = _ => [] };
        var ip = new Option<string?>("--ip") { Description = "The address of the request.", HelpName = "ADDRESS" };
        var service = new Option<string?>("--service") { Description = "The service that the token is for." };
        var signedInBy = new Option<string?>(
            "--signed-in-by") { Description = $"How the caller signed in: {string.Join(", ", SignIn.Kinds)}." };
        var at = new Option<string?>(
            "--at") { Description = "The time of the request, such as 2027-01-31 or 2027-01-31T18:00Z (default: now)." };
        var scope = new Argument<string>(
            "SCOPE") { Description = "The requested scope, such as repository:platform/api:pull,push; 'repository:' may be omitted." };
        var command = new Command(
            "explain",
            "Explain which rules decide a request. Conditions you do not specify are assumed to match.") { user, groups, ip, service,
                signedInBy, at, scope };
        command.SetAction(parsed =>
        {
            var now = time.GetUtcNow();
            Scope? requested = null;
            var problem = Check(parsed.GetValue(ip), parsed.GetValue(signedInBy), parsed.GetValue(at), ref now, out var address);
            if (problem is not null || !ScopeText.TryParseWithActions(parsed.GetRequiredValue(scope), out requested, out problem))
            {
                parsed.InvocationConfiguration.Error.WriteLine($"error: {problem}");
                return 1;
            }

            if (PolicyCommand.Load(parsed, shared.DirectoryOf(parsed), now) is not { } policy) return 1;
            var account = parsed.GetRequiredValue(user) is SignIn.Anonymous ? "" : parsed.GetRequiredValue(user);
            if (Robot.NameIn(account) is { } name
                && RobotsReader.Problem(new Subject(SubjectKind.Robot, name), policy.Robots) is { } undeclared)
            {
                parsed.InvocationConfiguration.Error.WriteLine($"error: {undeclared}");
                return 1;
            }

            var way = account.Length == 0
                ? SignIn.Anonymous
                : parsed.GetValue(signedInBy) ?? (Subject.IsRobot(account) ? SignIn.Token : null);
            IReadOnlyList<string> given = parsed.GetRequiredValue(groups);
            if (given.FirstOrDefault(
                g => g.StartsWith("ldap:", StringComparison.OrdinalIgnoreCase) && GroupName.Problem(g[5..]) is not null) is { } unreadable)
            {
                parsed.InvocationConfiguration.Error.WriteLine($"error: --group: '{unreadable}': {GroupName.Problem(unreadable[5..])}");
                return 1;
            }

            if (given.Count == 0
                && account.Length > 0
                && !account.Contains(':')
                && PolicyGroupsCommand.Named(policy, SubjectKind.Ldap).Any())
            {
                (given, var note) = AccountGroups.Find(account, ldap(parsed), time);
                parsed.InvocationConfiguration.Error.WriteLine($"note: {note}");
            }

            var caller = new CallerSubjects(account, given, policy.Groups, way is SignIn.Ldap);
            var circumstances = new RequestConditions(address, parsed.GetValue(service), way, now, UnknownIsMet: true);
            var decision = policy.Decide(caller, circumstances, requested);
            var nearest = decision.Refused.IsEmpty
                ? []
                : NearMiss.Find(policy, caller, circumstances, requested with { Actions = decision.Refused });
            if (parsed.GetValue(shared.Json)) PolicyCommand.WriteJson(parsed, AsJson(decision, given, nearest));
            else
            {
                var output = parsed.InvocationConfiguration.Output;
                foreach (var line in DecisionText.Explain(decision, account, nearest)) output.WriteLine(line);
            }

            return 0;
        });
        return command;
    }

    private static string? Check(string? ip, string? signedInBy, string? at, ref DateTimeOffset now, out IPAddress? address)
    {
        address = null;
        if (ip is not null && !CidrParser.TryParseAddress(ip, out address)) return $"--ip: '{ip}' is not an address";
        if (signedInBy is not null && !SignIn.Kinds.Contains(signedInBy))
        {
            return $"--signed-in-by: '{signedInBy}' is not a sign-in method{Hosting.Yaml.Suggestion.For(signedInBy, SignIn.Kinds)}";
        }

        return at is not null && PolicyDate.Parse(at, null, lastOfDay: false, out now) is { } problem ? $"--at: {problem}" : null;
    }

    private static object AsJson(Decision decision, IReadOnlyList<string> groups, IReadOnlyList<NearMiss> nearest) => new
    {
        requested = decision.Requested.ToString(),
        groups,
        granted = decision.Granted.Actions.Words,
        refused = decision.Refused.Words,
        decision.Reason,
        allowedBy = decision.AllowedBy.Select(AsJson),
        deniedBy = decision.DeniedBy.Select(AsJson),
        nearest = nearest.Select(n => new { rule = n.Rule.Id, n.Rule.At.File, n.Rule.At.Line, n.Lacks }),
    };

    private static object AsJson(Rule rule) =>
        new { rule = rule.Id, rule.At.File, rule.At.Line, actions = rule.Actions.Words, when = rule.When.ToString() };
}
