using System.CommandLine;

namespace AuthIndex.TokenServer.Commands;

/// <summary>The options that every verb of <c>policy</c> takes.</summary>
internal sealed class PolicyOptions
{
    /// <summary><c>--policies DIR</c>.</summary>
    public Option<string> Directory { get; } = new("--policies")
    {
        Description = "The directory of the policy files.",
        HelpName = "DIR",
        DefaultValueFactory = _ => "policies",
        Recursive = true,
    };

    /// <summary><c>--json</c>.</summary>
    public Option<bool> Json { get; } = new("--json") { Description = "Answer in JSON.", Recursive = true };

    /// <summary>An optional <c>DIR</c> that stands for <c>--policies</c>.</summary>
    public static Argument<string?> DirectoryArgument() => new("DIR")
    {
        Description = "The directory of the policy files; otherwise --policies.",
        Arity = ArgumentArity.ZeroOrOne,
    };
}
