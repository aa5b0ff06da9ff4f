using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Comparison;

/// <summary>
/// Compares two policies by what they grant, at the boundary cases of their own rules: the callers and conditions that rules name,
/// those just beyond them, and resources made of their patterns. Only a rule that is not in both can change a decision, so only
/// cases that such a rule is about are tried. Their number grows with rules times callers times patterns; it is bounded, and what
/// does not fit is counted.
/// </summary>
internal sealed class PolicyComparison
{
    /// <summary>
    /// The most work for one comparison, in resources looked at; a decision counts as <see cref="DecisionCost"/> of them.
    /// </summary>
    public const long MaxWork = 10_000_000;

    private const int DecisionCost = 20;
    private const string Sample = "sample";
    private const string Stranger = "somebody-else";
    private const int MaxPrefixes = 500;

    private readonly Side before;
    private readonly Side after;
    private readonly List<ResourcePattern> patterns;
    private readonly ILookup<string, ResourcePattern> byPrefix;
    private readonly List<string> prefixes;
    private readonly List<TriedCaller> callers;

    private PolicyComparison(Policy before, Policy after)
    {
        var rules = before.Rules.Concat(after.Rules).ToList();
        patterns = [.. rules.SelectMany(r => r.On).DistinctBy(p => p.ToString()).OrderBy(p => p.LiteralPrefix, StringComparer.Ordinal)];
        byPrefix = patterns.ToLookup(p => p.LiteralPrefix, StringComparer.Ordinal);
        prefixes = [
            .. rules.SelectMany(r => r.On).Select(p => p.LiteralPrefix.TrimEnd('/')).Where(p => RepositoryName.TryParse(p, out _))
                .Prepend(Sample).Distinct(StringComparer.Ordinal).Take(MaxPrefixes)];
        callers = [.. Callers(before, after, rules)];
        this.before = new Side(before, callers);
        this.after = new Side(after, callers);
    }

    /// <summary>Compares the policies; samples the cases beyond <see cref="MaxWork"/>.</summary>
    public static PolicyChanges Compare(Policy before, Policy after)
    {
        var comparison = new PolicyComparison(before, after);
        var removed = comparison.before.RulesNotIn(comparison.after);
        var added = comparison.after.RulesNotIn(comparison.before);
        var changed = removed.Select(r => (Rule: r, Side: comparison.before)).Concat(added.Select(r => (Rule: r, Side: comparison.after)))
            .ToList();

        var changes = new List<GrantChange>();
        var (left, sampled) = (MaxWork, 0);
        for (var i = 0; i < changed.Count; i++)
        {
            // What earlier rules did not need is left to later ones.
            var share = Math.Max(1, left / (changed.Count - i));
            var used = comparison.Around(changed[i].Rule, changed[i].Side, share, changes, out var complete);
            left -= used;
            if (!complete) sampled++;
        }

        return new PolicyChanges(
            [
                .. changes.DistinctBy(c => (c.Who, c.Pattern, c.Gained, c.Lost, c.Circumstances))
                    .OrderBy(c => c.Who, StringComparer.Ordinal).ThenBy(c => c.Pattern, StringComparer.Ordinal),
            ],
            changed.Count,
            sampled,
            MaxWork - left);
    }

    // Tries the cases of one rule until its share of the work is used up, some with each caller. Gives the work done.
    private long Around(Rule rule, Side of, long share, List<GrantChange> changes, out bool complete)
    {
        complete = true;
        var (whom, most) = of.CallersOf(rule);
        var perCaller = Math.Max(1, share / Math.Max(1, most));
        long used = 0;
        foreach (var caller in whom)
        {
            if (used >= share)
            {
                complete = false;
                break;
            }

            long mine = 0;
            var subjects = of.Subjects(caller);
            foreach (var (pattern, scope) in Resources(rule, subjects))
            {
                if (mine >= perCaller)
                {
                    complete = false;
                    break;
                }

                mine++;
                if (!rule.IsOn(subjects, scope)) continue;
                if (Change(caller, pattern, scope, perCaller, ref mine, ref complete) is { } change) changes.Add(change);
            }

            used += mine;
        }

        return used;
    }

