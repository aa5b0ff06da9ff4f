using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Token;

/// <summary>The policy's decision on a request.</summary>
/// <param name="Granted">What goes into the token: the requested scopes that are allowed.</param>
/// <param name="Refused">What does not, and why.</param>
/// <param name="DecisionId">The id of this decision in the logs.</param>
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
            // Only unknown actions: there is nothing to grant or refuse.
            if (scope.Actions.IsEmpty) continue;
            var decision = policy.Decide(caller, scope, now);
            decisions.Add(decision);
            if (!decision.Granted.Actions.IsEmpty) granted.Add(decision.Granted);
            if (decision.Reason is not { } reason) continue;
            (refused ??= []).Add(new Refusal(scope with { Actions = decision.Refused }, reason, id));
        }

        return new Authorization(granted, refused ?? (IReadOnlyList<Refusal>)[], id) { Decisions = decisions };
    }

    /// <summary>The decision restricted to pulling.</summary>
    /// <param name="reason">Why, for the caller.</param>
    public Authorization WithoutChanges(string reason) =>
        Keep(scope => scope.Type == Scope.RepositoryType ? scope.Actions.Intersect(ActionSet.Pull) : scope.Actions, reason);

    /// <summary>The decision restricted by something other than the policy.</summary>
    /// <param name="leaves">Returns the remaining part of a granted scope.</param>
    /// <param name="reason">Why the rest is refused, for the caller.</param>
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
