using System.CommandLine;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary>The verbs of <c>policy</c>: what an administrator asks of policy files before and after an edit.</summary>
internal static class PolicyCommand
{
    /// <summary>Makes the command with all its verbs.</summary>
    /// <param name="directory">The directory of the policy files that the configuration names.</param>
    /// <param name="auditLog">The audit log that the configuration names.</param>
    /// <param name="time">The clock that rules with dates are held against.</param>
    /// <param name="server">The server's configuration, whose accounts and directories the check asks; none are asked without it.</param>
    public static Command Create(
        Func<ParseResult, string> directory, Func<ParseResult, string> auditLog, TimeProvider time,
        Func<ParseResult, TokenServerOptions>? server = null)
    {
        var shared = new PolicyOptions(directory);
        return new Command("policy", "Check, test and explain policies and the decisions made by them.")
        {
            shared.Directory,
            shared.Json,
            PolicyCheckCommand.Create(shared, time, server),
            PolicyTestCommand.Create(shared, time),
            PolicyExplainCommand.Create(shared, time, parsed => server?.Invoke(parsed).Ldap ?? []),
            PolicyWhoCanCommand.Create(shared, time),
            PolicyWhyCommand.Create(shared, auditLog),
            PolicyDiffCommand.Create(shared, time),
            PolicyFormatCommand.Create(shared, time),
            PolicyImportCommand.Create(time),
        };
    }

    /// <summary>Compiles the directory and prints its problems to standard error; null when it is not a valid policy.</summary>
    public static Policy? Load(ParseResult command, string directory, DateTimeOffset now)
    {
        var compiled = PolicyCompiler.Compile(new PolicyDirectory(directory), now);
        if (compiled.Policy is null) new ProblemWriter(command.InvocationConfiguration.Error).Write(compiled.Errors);
        return compiled.Policy;
    }

    /// <summary>Writes an answer as JSON.</summary>
    public static void WriteJson(ParseResult command, object answer) =>
        command.InvocationConfiguration.Output.WriteLine(JsonSerializer.Serialize(answer, ReadableJson.Options));
}
