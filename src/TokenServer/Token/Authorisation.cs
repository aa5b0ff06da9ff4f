using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Token;

/// <summary>What the policy leaves of a request.</summary>
/// <param name="Granted">What goes into the token: requested and allowed, no more.</param>
/// <param name="Refused">What does not, and why.</param>
/// <param name="DecisionId">The name of this decision in the log; null when everything was granted.</param>
internal sealed record Authorisation(IReadOnlyList<Scope> Granted, IReadOnlyList<Refusal> Refused, string? DecisionId)
{
    /// <summary>Decides every scope by one policy.</summary>
    public static Authorisation Decide(Policy policy, Caller caller, IReadOnlyList<Scope> requested, DateTimeOffset now)
    {
        var granted = new List<Scope>(requested.Count);
        List<Refusal>? refused = null;
        string? id = null;
        foreach (var scope in requested)
        {
            // Only words that name no action: nothing is asked for that could be granted or refused.
            if (scope.Actions.IsEmpty) continue;
            var decision = policy.Decide(caller, scope, now);
            if (!decision.Granted.Actions.IsEmpty) granted.Add(decision.Granted);
            if (decision.Refused.IsEmpty) continue;
            id ??= Token.DecisionId.New();
            (refused ??= []).Add(new Refusal(scope with { Actions = decision.Refused }, decision.Reason!, id));
        }

        return new Authorisation(granted, refused ?? (IReadOnlyList<Refusal>)[], id);
    }

    /// <summary>What is left when nothing in a repository may be changed.</summary>
    /// <param name="reason">Why, for the caller.</param>
    public Authorisation WithoutChanges(string reason)
    {
        var granted = new List<Scope>(Granted.Count);
        var refused = Refused.ToList();
        var id = DecisionId;
        foreach (var scope in Granted)
        {
            var kept = scope.Type == Scope.RepositoryType ? scope.Grant(ActionSet.Pull) : scope;
            if (!kept.Actions.IsEmpty) granted.Add(kept);
            var withheld = scope.Actions.Except(kept.Actions);
            if (withheld.IsEmpty) continue;
            id ??= Token.DecisionId.New();
            refused.Add(new Refusal(scope with { Actions = withheld }, reason, id));
        }

        return new Authorisation(granted, refused, id);
    }
}
