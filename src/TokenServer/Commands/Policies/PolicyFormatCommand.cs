using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Format;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy fmt [DIR]</c>: formats the files, keeping meaning and comments.</summary>
internal static class PolicyFormatCommand
{
    public static Command Create(PolicyOptions shared, TimeProvider time)
    {
        var directory = PolicyOptions.DirectoryArgument();
        var check = new Option<bool>("--check") { Description = "Write nothing; exit with status 1 if a file is not formatted." };
        var command = new Command(
            "fmt",
            "Format the files: order of keys, indentation, brackets. Keeps meaning and comments, and leaves files with errors "
            + "alone.") { directory, check };
        command.SetAction(
            parsed => Run(
                parsed, parsed.GetValue(directory) ?? shared.DirectoryOf(parsed), parsed.GetValue(check), parsed.GetValue(shared.Json),
                time.GetUtcNow()));
        return command;
    }

    private static int Run(ParseResult parsed, string directory, bool check, bool json, DateTimeOffset now)
    {
        var problems = new List<SourceProblem>();
        var changed = new List<string>();
        if (new PolicyDirectory(directory).Read(problems) is { } read)
        {
            var errors = PolicyCompiler.Compile(read.Revision, read.Files, now).Errors.ToLookup(p => p.At.File, StringComparer.Ordinal);
            foreach (var file in read.Files)
            {
                problems.AddRange(errors[file.Path]);
                if (errors.Contains(file.Path) || Format(file, problems) is not { } formatted) continue;
                if (!check) Replace(file, formatted);
                changed.Add(file.Path);
            }
        }

        var failed = problems.Exists(p => !p.IsWarning);
        if (json)
        {
            PolicyCommand.WriteJson(
                parsed,
                new { changed,
                    problems = problems.Select(
                        p => new { p.At.File, p.At.Line, p.At.Column, severity = p.IsWarning ? "warning" : "error", p.Message }) });
        }
        else
        {
            foreach (var path in changed)
            {
                parsed.InvocationConfiguration.Output.WriteLine($"{path}: {(check ? "not in canonical form" : "rewritten")}");
            }
        }

        new ProblemWriter(parsed.InvocationConfiguration.Error).Write(problems);
        return failed || (check && changed.Count > 0) ? 1 : 0;
    }

    // Null when there is nothing to write.
    private static byte[]? Format(PolicyFile file, List<SourceProblem> problems)
    {
        var formatted = PolicyFormatter.Format(file, out var problem);
        if (problem is not null) problems.Add(problem);
        return formatted.AsSpan().SequenceEqual(file.Content.Span) ? null : formatted;
    }

    private static void Replace(PolicyFile file, byte[] formatted)
    {
        if (!File.ReadAllBytes(file.Path).AsSpan().SequenceEqual(file.Content.Span))
        {
            throw new OperatorException($"{file.Path}: it was changed in the meantime and is left as it is");
        }

        DurableFile.Replace(file.Path, formatted);
    }
}
