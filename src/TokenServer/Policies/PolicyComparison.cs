using System.Globalization;
using System.Net;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies;

/// <summary>
/// Compares two policies by what they grant, at the boundary cases of their own rules: the callers and conditions that rules name,
/// those just beyond them, and resources made of their patterns. Only a rule that is not in both can change a decision, so only
/// cases that such a rule is about are tried.
/// </summary>
internal sealed class PolicyComparison
{
    private const string Sample = "sample";
    private const string Stranger = "somebody-else";
    private const int MaxPrefixes = 500;

    private readonly Policy before;
    private readonly Policy after;
    private readonly List<ResourcePattern> patterns;
    private readonly List<string> prefixes;
    private readonly List<(string Who, string Account, string[] Groups)> callers;

    private PolicyComparison(Policy before, Policy after)
    {
        this.before = before;
        this.after = after;
        var rules = before.Rules.Concat(after.Rules).ToList();
        patterns = [.. rules.SelectMany(r => r.On).DistinctBy(p => p.ToString())];
        prefixes = [.. patterns.Select(p => p.LiteralPrefix.TrimEnd('/')).Where(p => RepositoryName.TryParse(p, out _)).Prepend(Sample).Distinct(StringComparer.Ordinal).Take(MaxPrefixes)];
        callers = [.. Callers(rules)];
    }

    /// <summary>The changes, ordered by caller and pattern.</summary>
    public static IReadOnlyList<GrantChange> Compare(Policy before, Policy after)
    {
        var comparison = new PolicyComparison(before, after);
        var known = before.Rules.Select(r => Meaning(r, before)).ToHashSet(StringComparer.Ordinal);
        var kept = after.Rules.Select(r => Meaning(r, after)).ToHashSet(StringComparer.Ordinal);
        var removed = before.Rules.Where(r => !kept.Contains(Meaning(r, before))).Select(r => (Rule: r, Policy: before));
        var added = after.Rules.Where(r => !known.Contains(Meaning(r, after))).Select(r => (Rule: r, Policy: after));
        return
        [
            .. removed.Concat(added).SelectMany(c => comparison.Around(c.Rule, c.Policy))
                .DistinctBy(c => (c.Who, c.Pattern, c.Gained, c.Lost, c.Circumstances))
                .OrderBy(c => c.Who, StringComparer.Ordinal).ThenBy(c => c.Pattern, StringComparer.Ordinal),
        ];
    }

    // What a rule says, whatever its name; its groups by their members, since those can change without the rule.
    private static string Meaning(Rule rule, Policy policy)
    {
        return string.Join('|', rule.Effect, rule.Actions, Members(rule.To), Members(rule.Except), string.Join(' ', rule.On.Select(p => p.ToString()).Order(StringComparer.Ordinal)), rule.When);

        string Members(IEnumerable<Subject> subjects) =>
            string.Join(' ', subjects.SelectMany(s => s.Kind == SubjectKind.Group ? policy.Groups.AllMembersOf(s.Name).Append(s) : [s]).Select(s => s.Key).Order(StringComparer.Ordinal));
    }

    private IEnumerable<GrantChange> Around(Rule rule, Policy of)
    {
        foreach (var (who, account, groups) in callers)
        {
            var subjects = new CallerSubjects(account, groups, of.Groups);
            if (!subjects.IsAmong(rule.To)) continue;
            foreach (var (pattern, scope) in Resources(subjects))
            {
                if (rule.IsOn(subjects, scope) && Change(who, account, groups, pattern, scope) is { } change) yield return change;
            }
        }
    }

    private GrantChange? Change(string who, string account, string[] groups, ResourcePattern pattern, Scope scope)
    {
        var first = new CallerSubjects(account, groups, before.Groups);
        var second = new CallerSubjects(account, groups, after.Groups);
        List<(string Words, ActionSet Gained, ActionSet Lost)> found = [];
        foreach (var (words, circumstances) in Boundaries(before.FindOn(first, scope).Concat(after.FindOn(second, scope)), account))
        {
            var (had, has) = (before.Decide(first, circumstances, scope).Granted.Actions, after.Decide(second, circumstances, scope).Granted.Actions);
            if (had != has) found.Add((words, has.Except(had), had.Except(has)));
        }

        if (found.Count == 0) return null;
        var (gained, lost) = found.Aggregate((ActionSet.None, ActionSet.None), (all, f) => (all.Item1.Union(f.Gained), all.Item2.Union(f.Lost)));
        var always = found.Exists(f => f.Words.Length == 0);
        return new GrantChange(who, pattern.ToString(), scope.Name, gained, lost, always ? "" : string.Join("; ", found.Select(f => f.Words)));
    }

