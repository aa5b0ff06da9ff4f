using AuthIndex.Hosting;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies;

/// <summary>There is no sound policy to start with; every error is named in the message, one a line.</summary>
internal sealed class PolicyException(IReadOnlyList<SourceProblem> problems)
    : OperatorException(problems)
{
    /// <summary>Everything that was found, warnings too.</summary>
    public IReadOnlyList<SourceProblem> Problems { get; } = problems;
}
