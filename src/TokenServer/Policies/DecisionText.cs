namespace AuthIndex.TokenServer.Policies;

/// <summary>Explains a decision to administrators.</summary>
internal static class DecisionText
{
    /// <summary>The explanation, line by line.</summary>
    /// <param name="decision">The decision.</param>
    /// <param name="account">The account that asked; "" for an anonymous caller.</param>
    /// <param name="nearest">The rules that would have allowed what is refused.</param>
    public static IEnumerable<string> Explain(Decision decision, string account, IReadOnlyList<NearMiss> nearest)
    {
        var who = account.Length == 0 ? "anonymous callers" : account;
        yield return decision.Granted.Actions.IsEmpty
            ? $"{decision.Requested}: nothing is granted to {who}"
            : $"{decision.Requested}: {decision.Granted.Actions} granted to {who}";
        foreach (var rule in decision.AllowedBy) yield return $"  {rule} allows {rule.Actions}{Conditions(rule)}";
        foreach (var rule in decision.DeniedBy) yield return $"  {rule} denies {rule.Actions}{Conditions(rule)}";
        if (decision.Reason is null) yield break;

        yield return $"refused {decision.Refused}: {decision.Reason}";
        if (nearest.Count > 0) yield return "nearest rules:";
        foreach (var near in nearest) yield return $"  {near.Rule} would allow {near.Rule.Actions}, but {string.Join("; ", near.Lacks)}";
    }

    private static string Conditions(Rule rule) => rule.When.IsEmpty ? "" : $" ({rule.When})";
}
