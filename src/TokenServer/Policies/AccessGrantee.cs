using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies;

/// <summary>A subject that a rule allows the requested action.</summary>
/// <param name="Who">The subject as rules name it, or the account that a placeholder or a group leads to.</param>
/// <param name="AllowedBy">The rule.</param>
/// <param name="DeniedBy">The deny rule that overrides it; null when there is none.</param>
internal sealed record AccessGrantee(string Who, Rule AllowedBy, Rule? DeniedBy)
{
    private const string Everybody = "anyone";
    private const string SignedIn = "authenticated";

    /// <summary>An account about which only its sign-in is known. It is not a path component, so no placeholder matches it.</summary>
    private const string Stranger = "?";

    /// <summary>Lists who may perform one action on one resource, subject by subject; members of local groups are listed by name.</summary>
    public static IReadOnlyList<AccessGrantee> Find(Policy policy, Scope scope, RequestConditions circumstances)
    {
        var found = new List<AccessGrantee>();
        foreach (var rule in policy.Rules)
        {
            if (rule.Effect != Effect.Allow
                || rule.Actions.Intersect(scope.Actions).IsEmpty
                || !rule.When.AreMet(circumstances, Effect.Allow))
            {
                continue;
            }

            foreach (var subject in rule.To)
            {
                foreach (var (who, account, groups) in Callers(policy, rule, subject, scope))
                {
                    if (IsOver(policy, account, circumstances)) continue;
                    var caller = new CallerSubjects(account, groups, policy.Groups, ignoresCase: false);
                    var its = Subject.IsRobot(account) ? circumstances with { SignedInBy = SignIn.Token } : circumstances;
                    if (!rule.AppliesTo(caller, its, scope)) continue;
                    var decision = policy.Decide(caller, its, scope);
                    found.Add(new AccessGrantee(who, rule, decision.Granted.Actions.IsEmpty ? decision.DeniedBy[0] : null));
                }
            }
        }

        // "anyone" says already what "authenticated" says of the same rule.
        var open = found.Where(h => h is { Who: Everybody, DeniedBy: null }).Select(h => h.AllowedBy).ToHashSet();
        return [
            .. found.Where(h => h is not { Who: SignedIn, DeniedBy: null } || !open.Contains(h.AllowedBy))
                .DistinctBy(h => (h.Who, h.AllowedBy.Id)).OrderBy(h => h.Who, StringComparer.Ordinal)];
    }

    private static bool IsOver(Policy policy, string account, RequestConditions circumstances) =>
        Robot.NameIn(account) is { } name && policy.Robots.TryGetValue(name, out var robot) && robot.Until <= circumstances.Now;

    // Callers that stand for all that a subject of a rule can be: with a placeholder in the pattern, those whose names fit it.
    private static IEnumerable<(string Who, string Account, string[] Groups)> Callers(
        Policy policy, Rule rule, Subject subject, Scope scope)
    {
        var someone = rule.On.Any(p => p.NamesAccount) ? Components(scope.Name).Prepend(Stranger) : [Stranger];
        var someGroup = rule.On.Any(p => p.NamesGroup) ? Components(scope.Name).Select(g => (string[])["ldap:" + g]).Prepend([]) : [[]];
        switch (subject.Kind)
        {
            case SubjectKind.Anyone:
                yield return (Everybody, "", []);
                goto case SubjectKind.Authenticated;
            case SubjectKind.Authenticated:
                foreach (var account in someone)
                {
                    foreach (var groups in someGroup)
                    {
                        var who = account != Stranger ? "user:" + account : groups is [var group] ? $"the members of {group}" : SignedIn;
                        yield return (who, account, groups);
                    }
                }

                break;
            case SubjectKind.User or SubjectKind.Robot or SubjectKind.Certificate or SubjectKind.Spiffe:
                foreach (var groups in someGroup)
                {
                    yield return (subject.Key, subject.Kind == SubjectKind.User ? subject.Name : subject.Key, groups);
                }

                break;
            case SubjectKind.Ldap:
                foreach (var account in someone)
                {
                    yield return (account == Stranger ? subject.Key : $"user:{account} in {subject.Key}", account, [subject.Key]);
                }

                break;
            default:
                foreach (var member in policy.Groups.AllMembersOf(subject.Name))
                {
                    foreach (var caller in Callers(policy, rule, member, scope))
                    {
                        yield return (member.Kind == SubjectKind.Ldap
                            ? caller.Who
                            : $"{caller.Who} (in {subject.Key})", caller.Account, caller.Groups);
                    }
                }

                break;
        }
    }

    private static IEnumerable<string> Components(string name) =>
        from segment in name.Split('/')
        from start in Enumerable.Range(0, segment.Length)
        from length in Enumerable.Range(1, segment.Length - start)
        let part = segment.Substring(start, length)
        where RepositoryName.IsComponent(part)
        select part;
}
