using System.CommandLine;
using System.CommandLine.Help;
using System.CommandLine.Invocation;
using System.CommandLine.Parsing;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting;

/// <summary>The messages about a command line that cannot be parsed: what is wrong, and a line that shows the command's form.</summary>
internal static class UsageError
{
    /// <summary>The exit status of a command line that cannot be parsed, as shells and the script <c>authindex</c> have it.</summary>
    public const int ExitStatus = 2;

    /// <summary>
    /// The environment variable in which a script that runs the program names itself, so that help and errors show what the user typed.
    /// </summary>
    public const string InvokedAsVariable = "AUTHINDEX_INVOKED_AS";

    /// <summary>The name that the user called the program by.</summary>
    public static string InvokedAs(Command root) =>
        Environment.GetEnvironmentVariable(InvokedAsVariable) is { Length: > 0 } name ? name : root.Name;

    /// <summary>The lines for standard error.</summary>
    public static IEnumerable<string> Lines(ParseResult parsed)
    {
        var command = parsed.CommandResult.Command;
        var problems = MistakenOption(parsed) is { } mistaken ? [Unmatched(mistaken, command)]
            : parsed.UnmatchedTokens.Count > 0 ? [Unmatched(parsed.UnmatchedTokens[0], command)]
            : parsed.Errors.Select(e => Problem(e, parsed.CommandResult)).Distinct();
        return problems.Select(p => $"error: {p}").Append($"usage: {Form(parsed)}; --help explains");
    }

    /// <summary>Whether the command line cannot be parsed.</summary>
    public static bool IsOne(ParseResult parsed) =>
        parsed.Action is ParseErrorAction || (parsed.Action is not HelpAction && MistakenOption(parsed) is not null);

    /// <summary>
    /// A misspelled option, which the parser treats as an argument; null when there is none. After <c>--</c> everything is an argument.
    /// </summary>
    private static string? MistakenOption(ParseResult parsed) =>
        parsed.Tokens.Any(t => t.Type == TokenType.DoubleDash) ? null
        : parsed.CommandResult.Children.OfType<ArgumentResult>().SelectMany(a => a.Tokens).Select(t => t.Value)
        .FirstOrDefault(v => v.Length > 1 && v[0] == '-');

    private static string Unmatched(string token, Command command)
    {
        var shown = LogText.Clean(token);
        if (token.StartsWith('-')) return $"unknown option '{shown}'{Suggestion.For(shown, Options(command))}";
        return command.Subcommands.Count > 0
            ? $"unknown command '{shown}'{Suggestion.For(shown, command.Subcommands.Select(c => c.Name))}"
            : $"unexpected argument '{shown}'";
    }

    private static string Problem(ParseError error, CommandResult command)
    {
        if (error.SymbolResult is CommandResult && command.Command.Subcommands.Count > 0) return "missing command";
        if (error.SymbolResult is ArgumentResult { Tokens.Count: 0 } missing) return $"missing argument {missing.Argument.Name}";
        var words = LogText.Clean(string.Join(' ', error.Message.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries))).TrimEnd('.');
        return char.ToLowerInvariant(words[0]) + words[1..];
    }

    private static IEnumerable<string> Options(Command command) =>
        command.Options.Concat(command.Parents.OfType<Command>().SelectMany(p => p.Options.Where(o => o.Recursive))).Where(o => !o.Hidden)
        .Select(o => o.Name);

    /// <summary>The command's form, as <c>authindex users add NAME [OPTION…]</c> or <c>authindex users add|list …</c>.</summary>
    private static string Form(ParseResult parsed)
    {
        var path = new List<string>();
        for (var at = parsed.CommandResult; at.Parent is CommandResult parent; at = parent) path.Insert(0, at.Command.Name);
        var command = parsed.CommandResult.Command;
        IEnumerable<string> rest = command.Subcommands.Count > 0
            ? [string.Join('|', command.Subcommands.Where(c => !c.Hidden).Select(c => c.Name)), "…"]
            : [.. command.Arguments.Select(Form), "[OPTION…]"];
        return string.Join(' ', [InvokedAs(parsed.RootCommandResult.Command), .. path, .. rest]);
    }

    private static string Form(Argument argument)
    {
        var name = argument.Arity.MaximumNumberOfValues > 1 ? argument.Name + "…" : argument.Name;
        return argument.Arity.MinimumNumberOfValues == 0 ? $"[{name}]" : name;
    }
}
