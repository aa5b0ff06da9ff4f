using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>Every command in the README and in <c>docs</c> is one that there is, with options that it has.</summary>
public sealed partial class DocumentedCommandsTests
{
    private static readonly string[] OfTheScript = ["up", "test", "bench", "backup", "restore", "help"];

    private readonly ConcurrentDictionary<string, string> help = new(StringComparer.Ordinal);

    [Fact]
    public async Task Every_documented_command_exists_with_its_options()
    {
        var root = Path.GetDirectoryName(AuthIndexUp.Script)!;
        var pages = Directory.GetFiles(Path.Combine(root, "docs"), "*.md").Append(Path.Combine(root, "README.md"));
        var commands = pages.SelectMany(p => Command().Matches(File.ReadAllText(p)).Select(m => m.Groups["command"].Value)).Distinct(StringComparer.Ordinal).ToList();
        Assert.True(commands.Count > 40, $"only {commands.Count} commands were found");

        var problems = new List<string>();
        foreach (var command in commands)
        {
            if (await ProblemAsync(command) is { } problem) problems.Add($"{command}: {problem}");
        }

        Assert.True(problems.Count == 0, string.Join('\n', problems));
    }

    private async Task<string?> ProblemAsync(string command)
    {
        var words = command.Split('#')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => w.Trim('[', ']', '…', '(', ')')).ToList();
        if (words[0] == "./authindex") words.RemoveAt(0);

        var path = OfTheScript.Contains(words[0]) ? "" : words[0];
        var at = path.Length > 0 || words[0] == "help" ? 1 : 0;
        var text = await HelpAsync(path);
        for (; path.Length > 0 && at < words.Count && !words[at].StartsWith('-'); at++)
        {
            var children = Section(text, "Commands:");
            if (children.Count == 0) break; // the rest are arguments
            if (!children.Contains(words[at])) return $"'{path}' has no '{words[at]}'";
            path += " " + words[at];
            text = await HelpAsync(path);
        }

        var options = path.Length > 0 ? Section(text, "Options:") : Option().Matches(text).Select(m => m.Value).ToHashSet(StringComparer.Ordinal);
        return words.Skip(at).FirstOrDefault(w => w.StartsWith("--", StringComparison.Ordinal) && !options.Contains(w.Split('=')[0])) is { } unknown ? $"there is no option {unknown}" : null;
    }

    private async Task<string> HelpAsync(string path)
    {
        if (help.TryGetValue(path, out var known)) return known;
        string[] arguments = path.Length == 0 ? ["help"] : [.. path.Split(' '), "--help"];
        var result = await AuthIndexUp.RunAsync(arguments);
        Assert.True(result.ExitCode == 0, $"{string.Join(' ', arguments)}: {result}");
        return help[path] = result.Output;
    }

    /// <summary>The names in one section of a help text: <c>name</c>, or <c>-x, --name</c>.</summary>
    private static HashSet<string> Section(string text, string title) =>
        text.Split('\n').SkipWhile(l => l != title).Skip(1).TakeWhile(l => l.Length > 0).SelectMany(l => Name().Match(l).Groups["name"].Captures.Select(c => c.Value)).ToHashSet(StringComparer.Ordinal);

    [GeneratedRegex(@"(?:^|`)(?: {4})?(?<command>(?:\./authindex (?=[a-z])|registry (?=gc|scrub|backup|restore|tags|sync|import))[^`\n]*)", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Command();

    [GeneratedRegex(@"^  (?:(?<name>[-a-z?]+)(?:, )?)+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();

    [GeneratedRegex(@"--[a-z-]+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Option();
}
