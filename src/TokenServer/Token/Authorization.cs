using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Token;

/// <summary>What the policy leaves of a request.</summary>
/// <param name="Granted">What goes into the token: requested and allowed, no more.</param>
/// <param name="Refused">What does not, and why.</param>
/// <param name="DecisionId">The name of this decision in the logs.</param>
internal sealed record Authorization(IReadOnlyList<Scope> Granted, IReadOnlyList<Refusal> Refused, string DecisionId)
{
    /// <summary>What the policy said to each scope, with its rules.</summary>
    public IReadOnlyList<Decision> Decisions { get; private init; } = [];

    /// <summary>When the policy's dates end something that is granted; null when none does.</summary>
    public DateTimeOffset? Until => Decision.Earliest(Decisions.Select(d => d.Until));

    /// <summary>Decides every scope by one policy.</summary>
    public static Authorization Decide(Policy policy, Caller caller, IReadOnlyList<Scope> requested, DateTimeOffset now)
    {
        var granted = new List<Scope>(requested.Count);
        var decisions = new List<Decision>(requested.Count);
        List<Refusal>? refused = null;
        var id = Token.DecisionId.New();
        foreach (var scope in requested)
        {
            // Only words that name no action: nothing is asked for that could be granted or refused.
            if (scope.Actions.IsEmpty) continue;
            var decision = policy.Decide(caller, scope, now);
            decisions.Add(decision);
            if (!decision.Granted.Actions.IsEmpty) granted.Add(decision.Granted);
            if (decision.Refused.IsEmpty) continue;
            (refused ??= []).Add(new Refusal(scope with { Actions = decision.Refused }, decision.Reason!, id));
        }

        return new Authorization(granted, refused ?? (IReadOnlyList<Refusal>)[], id) { Decisions = decisions };
    }

    /// <summary>What is left when nothing in a repository may be changed.</summary>
    /// <param name="reason">Why, for the caller.</param>
    public Authorization WithoutChanges(string reason) =>
        Keep(scope => scope.Type == Scope.RepositoryType ? scope.Actions.Intersect(ActionSet.Pull) : scope.Actions, reason);

    /// <summary>What is left when something stands beside the policy.</summary>
    /// <param name="leaves">What is left of a granted scope.</param>
    /// <param name="reason">Why the rest is taken away, for the caller.</param>
    public Authorization Keep(Func<Scope, ActionSet> leaves, string reason)
    {
        var granted = new List<Scope>(Granted.Count);
        var refused = Refused.ToList();
        foreach (var scope in Granted)
        {
            var kept = scope with { Actions = leaves(scope) };
            if (!kept.Actions.IsEmpty) granted.Add(kept);
            var withheld = scope.Actions.Except(kept.Actions);
            if (!withheld.IsEmpty) refused.Add(new Refusal(scope with { Actions = withheld }, reason, DecisionId));
        }

        return this with { Granted = granted, Refused = refused };
    }
}
