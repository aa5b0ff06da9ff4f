using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>
/// Finds well-formed rules that cannot be intended: those that never match or never matter. Reports only certain cases, in time
/// proportional to the number of rules.
/// </summary>
internal sealed class PolicyLint
{
    private readonly GroupDirectory groups;
    private readonly ICollection<SourceProblem> problems;

    // Rules without exceptions and conditions, by what they surely cover: effect, subject and subtree (or pattern).
    private readonly Dictionary<(Effect Effect, string Subject, string Pattern), List<Rule>> sweeping = [];

    // Subjects and patterns of rules that allow to pull, whatever their exceptions and conditions.
    private readonly HashSet<(string Subject, string Pattern)> pulling = [];

    private PolicyLint(GroupDirectory groups, ICollection<SourceProblem> problems)
    {
        this.groups = groups;
        this.problems = problems;
    }

    /// <summary>Adds what is found to the problems.</summary>
    public static void Check(
        IReadOnlyList<Rule> rules, GroupDirectory groups, IReadOnlyDictionary<string, SourcePosition> groupPlaces,
        ICollection<SourceProblem> problems)
    {
        var lint = new PolicyLint(groups, problems);
        foreach (var rule in rules) lint.Register(rule);
        foreach (var rule in rules) lint.Check(rule);
        lint.CheckUse(rules, groupPlaces);
    }

    private void Check(Rule rule)
    {
        CheckSubjects(rule);
        if (rule.Effect == Effect.Allow && rule.To.Contains(Subject.Anyone) && rule.Except.Count == 0 && rule.When.IsEmpty
            && rule.On.FirstOrDefault(p => p is { Glob: "**", Type: Scope.RepositoryType }) is not null
            && !rule.Actions.Except(ActionSet.Pull).IsEmpty)
        {
            Warn(rule, $"rule '{rule.Id}' lets everyone, including anonymous callers, {rule.Actions} every repository");
        }

        CheckActions(rule);
        if (rule.Effect == Effect.Allow && Covering(rule, Effect.Deny) is { } denying)
        {
            Warn(rule, $"rule '{rule.Id}' never grants anything: {denying} denies all of it");
        }
        else if (Covering(rule, rule.Effect) is { } same)
        {
            Warn(rule, $"rule '{rule.Id}' adds nothing: {same} already {(rule.Effect == Effect.Allow ? "allows" : "denies")} all of it");
        }
    }

    private void CheckSubjects(Rule rule)
    {
        foreach (var broad in new[] { Subject.Anyone, Subject.Authenticated })
        {
            if (rule.To.Contains(broad) && rule.To.FirstOrDefault(s => s != broad && s != Subject.Anyone) is { } narrow)
            {
                Warn(rule, $"rule '{rule.Id}': '{broad}' already covers '{narrow}'");
            }
        }

        if (rule.To.All(s => Parents(s).Any(rule.Except.Contains)))
        {
            Complain(rule, $"rule '{rule.Id}' can never match: 'except' removes everyone in 'to'");
        }

        if (rule.When.SignedInBy is [SignIn.Anonymous] && !rule.To.Contains(Subject.Anyone))
        {
            Complain(rule, $"rule '{rule.Id}' can never match: it applies to signed-in callers but requires them not to be signed in");
        }

        if (rule.When.SignedInBy.Count > 0 && !rule.When.SignedInBy.Contains(SignIn.Token) && rule.To.All(s => s.Kind == SubjectKind.Robot))
        {
            Complain(rule, $"rule '{rule.Id}' can never match: robots sign in by {SignIn.Token} only");
        }

        if (!rule.To.Contains(Subject.Anyone)
            && !rule.To.Contains(Subject.Authenticated)
            && rule.To.All(s => s.Kind == SubjectKind.Group && !Subject.IsOfIssuer(s.Name) && groups.AllMembersOf(s.Name).Count == 0))
        {
            Warn(rule, $"rule '{rule.Id}' matches nobody yet: {string.Join(", ", rule.To)} has no members");
        }
    }

    private void CheckActions(Rule rule)
    {
        if (!rule.Actions.HoldsAll && rule.On.FirstOrDefault(p => p.Type == Scope.RegistryType) is { } registry)
        {
            Warn(rule, $"rule '{rule.Id}': on {registry} only \"*\" has an effect, because clients request nothing else there");
        }

        if (rule.Effect == Effect.Deny || rule.Actions.Covers(ActionSet.Pull)) return;
        var lacking = rule.To.SelectMany(s => rule.On.Select(p => (Subject: s, Pattern: p)))
            .FirstOrDefault(
                c => c.Pattern.Type == Scope.RepositoryType
                && !Parents(c.Subject).Any(s => Covers(c.Pattern).Any(p => pulling.Contains((s.Key, p)))));
        if (lacking.Subject is null) return;
        Warn(
            rule,
            $"rule '{rule.Id}' lets {lacking.Subject} {rule.Actions} {lacking.Pattern}, but no rule lets "
            + $"{lacking.Subject} pull there: clients pull before they push or delete");
    }

