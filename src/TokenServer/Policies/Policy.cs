using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies;

/// <summary>
/// A whole policy, checked and indexed; it is immutable, so that a request is decided by one policy from start to end. Whatever no rule
/// allows is denied. The order of rules and files never matters.
/// </summary>
internal sealed class Policy
{
    private readonly RuleIndex index;
    private readonly IReadOnlyList<Rule> groupDenials;

    public Policy(string revision, IEnumerable<Rule> rules, GroupDirectory groups, IReadOnlyList<PolicyTest> tests)
    {
        Revision = revision;
        Rules = [.. rules.OrderBy(r => r.Id, StringComparer.Ordinal)];
        Groups = groups;
        Tests = tests;
        index = new RuleIndex(Rules);
        groupDenials = [.. Rules.Where(r => r.Effect == Effect.Deny && (r.To.Any(s => s.IsGroup) || r.On.Any(p => p.NamesGroup)))];
    }

    /// <summary>A short hash of the content of all files.</summary>
    public string Revision { get; }

    /// <summary>The rules, ordered by id.</summary>
    public IReadOnlyList<Rule> Rules { get; }

    /// <summary>The groups that the policy files define.</summary>
    public GroupDirectory Groups { get; }

    /// <summary>The robots that the files declare, by name.</summary>
    public IReadOnlyDictionary<string, Robot> Robots { get; init; } = new Dictionary<string, Robot>();

    /// <summary>The tests that the files hold.</summary>
    public IReadOnlyList<PolicyTest> Tests { get; }

    /// <summary>The subjects of these files that a caller is.</summary>
    public CallerSubjects SubjectsOf(Caller caller) =>
        new(caller.Account, caller.Groups, Groups, caller.IgnoresCase) { AreGroupsUnknown = caller.AreGroupsUnknown };

    /// <summary>Decides a request. Pure: the same arguments always give the same decision.</summary>
    public Decision Decide(Caller caller, Scope requested, DateTimeOffset now) =>
        Decide(
            SubjectsOf(caller),
            new RequestConditions(caller.Address, caller.Service, caller.SignedInBy, now, UnknownIsMet: false),
            requested);

    /// <summary>Decides for a caller whose subjects are already known.</summary>
    public Decision Decide(CallerSubjects caller, RequestConditions circumstances, Scope requested)
    {
        List<Rule>? allowedBy = null;
        List<Rule>? deniedBy = null;
        List<Rule>? yetToDeny = null;
        foreach (var rule in FindOn(caller, requested))
        {
            if (!rule.AppliesTo(caller, circumstances, requested.Actions))
            {
                if (rule.WillDeny(caller, circumstances, requested.Actions)) (yetToDeny ??= []).Add(rule);
                continue;
            }

            if (rule.Effect == Effect.Allow) (allowedBy ??= []).Add(rule);
            else (deniedBy ??= []).Add(rule);
        }

        var decision = Decision.From(requested, caller.Account, Ordered(allowedBy), Ordered(deniedBy));
        return decision.Bounded(yetToDeny ?? (IReadOnlyList<Rule>)[]);
    }

    /// <summary>The rules about one of the caller's subjects and the resource, whatever their actions, exceptions and conditions.</summary>
    public IReadOnlyCollection<Rule> FindOn(CallerSubjects caller, Scope scope)
    {
        var found = new HashSet<Rule>(ReferenceEqualityComparer.Instance);
        index.Find(caller, scope, found);
        if (caller.AreGroupsUnknown) found.UnionWith(groupDenials.Where(r => r.MayDenyByGroup(caller, scope)));
        return found;
    }

    /// <summary>
    /// Where to look for repositories that the caller may do anything with: their names begin with one of these, which are in
    /// byte order and none of which begins with another. What lies there must still be decided name by name.
    /// </summary>
    public IReadOnlyList<string> RepositoryPrefixes(CallerSubjects caller)
    {
        var prefixes = new List<string>();
        foreach (var prefix in index.AllowedPrefixes(caller, Scope.RepositoryType).Order(StringComparer.Ordinal))
        {
            if (prefixes is not [.., var last] || !prefix.StartsWith(last, StringComparison.Ordinal)) prefixes.Add(prefix);
        }

        return prefixes;
    }

    private static List<Rule> Ordered(List<Rule>? rules)
    {
        if (rules is null) return [];
        if (rules.Count > 1) rules.Sort((a, b) => string.CompareOrdinal(a.Id, b.Id));
        return rules;
    }
}