    // One thing known at a time; what is not known counts as each rule asks for it.
    private static IEnumerable<(string Words, Circumstances Circumstances)> Boundaries(IEnumerable<Rule> rules, string account)
    {
        var when = rules.Select(r => r.When).Where(w => !w.IsEmpty).ToList();
        var nothing = account.Length == 0 ? Circumstances.Unknown with { SignedInBy = SignIn.Anonymous } : Circumstances.Unknown;
        yield return ("", nothing);

        var networks = when.SelectMany(w => w.Ip).Distinct().ToList();
        foreach (var address in networks.SelectMany(Edges).Distinct()) yield return ($"from {address}", nothing with { Address = address });

        var services = when.SelectMany(w => w.Service).Distinct(StringComparer.Ordinal).ToList();
        foreach (var service in services.Count > 0 ? services.Append("another-service") : []) yield return ($"for the service {service}", nothing with { Service = service });

        if (account.Length > 0 && when.Exists(w => w.SignedInBy.Count > 0))
        {
            foreach (var way in SignIn.Kinds.Where(k => k != SignIn.Anonymous)) yield return ($"signed in by {way}", nothing with { SignedInBy = way });
        }

        foreach (var time in when.SelectMany(w => new[] { w.From, w.Until }).OfType<DateTimeOffset>().Distinct().Order())
        {
            yield return ($"just before {Text(time)}", nothing with { Now = time.AddSeconds(-1) });
            yield return ($"at {Text(time)}", nothing with { Now = time });
        }
    }

    private static string Text(DateTimeOffset time) => time.ToString("yyyy-MM-dd HH:mm:ss zzz", CultureInfo.InvariantCulture);

    // The first and the last address of a network and the addresses beside them.
    private static IEnumerable<IPAddress> Edges(IPNetwork network)
    {
        var first = network.BaseAddress.GetAddressBytes();
        var last = network.BaseAddress.GetAddressBytes();
        for (var bit = network.PrefixLength; bit < last.Length * 8; bit++) last[bit / 8] |= (byte)(0x80 >> (bit % 8));
        yield return new IPAddress(first);
        yield return new IPAddress(last);
        if (Step(first, -1) is { } below) yield return below;
        if (Step(last, 1) is { } above) yield return above;
    }

    private static IPAddress? Step(byte[] address, int by)
    {
        for (var i = address.Length - 1; i >= 0; i--)
        {
            var (wraps, next) = by > 0 ? (address[i] == 255, address[i] + 1) : (address[i] == 0, address[i] - 1);
            address[i] = (byte)next;
            if (!wraps) return new IPAddress(address);
        }

        return null;
    }

    private IEnumerable<(ResourcePattern Pattern, Scope Scope)> Resources(CallerSubjects caller)
    {
        foreach (var pattern in patterns)
        {
            // A pattern that begins with a wildcard meets those that begin with a name; any other is tried one and two levels deep.
            var acrosses = pattern.LiteralPrefix.Length == 0 ? prefixes.Append($"{Sample}/{Sample}") : [Sample, $"{Sample}/{Sample}"];
            var names =
                from across in acrosses
                from account in pattern.NamesAccount && RepositoryName.IsComponent(caller.Account) ? new[] { caller.Account, Sample } : [Sample]
                from @group in pattern.NamesGroup ? caller.GroupNames.Where(g => RepositoryName.IsComponent(g)).Append(Sample) : [Sample]
                select pattern.Instance(Sample, across, account, @group);
            foreach (var name in names.Distinct(StringComparer.Ordinal)) yield return (pattern, new Scope(pattern.Type, name, ActionSet.All));
        }
    }

    private IEnumerable<(string Who, string Account, string[] Groups)> Callers(List<Rule> rules)
    {
        yield return ("anonymous callers", "", []);
        yield return ("everybody else who signed in", Stranger, []);
        var named = rules.SelectMany(r => r.To.Concat(r.Except)).ToList();
        var members = named.Where(s => s.Kind == SubjectKind.Group).SelectMany(s => before.Groups.AllMembersOf(s.Name).Concat(after.Groups.AllMembersOf(s.Name)));
        foreach (var subject in named.Concat(members).DistinctBy(s => s.Key))
        {
            if (subject.Kind == SubjectKind.User) yield return (subject.Name, subject.Name, []);
            else if (subject.Kind is SubjectKind.Robot or SubjectKind.Certificate or SubjectKind.Spiffe) yield return (subject.Key, subject.Key, []);
            else if (subject.Kind == SubjectKind.Ldap) yield return ($"the members of {subject.Key}", Stranger, [subject.Key]);
        }
    }
}
