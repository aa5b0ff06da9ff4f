using System.CommandLine;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary>The options that every verb of <c>policy</c> takes.</summary>
/// <param name="configured">The directory that the configuration names.</param>
internal sealed class PolicyOptions(Func<ParseResult, string> configured)
{
    /// <summary>The option <c>--policies DIR</c>.</summary>
    public Option<string?> Directory { get; } = new("--policies")
    {
        Description = "The directory of the policy files (default: the server's).",
        HelpName = "DIR",
        Recursive = true,
    };

    /// <summary>The option <c>--json</c>, for every verb.</summary>
    public Option<bool> Json { get; } = new("--json") { Description = "Output JSON.", Recursive = true };

    /// <summary>The directory that is meant.</summary>
    public string DirectoryOf(ParseResult parsed) => parsed.GetValue(Directory) ?? configured(parsed);

    /// <summary>An optional <c>DIR</c> that stands for <c>--policies</c>.</summary>
    public static Argument<string?> DirectoryArgument() => new("DIR")
    {
        Description = "The directory of the policy files (default: --policies).",
        Arity = ArgumentArity.ZeroOrOne,
    };
}
