using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>
/// Every command in the README and in <c>docs</c> is one that there is, with options that it has, and is run here or by another test.
/// </summary>
public sealed partial class DocumentedCommandsTests(RealParts parts)
{
    private static readonly string[] OfTheScript = [
        "up", "status", "doctor", "trust", "test", "bench", "backup", "restore", "completion", "version", "help"];

    // Run here, one after another, on one installation: alice has an account, and team/app a tag that has moved.
    private static readonly string[] Runs =
    [
        "help",
        "completion bash",
        "completion zsh",
        "completion fish",
        "policy check",
        "policy explain --user alice repository:team/app:push",
        "accounts suspend alice",
        "accounts resume alice",
        "accounts suspend alice --reason \"left the company\"",
        "accounts list",
        "accounts list [--json]",
        "accounts resume alice",
        "tokens create --account admin --repository 'public/**' --action pull --expires 30d",
        "tokens create --account alice --name laptop --expires 30d --repository 'users/alice/**' --action pull",
        "tokens list [--account alice] [--json]",
        "tokens revoke ID… | --account alice",
        "tokens revoke [--client docker] [--from 192.0.2.7] [--account alice]",
        "keys list",
        "keys rotate --ahead 1d",
        "keys rotate --leaked",
        "keys rotate",
        "keys rotate --algorithm RS256",
        "keys certificates",
        "registry gc",
        "registry gc --dry-run",
        "registry gc --leftovers",
        "registry audit --since 2027-01-31",
        "audit --account alice --since 7d",
        "audit --outcome refused --repository team/app --json",
        "audit --action users",
        "registry scrub",
        "registry verify",
        "registry verify --digests",
        "registry sync",
        "registry upstreams",
        "registry tags history REPOSITORY TAG",
        "registry tags history team/app latest",
        "registry tags rollback team/app latest",
        "registry tags rollback team/app latest sha256:…",
    ];

    // Run by other tests, by their beginnings; or what stands for nothing that could be run.
    private static readonly Dictionary<string, string> Elsewhere = new(StringComparer.Ordinal)
    {
        ["accounts suspend github:example/app"] = "tests/TokenServer.Tests/Commands/CommandTests.cs",
        ["bench"] = "bench/Load/Program.cs", // by people: it takes minutes, and needs the machine for itself
        ["bench "] = "bench/Load/Program.cs",
        ["backup "] = "tests/Acceptance/RestoreDrillTests.cs",
        ["restore "] = "tests/Acceptance/RestoreDrillTests.cs",
        ["registry storage copy "] = "tests/RegistryCore.Tests/Storage/Copying/StorageCopyTests.cs",
        ["registry storage reopen "] = "tests/RegistryCore.Tests/Storage/Copying/StorageCopyTests.cs",
        ["state reopen "] = "tests/TokenServer.Tests/State/StateCopyTests.cs",
        ["state copy "] = "tests/TokenServer.Tests/State/StateCopyTests.cs",
        ["ldap doctor "] = "tests/Acceptance/LdapDoctorTests.cs",
        ["policy import docker-auth "] = "tests/TokenServer.Tests/Policies/Import",
        ["mirror print "] = "tests/Acceptance/UpstreamTests.cs",
        ["policy why "] = "tests/Acceptance/CommandLineTests.cs",
        ["registry import distribution "] = "tests/Acceptance/MigrationTests.cs",
        ["status"] = "tests/Acceptance/CommandLineTests.cs",
        ["doctor"] = "tests/Acceptance/CommandLineTests.cs",
        ["test"] = "tests/Acceptance/DocumentedCommandsTests.cs", // which it runs
        ["tokens create --account robot:ci "] = "tests/TokenServer.Tests/Grants/LdapGrantTests.cs",
        ["tokens revoke --account"] = "tests/TokenServer.Tests/Commands/TokensCommandTests.cs",
        ["trust "] = "tests/Acceptance/TrustTests.cs",
        ["up"] = "tests/Acceptance/UpTests.cs",
        ["up --config "] = "tests/Acceptance/LdapDockerTests.cs",
        ["up --tls"] = "tests/Acceptance/TlsTests.cs",
        ["users add "] = "tests/Acceptance/CommandLineTests.cs",
        ["users passwd"] = "tests/TokenServer.Tests/Commands/TokensCommandTests.cs",
    };

    private static readonly string Root = Path.GetDirectoryName(AuthIndexUp.Script)!;

    private readonly ConcurrentDictionary<string, string> help = new(StringComparer.Ordinal);

