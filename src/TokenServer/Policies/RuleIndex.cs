using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies;

/// <summary>
/// Finds the rules that can match a request: by the caller's subjects first, then by the beginning of the resource's name that
/// a rule's patterns demand. Rules about other subjects or other names cost nothing.
/// </summary>
internal sealed class RuleIndex
{
    private readonly Dictionary<(string Subject, string Type), PrefixTable> tables = [];

    public RuleIndex(IEnumerable<Rule> rules)
    {
        foreach (var rule in rules)
        {
            foreach (var subject in rule.To)
            {
                foreach (var pattern in rule.On)
                {
                    Add(subject.Key, rule, pattern);
                    if (subject.AnyCaseKey is { } any) Add(any, rule, pattern);
                }
            }
        }
    }

    /// <summary>
    /// Adds to <paramref name="found"/> every rule about one of the caller's subjects with a pattern that matches the resource.
    /// </summary>
    /// <returns>How many patterns were tried: the work, which must not grow with rules about others.</returns>
    public int Find(CallerSubjects caller, Scope scope, HashSet<Rule> found)
    {
        var tried = 0;
        foreach (var key in caller.Keys)
        {
            if (tables.TryGetValue((key, scope.Type), out var table)) tried += table.Find(caller, scope.Name, found);
        }

        return tried;
    }

    /// <summary>Beginnings of names on a type, one of which every name has that any rule allows the caller anything on.</summary>
    public IEnumerable<string> AllowedPrefixes(CallerSubjects caller, string type) =>
        caller.Keys.SelectMany(key => tables.TryGetValue((key, type), out var table) ? table.AllowedPrefixes : []);

    private void Add(string subject, Rule rule, ResourcePattern pattern)
    {
        var key = (subject, pattern.Type);
        if (!tables.TryGetValue(key, out var table)) tables.Add(key, table = new PrefixTable());
        table.Add(rule, pattern);
    }

    /// <summary>The patterns of one subject's rules on one type, by their literal beginnings.</summary>
    private sealed class PrefixTable
    {
        private readonly Dictionary<string, List<(Rule Rule, ResourcePattern Pattern)>> byPrefix = new(StringComparer.Ordinal);
        private readonly List<int> lengths = [];

        public IEnumerable<string> AllowedPrefixes =>
            byPrefix.Where(p => p.Value.Exists(entry => entry.Rule.Effect == Effect.Allow)).Select(p => p.Key);

        public void Add(Rule rule, ResourcePattern pattern)
        {
            if (!byPrefix.TryGetValue(pattern.LiteralPrefix, out var list))
            {
                byPrefix.Add(pattern.LiteralPrefix, list = []);
                var place = lengths.BinarySearch(pattern.LiteralPrefix.Length);
                if (place < 0) lengths.Insert(~place, pattern.LiteralPrefix.Length);
            }

            list.Add((rule, pattern));
        }

        public int Find(CallerSubjects caller, string name, HashSet<Rule> found)
        {
            var tried = 0;
            var lookup = byPrefix.GetAlternateLookup<ReadOnlySpan<char>>();
            foreach (var length in lengths)
            {
                if (length > name.Length) break;
                if (!lookup.TryGetValue(name.AsSpan(0, length), out var list)) continue;
                foreach (var (rule, pattern) in list)
                {
                    tried++;
                    if (pattern.Matches(name, caller)) found.Add(rule);
                }
            }

            return tried;
        }
    }
}
