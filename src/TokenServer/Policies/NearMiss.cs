using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies;

/// <summary>A rule that would have allowed a refused action, and why it did not apply.</summary>
/// <param name="Rule">The rule.</param>
/// <param name="Lacks">The unmet conditions, each as text.</param>
internal sealed record NearMiss(Rule Rule, IReadOnlyList<string> Lacks)
{
    private const int MaxFound = 5;

    /// <summary>
    /// The nearest rules: those that fit the resource first, then those that fit the caller and name a neighbouring resource.
    /// </summary>
    /// <param name="policy">The policy.</param>
    /// <param name="caller">Who asked.</param>
    /// <param name="circumstances">The circumstances.</param>
    /// <param name="refused">The resource with the refused actions.</param>
    public static IReadOnlyList<NearMiss> Find(Policy policy, CallerSubjects caller, RequestConditions circumstances, Scope refused) =>
        (from rule in policy.Rules
         where rule.Effect == Effect.Allow
         && !rule.Actions.Intersect(refused.Actions).IsEmpty
         && !rule.AppliesTo(caller, circumstances, refused)
         let isOn = rule.IsOn(caller, refused)
         let isTo = caller.IsAmong(rule.To)
         let shared = rule.On.Where(p => p.Type == refused.Type).Select(p => SharedLength(p.LiteralPrefix, refused.Name)).DefaultIfEmpty(0)
         .Max()
         where isOn || (isTo && shared > 0)
         let lacks = Lacking(rule, caller, circumstances, isTo, isOn)
         orderby isOn descending, lacks.Count, shared descending
         select new NearMiss(rule, lacks)).Take(MaxFound).ToList();

    private static List<string> Lacking(Rule rule, CallerSubjects caller, RequestConditions circumstances, bool isTo, bool isOn)
    {
        List<string> lacks = [];
        if (!isTo) lacks.Add($"the caller is not {string.Join(" or ", rule.To)}");
        if (caller.IsAmong(rule.Except)) lacks.Add($"it excepts {string.Join(", ", rule.Except.Where(s => caller.IsAmong([s])))}");
        if (!isOn) lacks.Add($"it applies to {string.Join(" or ", rule.On)}");
        lacks.AddRange(rule.When.Unmet(circumstances, Effect.Allow));
        return lacks;
    }

    private static int SharedLength(string prefix, string name)
    {
        // Whole segments count; that two names begin with the same letter says nothing.
        var length = prefix.AsSpan().CommonPrefixLength(name);
        return prefix.AsSpan(0, length).LastIndexOf('/') + 1;
    }
}