    private GrantChange? Change(TriedCaller caller, ResourcePattern pattern, Scope scope, long limit, ref long work, ref bool complete)
    {
        var (first, second) = (before.Subjects(caller), after.Subjects(caller));
        List<(string Words, ActionSet Gained, ActionSet Lost)> found = [];
        var rules = before.Policy.FindOn(first, scope).Concat(after.Policy.FindOn(second, scope)).ToList();
        var tried = 0;
        foreach (var (words, circumstances) in Boundaries(rules, caller.Account))
        {
            // The first decision, without circumstances, is always made.
            if (tried++ > 0 && work >= limit)
            {
                complete = false;
                break;
            }

            work += DecisionCost + rules.Count;
            var (had, has) =
                (before.Policy.Decide(first, circumstances, scope).Granted.Actions, after.Policy.Decide(
                    second, circumstances, scope).Granted.Actions);
            if (had != has) found.Add((words, has.Except(had), had.Except(has)));
        }

        if (found.Count == 0) return null;
        var (gained, lost) = found.Aggregate(
            (ActionSet.None, ActionSet.None), (all, f) => (all.Item1.Union(f.Gained), all.Item2.Union(f.Lost)));
        var always = found.Exists(f => f.Words.Length == 0);
        return new GrantChange(
            caller.Who, pattern.ToString(), scope.Name, gained, lost, always ? "" : string.Join("; ", found.Select(f => f.Words)));
    }

