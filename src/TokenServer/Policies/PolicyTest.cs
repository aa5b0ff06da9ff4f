using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies;

/// <summary>A test in a policy file: a statement that must hold for the whole policy.</summary>
/// <param name="At">Where it is defined.</param>
/// <param name="Account">The account; "" for an anonymous caller.</param>
/// <param name="Groups">The groups that the identity would give.</param>
/// <param name="Circumstances">What the test says about the request. What it does not say counts as each rule asks for it, so that a
/// test neither needs every detail nor turns false as time goes by.</param>
/// <param name="Can">Whether every action must be granted; otherwise none may be.</param>
/// <param name="Scopes">The resources with the actions.</param>
internal sealed record PolicyTest(
    SourcePosition At,
    string Account,
    IReadOnlyList<string> Groups,
    RequestConditions Circumstances,
    bool Can,
    IReadOnlyList<Scope> Scopes)
{
    /// <summary>How the policy differs from the test; null when the test passes.</summary>
    public SourceProblem? Run(Policy policy)
    {
        var caller = new CallerSubjects(Account, Groups, policy.Groups, Circumstances.SignedInBy is SignIn.Ldap);
        foreach (var scope in Scopes)
        {
            var decision = policy.Decide(caller, Circumstances, scope);
            if (Can ? decision.Refused.IsEmpty : decision.Granted.Actions.IsEmpty) continue;

            var truth = Can
                ? decision.Reason
                : $"{string.Join(" and ", decision.AllowedBy)} allow{(decision.AllowedBy.Count == 1 ? "s" : "")} "
                    + $"{decision.Granted.Actions}";
            return new SourceProblem(At, $"the test '{Sentence(scope)}' fails: {truth}");
        }

        return null;
    }

    /// <inheritdoc/>
    public override string ToString() => string.Join(", ", Scopes.Select(Sentence));

    private string Sentence(Scope scope) =>
        $"{(Account.Length == 0 ? SignIn.Anonymous : Account)} {(Can ? "can" : "cannot")} {scope.Actions} "
        + $"{(scope.Type == Scope.RepositoryType ? scope.Name : $"{scope.Type}:{scope.Name}")}";
}
