using System.CommandLine;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy test [DIR]</c>: runs the tests in the files. Exit status 0 when all pass.</summary>
internal static class PolicyTestCommand
{
    public static Command Create(PolicyOptions shared, TimeProvider time)
    {
        var directory = PolicyOptions.DirectoryArgument();
        var command = new Command("test", "Run the tests in the files and show each result.") { directory };
        command.SetAction(
            parsed => Run(
                parsed, parsed.GetValue(directory) ?? shared.DirectoryOf(parsed), parsed.GetValue(shared.Json), time.GetUtcNow()));
        return command;
    }

    private static int Run(ParseResult parsed, string directory, bool json, DateTimeOffset now)
    {
        var compiled = PolicyCompiler.Compile(new PolicyDirectory(directory), now);
        var output = parsed.InvocationConfiguration.Output;
        if (compiled.Policy is null && compiled.Tests.Count == 0)
        {
            // The files are broken before a test can run.
            new ProblemWriter(parsed.InvocationConfiguration.Error).Write(compiled.Errors);
            return 1;
        }

        var failures = compiled.Errors.ToDictionary(p => p.At);
        if (json)
        {
            PolicyCommand.WriteJson(parsed, new
            {
                passed = compiled.Tests.Count - failures.Count,
                failed = failures.Count,
                tests = compiled.Tests.Select(
                    t =>
                        new { test = t.ToString(), t.At.File, t.At.Line, passed = !failures.ContainsKey(t.At),
                            reason = failures.GetValueOrDefault(t.At)?.Message }),
            });
        }
        else
        {
            foreach (var test in compiled.Tests)
            {
                output.WriteLine(
                    failures.TryGetValue(test.At, out SourceProblem? failure)
                    ? $"FAIL  {failure}"
                    : $"ok    {test.At.File}:{test.At.Line}: {test}");
            }

            output.WriteLine($"{compiled.Tests.Count - failures.Count} of {compiled.Tests.Count} tests passed");
        }

        return failures.Count == 0 ? 0 : 1;
    }
}
