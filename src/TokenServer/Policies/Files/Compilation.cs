using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>The result of compiling a set of policy files.</summary>
/// <param name="Policy">The policy; null when a problem is an error.</param>
/// <param name="Problems">Errors and warnings, in the order of files and lines.</param>
/// <param name="Tests">The tests that were run; none when compilation failed before them.</param>
internal sealed record Compilation(Policy? Policy, IReadOnlyList<SourceProblem> Problems, IReadOnlyList<PolicyTest> Tests)
{
    /// <summary>The problems that keep the files from being a policy.</summary>
    public IEnumerable<SourceProblem> Errors => Problems.Where(p => !p.IsWarning);
}
