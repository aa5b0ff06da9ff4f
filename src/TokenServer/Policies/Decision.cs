using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies;

/// <summary>What the policy says to one request for one resource.</summary>
/// <param name="Requested">What was asked for.</param>
/// <param name="Granted">What the caller gets of it: never more than was asked for.</param>
/// <param name="Refused">The actions asked for and not granted.</param>
/// <param name="Reason">One sentence for the caller on why something is refused, null when nothing is; it names rules or their absence, never what exists.</param>
/// <param name="AllowedBy">The allow rules that apply, ordered by id.</param>
/// <param name="DeniedBy">The deny rules that apply, ordered by id.</param>
internal sealed record Decision(
    Scope Requested,
    Scope Granted,
    ActionSet Refused,
    string? Reason,
    IReadOnlyList<Rule> AllowedBy,
    IReadOnlyList<Rule> DeniedBy)
{
    private static readonly ActionSet EveryName = ActionSet.Pull.Union(ActionSet.Push).Union(ActionSet.Delete);

    /// <summary>The decision that follows from the rules that apply: everything that any of them allows, minus everything that any denies.</summary>
    public static Decision From(Scope requested, string account, IReadOnlyList<Rule> allowedBy, IReadOnlyList<Rule> deniedBy)
    {
        var allowed = UnionOf(allowedBy);
        var denied = UnionOf(deniedBy);
        var granted = requested.Grant(Subtract(allowed, denied));
        var refused = requested.Actions.Except(granted.Actions);
        var reason = refused.IsEmpty ? null : RefusalReason.For(requested, refused, account, allowed, deniedBy);
        return new Decision(requested, granted, refused, reason, allowedBy, deniedBy);
    }

    // "*" minus push is pull and delete: what is left is no longer every action, so the word itself must go.
    private static ActionSet Subtract(ActionSet allowed, ActionSet denied)
    {
        if (denied.IsEmpty) return allowed;
        return (allowed.HoldsAll ? EveryName : allowed).Except(denied);
    }

    private static ActionSet UnionOf(IReadOnlyList<Rule> rules)
    {
        var actions = ActionSet.None;
        foreach (var rule in rules) actions = actions.Union(rule.Actions);
        return actions;
    }
}