    private void CheckUse(IReadOnlyList<Rule> rules, IReadOnlyDictionary<string, SourcePosition> places)
    {
        if (rules.Any(r => r.On.Any(p => p.NamesGroup))) return;
        var used = rules.SelectMany(r => r.To.Concat(r.Except)).Concat(groups.Names.SelectMany(groups.MembersOf))
            .Where(s => s.Kind == SubjectKind.Group).Select(s => s.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var name in groups.Names.Where(g => !used.Contains(g)))
        {
            problems.Add(new SourceProblem(places[name], $"no rule and no group uses the group '{name}'", IsWarning: true));
        }
    }

    private void Register(Rule rule)
    {
        if (rule.Effect == Effect.Allow && rule.Actions.Covers(ActionSet.Pull))
        {
            pulling.UnionWith(rule.To.SelectMany(s => rule.On.Select(p => (s.Key, p.ToString()))));
        }

        if (rule.Except.Count > 0 || !rule.When.IsEmpty) return;
        foreach (var subject in rule.To)
        {
            foreach (var pattern in rule.On)
            {
                var key = (rule.Effect, subject.Key, pattern.ToString());
                if (!sweeping.TryGetValue(key, out var list)) sweeping.Add(key, list = []);
                // One for each set of actions is enough to find a cover, and keeps the lists short.
                if (!list.Exists(r => r.Actions.Covers(rule.Actions) && r.On.Count >= rule.On.Count && r.To.Count >= rule.To.Count))
                {
                    list.Add(rule);
                }
            }
        }
    }

    // Another rule that, alone, says the same about every subject and pattern of this one.
    private Rule? Covering(Rule rule, Effect effect)
    {
        var first = rule.On[0];
        foreach (var subject in Parents(rule.To[0]))
        {
            foreach (var pattern in Covers(first))
            {
                if (!sweeping.TryGetValue((effect, subject.Key, pattern), out var list)) continue;
                if (list.Find(r => IsCovered(rule, r)) is { } cover) return cover;
            }
        }

        return null;
    }

    private bool IsCovered(Rule rule, Rule by)
    {
        if (ReferenceEquals(rule, by) || !by.Actions.Covers(rule.Actions)) return false;
        if (!rule.On.All(p => by.On.Any(c => c.SurelyCovers(p))) || !rule.To.All(s => Parents(s).Any(by.To.Contains))) return false;
        // Of two rules that say the same, only the later one is named.
        return by.Effect != rule.Effect || !IsCoveredBack(rule, by) || string.CompareOrdinal(by.Id, rule.Id) < 0;
    }

    private bool IsCoveredBack(Rule rule, Rule by) =>
        rule.Except.Count == 0 && rule.When.IsEmpty && rule.Actions.Covers(by.Actions)
        && by.On.All(p => rule.On.Any(c => c.SurelyCovers(p))) && by.To.All(s => Parents(s).Any(rule.To.Contains));

    // The subjects that hold everybody whom this one holds, itself first.
    private IEnumerable<Subject> Parents(Subject subject)
    {
        yield return subject;
        foreach (var group in groups.GroupsHolding(subject.Key)) yield return new Subject(SubjectKind.Group, group);
        if (subject.Kind is not (SubjectKind.Anyone or SubjectKind.Authenticated)) yield return Subject.Authenticated;
        if (subject.Kind != SubjectKind.Anyone) yield return Subject.Anyone;
    }

    // The texts of patterns that surely cover this one: itself, and the subtrees it lies in.
    private static IEnumerable<string> Covers(ResourcePattern pattern)
    {
        var type = pattern.Type == Scope.RepositoryType ? "" : pattern.Type + ":";
        yield return pattern.ToString();
        yield return type + "**";
        for (var slash = pattern.LiteralPrefix.IndexOf('/', StringComparison.Ordinal); slash >= 0; slash = pattern.LiteralPrefix.IndexOf(
            '/', slash + 1))
        {
            yield return $"{type}{pattern.LiteralPrefix[..(slash + 1)]}**";
        }
    }

    private void Complain(Rule rule, string message) => problems.Add(new SourceProblem(rule.At, message));

    private void Warn(Rule rule, string message) => problems.Add(new SourceProblem(rule.At, message, IsWarning: true));
}
