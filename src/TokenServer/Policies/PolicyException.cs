using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies;

/// <summary>There is no sound policy to start with.</summary>
internal sealed class PolicyException(IReadOnlyList<SourceProblem> problems)
    : Exception("The policy is not sound:" + string.Concat(problems.Where(p => !p.IsWarning).Take(20).Select(p => $"{Environment.NewLine}  {p}")))
{
    /// <summary>Everything that was found, warnings too.</summary>
    public IReadOnlyList<SourceProblem> Problems { get; } = problems;
}