    [Fact]
    public void Every_documented_command_is_run_here_or_by_another_test()
    {
        Assert.All(
            Documented().Select(Plain),
            c => Assert.True(
                Runs.Contains(c)
                || Elsewhere.Keys.Any(e => c == e.TrimEnd() || (e.EndsWith(' ') && c.StartsWith(e, StringComparison.Ordinal))), c));
        Assert.All(Elsewhere.Values, f => Assert.True(Path.Exists(Path.Combine(Root, f)), f));
    }

    [Fact]
    public async Task The_documented_commands_succeed()
    {
        await using var up = await AuthIndexUp.StartAsync();
        await up.AddUserAsync("alice", "a password of alice");
        var docker = await parts.DockerAsync();
        Assert.Equal(0, (await docker.LoginAsync(up.Host, "admin", up.AdminPassword)).ExitCode);
        var image = $"{up.Host}/team/app:latest";
        foreach (var size in new[] { 1000, 2000 })
        {
            await docker.BuildAsync(image, size);
            await docker.MustAsync("push", image);
        }

        foreach (var command in Runs)
        {
            var result = await AuthIndexUp.RunAsync(
                [.. await ArgumentsAsync(command, up), .. command == "help" || command.StartsWith("completion ", StringComparison.Ordinal)
                    ? Array.Empty<string>()
                    : ["--data", up.Data]]);

            // It says whether the request is granted by its exit status, too.
            Assert.True(
                result.ExitCode == 0
                || (command.StartsWith("policy explain", StringComparison.Ordinal)
                    && result.Output.Contains("refused", StringComparison.Ordinal)), $"{command}: {result}");
        }
    }

    private static IEnumerable<string> Documented() =>
        Directory.GetFiles(Path.Combine(Root, "docs"), "*.md").Append(Path.Combine(Root, "README.md"))
            .SelectMany(p => Command().Matches(File.ReadAllText(p)).Select(m => m.Groups["command"].Value))
            .Distinct(StringComparer.Ordinal);

    /// <summary>A command without <c>./authindex</c>, the data directory and what stands behind it for people.</summary>
    private static string Plain(string command)
    {
        var shown = command.Split('#')[0].Split("  ")[0].Trim();
        return shown.Replace("./authindex ", "", StringComparison.Ordinal)
            .Replace(" --data /var/lib/authindex", "", StringComparison.Ordinal);
    }

    private static async Task<IEnumerable<string>> ArgumentsAsync(string command, AuthIndexUp up)
    {
        var text = command.Replace("ID… | ", "", StringComparison.Ordinal)
            .Replace("REPOSITORY TAG", "team/app latest", StringComparison.Ordinal).Replace("[", "", StringComparison.Ordinal)
            .Replace("]", "", StringComparison.Ordinal);
        if (text.Contains("sha256:…", StringComparison.Ordinal))
        {
            var history = await AuthIndexUp.RunAsync("registry", "tags", "history", "team/app", "latest", "--data", up.Data);
            text = text.Replace("sha256:…", Digest().Match(history.Output).Value, StringComparison.Ordinal);
        }

        return Word().Matches(text).Select(m => m.Value.Trim('"', '\''));
    }

    [Fact]
    public async Task Every_documented_command_exists_with_its_options()
    {
        var commands = Documented().ToList();
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
        var words = command.Split('#')[0].Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(w => w.Trim('[', ']', '…', '(', ')'))
            .ToList();
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

        var options = path.Length > 0
            ? Section(text, "Options:")
            : Option().Matches(text).Select(m => m.Value).ToHashSet(StringComparer.Ordinal);
        return words.Skip(at)
            .FirstOrDefault(w => w.StartsWith("--", StringComparison.Ordinal) && !options.Contains(w.Split('=')[0])) is { } unknown
            ? $"there is no option {unknown}"
            : null;
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
        text.Split('\n').SkipWhile(l => l != title).Skip(1).TakeWhile(l => l.Length > 0)
        .SelectMany(l => Name().Match(l).Groups["name"].Captures.Select(c => c.Value)).ToHashSet(StringComparer.Ordinal);

    [GeneratedRegex(
        @"(?:^|`)(?: {4})?(?<command>(?:\./authindex (?=[a-z])|registry (?=gc|scrub|verify|backup|restore|tags|sync|import|storage))[^`\n]*)",
        RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Command();

    [GeneratedRegex(@"^  (?:(?<name>[-a-z?]+)(?:, )?)+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Name();

    [GeneratedRegex("sha256:[0-9a-f]{64}", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Digest();

    [GeneratedRegex("\"[^\"]*\"|'[^']*'|[^ ]+", RegexOptions.None, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Word();

    [GeneratedRegex(@"--[a-z-]+", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Option();
}