    // One thing known at a time; what is not known counts as each rule asks for it.
    private static IEnumerable<(string Words, RequestConditions Circumstances)> Boundaries(List<Rule> rules, string account)
    {
        var when = rules.Select(r => r.When).Where(w => !w.IsEmpty).ToList();
        var nothing = account.Length == 0 ? RequestConditions.Unknown with { SignedInBy = SignIn.Anonymous } : RequestConditions.Unknown;
        yield return ("", nothing);

        var networks = when.SelectMany(w => w.Ip).Distinct().ToList();
        foreach (var address in networks.SelectMany(Edges).Distinct()) yield return ($"from {address}", nothing with { Address = address });

        var services = when.SelectMany(w => w.Service).Distinct(StringComparer.Ordinal).ToList();
        foreach (var service in services.Count > 0 ? services.Append("another-service") : [])
        {
            yield return ($"for the service {service}", nothing with { Service = service });
        }

        if (account.Length > 0 && when.Exists(w => w.SignedInBy.Count > 0))
        {
            foreach (var way in SignIn.Kinds.Where(k => k != SignIn.Anonymous))
            {
                yield return ($"signed in by {way}", nothing with { SignedInBy = way });
            }
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

    private IEnumerable<(ResourcePattern Pattern, Scope Scope)> Resources(Rule rule, CallerSubjects caller)
    {
        foreach (var pattern in Related(rule))
        {
            // A pattern that begins with a wildcard meets those that begin with a name; any other is tried one and two levels deep.
            var acrosses = pattern.LiteralPrefix.Length == 0 ? prefixes.Append($"{Sample}/{Sample}") : [Sample, $"{Sample}/{Sample}"];
            var names =
                from across in acrosses
                from account in pattern.NamesAccount && RepositoryName.IsComponent(caller.Account)
                ? new[] { caller.Account, Sample }
                : [Sample]
                from @group in pattern.NamesGroup ? caller.GroupNames.Where(g => RepositoryName.IsComponent(g)).Append(Sample) : [Sample]
                select pattern.Instance(Sample, across, account, @group);
            foreach (var name in names.Distinct(StringComparer.Ordinal))
            {
                yield return (pattern, new Scope(pattern.Type, name, ActionSet.All));
            }
        }
    }

    // The patterns whose names a rule can match, its own first: one of the two beginnings begins with the other.
    private IEnumerable<ResourcePattern> Related(Rule rule)
    {
        var seen = new HashSet<ResourcePattern>(ReferenceEqualityComparer.Instance);
        foreach (var own in rule.On)
        {
            foreach (var pattern in byPrefix[own.LiteralPrefix])
            {
                if (seen.Add(pattern)) yield return pattern;
            }
        }

        foreach (var beginning in rule.On.Select(p => p.LiteralPrefix))
        {
            for (var length = beginning.Length - 1; length >= 0; length--)
            {
                foreach (var pattern in byPrefix[beginning[..length]])
                {
                    if (seen.Add(pattern)) yield return pattern;
                }
            }

            for (var i = FirstAtOrAfter(beginning); i < patterns.Count
                && patterns[i].LiteralPrefix.StartsWith(beginning, StringComparison.Ordinal); i++)
            {
                if (seen.Add(patterns[i])) yield return patterns[i];
            }
        }
    }

    private int FirstAtOrAfter(string beginning)
    {
        var (from, to) = (0, patterns.Count);
        while (from < to)
        {
            var middle = (from + to) / 2;
            if (string.CompareOrdinal(patterns[middle].LiteralPrefix, beginning) < 0) from = middle + 1;
            else to = middle;
        }

        return from;
    }

    private static IEnumerable<TriedCaller> Callers(Policy before, Policy after, List<Rule> rules)
    {
        yield return new TriedCaller(0, "anonymous callers", "", []);
        yield return new TriedCaller(1, "everybody else who signed in", Stranger, []);
        var number = 2;
        var named = rules.SelectMany(r => r.To.Concat(r.Except)).DistinctBy(s => s.Key).ToList();
        var members = named.Where(s => s.Kind == SubjectKind.Group)
            .SelectMany(s => before.Groups.AllMembersOf(s.Name).Concat(after.Groups.AllMembersOf(s.Name)));
        foreach (var subject in named.Concat(members).DistinctBy(s => s.Key))
        {
            if (subject.Kind == SubjectKind.User) yield return new TriedCaller(number++, subject.Name, subject.Name, []);
            else if (subject.Kind is SubjectKind.Robot or SubjectKind.Certificate or SubjectKind.Spiffe)
            {
                yield return new TriedCaller(number++, subject.Key, subject.Key, []);
            }
            else if (subject.Kind == SubjectKind.Ldap)
            {
                yield return new TriedCaller(number++, $"the members of {subject.Key}", Stranger, [subject.Key]);
            }
        }
    }

    /// <summary>One caller as whom both policies are asked.</summary>
    /// <param name="Number">Its place in the list.</param>
    /// <param name="Who">Its name in the answer.</param>
    /// <param name="Account">Its account; "" for an anonymous one.</param>
    /// <param name="Groups">The directory's groups that it is in.</param>
    private sealed record TriedCaller(int Number, string Who, string Account, string[] Groups);

    /// <summary>One of the two policies, with what its groups make of every caller.</summary>
    private sealed class Side
    {
        private readonly List<TriedCaller> callers;
        private readonly CallerSubjects[] subjects;
        private readonly ILookup<string, TriedCaller> bySubject;
        private readonly Dictionary<string, string> members = new(StringComparer.Ordinal);
        private readonly HashSet<string> meanings;

        public Side(Policy policy, List<TriedCaller> callers)
        {
            Policy = policy;
            this.callers = callers;
            subjects = [.. callers.Select(c => new CallerSubjects(c.Account, c.Groups, policy.Groups, ignoresCase: false))];
            bySubject = callers.SelectMany(c => subjects[c.Number].Keys, (caller, key) => (caller, key))
                .ToLookup(p => p.key, p => p.caller, StringComparer.Ordinal);
            meanings = policy.Rules.Select(Meaning).ToHashSet(StringComparer.Ordinal);
        }

        public Policy Policy { get; }

        public CallerSubjects Subjects(TriedCaller caller) => subjects[caller.Number];

        public IEnumerable<Rule> RulesNotIn(Side other) => Policy.Rules.Where(r => !other.meanings.Contains(Meaning(r)));

        // Those whom the rule is about, and how many they are at most: nobody in particular first, then those whom it spares, then
        // all others. Not made into a list: there are as many as the policies name, for each of as many rules.
        public (IEnumerable<TriedCaller> Callers, int Most) CallersOf(Rule rule)
        {
            if (rule.To.Contains(Subject.Anyone) || rule.To.Contains(Subject.Authenticated))
            {
                var spared = rule.Except.SelectMany(s => bySubject[s.Key]);
                return (callers.Take(2).Concat(spared).Concat(callers).DistinctBy(c => c.Number)
                    .Where(c => Subjects(c).IsAmong(rule.To)), callers.Count);
            }

            var named = rule.To.SelectMany(s => bySubject[s.Key]).DistinctBy(c => c.Number).ToList();
            return (named, named.Count);
        }

        // What a rule says, whatever its name; its groups by their members, since those can change without the rule.
        private string Meaning(Rule rule) => string.Join(
            '|', rule.Effect, rule.Actions, Words(rule.To), Words(rule.Except),
            string.Join(' ', rule.On.Select(p => p.ToString()).Order(StringComparer.Ordinal)), rule.When);

        private string Words(IEnumerable<Subject> of) =>
            string.Join(' ', of.Select(s => s.Kind == SubjectKind.Group ? Members(s) : s.Key).Order(StringComparer.Ordinal));

        private string Members(Subject group)
        {
            if (members.TryGetValue(group.Key, out var known)) return known;
            var all = string.Join(' ', Policy.Groups.AllMembersOf(group.Name).Select(s => s.Key).Order(StringComparer.Ordinal));
            return members[group.Key] = $"{group.Key}={Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(all)))}";
        }
    }
}
