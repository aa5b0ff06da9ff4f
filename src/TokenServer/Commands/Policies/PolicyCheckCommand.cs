using System.CommandLine;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy check [DIR]</c>: whether the policy is valid. Exit status 0 when it is, warnings or not.</summary>
internal static class PolicyCheckCommand
{
    public static Command Create(PolicyOptions shared, TimeProvider time, Func<ParseResult, TokenServerOptions>? server)
    {
        var directory = PolicyOptions.DirectoryArgument();
        directory.Description = "The directory of the policy files, or one file to check alone (default: --policies).";
        var command = new Command(
            "check",
            "Check the files: syntax, references, contradictions, their tests, and whether the accounts and groups in rules "
            + "exist.") { directory };
        command.SetAction(
            (parsed, cancellationToken) => RunAsync(
                parsed, parsed.GetValue(directory) ?? shared.DirectoryOf(parsed), parsed.GetValue(shared.Json), server?.Invoke(parsed),
                time, cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(
        ParseResult parsed, string directory, bool json, TokenServerOptions? server, TimeProvider time, CancellationToken cancellationToken)
    {
        var files = File.Exists(directory)
            ? new PolicyDirectory(ParentFolder.Of(Path.GetFullPath(directory)), Path.GetFileName(directory))
            : new PolicyDirectory(directory);
        var compiled = PolicyCompiler.Compile(files, time.GetUtcNow());
        var problems = compiled.Problems;
        if (compiled.Policy is { } sound && server is not null)
        {
            problems = [
                .. problems, .. Services(sound, server), .. PolicyGroupsCommand.Check(sound, server.Ldap, time),
                    .. await PolicyAccountsCommand.CheckAsync(sound, server, time, cancellationToken)];
        }

        var errors = compiled.Errors.Count();
        var warnings = problems.Count - errors;
        var output = parsed.InvocationConfiguration.Output;
        if (json)
        {
            PolicyCommand.WriteJson(parsed, new
            {
                valid = compiled.Policy is not null,
                revision = compiled.Policy?.Revision,
                rules = compiled.Policy?.Rules.Count,
                tests = compiled.Tests.Count,
                problems = problems.Select(
                    p => new { p.At.File, p.At.Line, p.At.Column, severity = p.IsWarning ? "warning" : "error", p.Message }),
            });
        }
        else
        {
            new ProblemWriter(output).Write(problems);
            var count = $"{Plural(errors, "error")}, {Plural(warnings, "warning")}";
            output.WriteLine(compiled.Policy is { } policy
                ? $"{directory}: valid ({Plural(policy.Rules.Count, "rule")}, {Plural(compiled.Tests.Count, "test")} passed, "
                    + $"{Plural(warnings, "warning")}), revision {policy.Revision}"
                : $"{directory}: invalid ({count})");
        }

        return compiled.Policy is null ? 1 : 0;
    }

    // A service that is misspelt makes an allow rule open nothing, and a deny rule keep nobody out.
    private static IEnumerable<SourceProblem> Services(Policy policy, TokenServerOptions server)
    {
        List<string> known = [.. server.EffectiveServices.Select(s => s.Name)];
        return from rule in policy.Rules
               from service in rule.When.Service.Where(s => !known.Contains(s))
               select new SourceProblem(
                   rule.At, $"rule '{rule.Id}': the configuration has no service '{service}'{Suggestion.For(service, known)}",
                   IsWarning: true);
    }

    private static string Plural(int count, string noun) => count == 1 ? $"1 {noun}" : $"{count} {noun}s";
}
