using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies;

/// <summary>What the policy says to one request for one resource.</summary>
/// <param name="Requested">What was asked for.</param>
/// <param name="Granted">What the caller gets of it: never more than was asked for.</param>
/// <param name="Refused">The actions asked for and not granted.</param>
/// <param name="Reason">One sentence for the caller on why something is refused, null when nothing is; it names rules or their absence,
/// never what exists.</param>
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
    /// <summary>
    /// When less will be granted, as far as the rules' dates tell: a rule that it rests on ends, or one that denies begins. Null when
    /// no date bounds it.
    /// </summary>
    public DateTimeOffset? Until { get; private init; }

    private static readonly ActionSet EveryName = ActionSet.Pull.Union(ActionSet.Push).Union(ActionSet.Delete);

    /// <summary>
    /// The decision that follows from the rules that apply: everything that any of them allows, minus everything that any denies.
    /// </summary>
    public static Decision From(Scope requested, string account, IReadOnlyList<Rule> allowedBy, IReadOnlyList<Rule> deniedBy)
    {
        var allowed = UnionOf(allowedBy);
        var denied = UnionOf(deniedBy);
        var granted = requested.Grant(Subtract(allowed, denied));
        var refused = requested.Actions.Except(granted.Actions);
        var reason = refused.IsEmpty ? null : RefusalReason.For(requested, refused, account, allowed, deniedBy);
        return new Decision(requested, granted, refused, reason, allowedBy, deniedBy);
    }

    /// <summary>The same decision, bounded by the dates of the rules.</summary>
    /// <param name="yetToDeny">The deny rules that would apply but for their <c>from</c>, which is to come.</param>
    public Decision Bounded(IReadOnlyList<Rule> yetToDeny)
    {
        if (Granted.Actions.IsEmpty || (yetToDeny.Count == 0 && AllowedBy.All(r => r.When.Until is null))) return this;
        var deniedFrom = yetToDeny.Where(r => !Granted.Actions.Intersect(r.Actions).IsEmpty).Select(r => r.When.From);
        return this with { Until = Earliest([AllowedUntil(), .. deniedFrom]) };
    }

    /// <summary>The earliest of times, of which null is never.</summary>
    public static DateTimeOffset? Earliest(IEnumerable<DateTimeOffset?> times) => times.Where(t => t is not null).Min();

    /// <summary>Of rules that allow the same, the one that holds longest counts: the first time by which an action has none left.</summary>
    private DateTimeOffset? AllowedUntil()
    {
        var allowed = ActionSet.None;
        var denied = UnionOf(DeniedBy);
        foreach (var rule in AllowedBy.OrderByDescending(r => r.When.Until ?? DateTimeOffset.MaxValue))
        {
            allowed = allowed.Union(rule.Actions);
            if (Requested.Grant(Subtract(allowed, denied)).Actions == Granted.Actions) return rule.When.Until;
        }

        return null;
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
