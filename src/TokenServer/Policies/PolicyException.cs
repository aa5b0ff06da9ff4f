using AuthIndex.Hosting;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies;

/// <summary>There is no valid policy to start with; the message lists every error, one per line.</summary>
internal sealed class PolicyException(IReadOnlyList<SourceProblem> problems)
    : OperatorException(problems)
{
    /// <summary>Everything that was found, warnings too.</summary>
    public IReadOnlyList<SourceProblem> Problems { get; } = problems;
}
