using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies;

/// <summary>The sentence that explains a refusal to the caller.</summary>
internal static class RefusalReason
{
    public static string For(Scope requested, ActionSet refused, string account, ActionSet allowed, IReadOnlyList<Rule> deniedBy)
    {
        // A deny rule is the firmer reason: with it, no further allow rule would help.
        var denied = ActionSet.None;
        List<string> parts = [];
        foreach (var rule in deniedBy)
        {
            var actions = Describe(refused, rule.Actions);
            if (actions.Except(denied).IsEmpty) continue;
            parts.Add($"rule '{rule.Id}' denies {(actions.HoldsAll ? "every action" : string.Join(" and ", actions.Words))}");
            denied = denied.Union(actions);
        }

        var missing = refused.Except(denied).Except(allowed);
        if (!missing.IsEmpty)
        {
            var who = account.Length == 0 ? "anonymous callers" : account;
            var hint = account.Length == 0 ? "; sign in with docker login" : "";
            parts.Add($"no rule allows {who} {Doing(missing, requested)}{hint}");
        }

        return string.Join("; ", parts);
    }

    // Of a request for "*" a deny rule takes what it names; of a request for names, a deny of "*" takes those names.
    private static ActionSet Describe(ActionSet refused, ActionSet byRule) => refused.HoldsAll ? byRule : refused.Intersect(byRule);

    private static string Doing(ActionSet actions, Scope on)
    {
        var name = on.Type == Scope.RepositoryType ? on.Name : $"{on.Type}:{on.Name}";
        if (on.Type == Scope.RegistryType && on.Name == Scope.Catalog.Name) return "to list the repositories of the registry";
        if (actions.HoldsAll) return $"every action on {name}";

        List<string> verbs = [];
        if (actions.Covers(ActionSet.Pull)) verbs.Add("pull");
        if (actions.Covers(ActionSet.Push)) verbs.Add("push to");
        if (actions.Covers(ActionSet.Delete)) verbs.Add("delete from");
        return $"to {string.Join(" or ", verbs)} {name}";
    }
}
