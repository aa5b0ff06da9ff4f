using System.CommandLine;
using System.CommandLine.Help;
using System.Data.Common;
using System.Text;
using AuthIndex.Hosting.Audit;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting;

/// <summary>A URL of one section that follows from another section's, where the configuration has that one and not the first.</summary>
/// <param name="Key">The key that may be absent.</param>
/// <param name="From">The key that it follows from.</param>
/// <param name="Path">What is appended to that one's path; begins with a slash.</param>
public sealed record DerivedUrl(string Key, string From, string Path);

/// <summary>
/// What the command lines of both programs share: the options that find the configuration, and how failures are reported.
/// </summary>
public sealed class CommandLine
{
    /// <summary>The environment variable that names the configuration file where <c>--config</c> does not.</summary>
    public const string ConfigVariable = "AUTHINDEX_CONFIG";

    private readonly Option<FileInfo?> config = new("--config")
    {
        Description = $"The configuration file (default: the one named by {ConfigVariable}).",
        Recursive = true,
    };

    private readonly Option<DirectoryInfo> data = new("--data")
    {
        Description = "The data directory.",
        DefaultValueFactory = _ => new DirectoryInfo(".authindex"),
        Recursive = true,
    };

    private readonly Option<string[]> set = new("--set")
    {
        Description = "Set one key of the configuration, as in tokenServer.listen=127.0.0.1:5001; repeatable.",
        DefaultValueFactory = _ => [],
        Recursive = true,
    };

    private readonly Option<string[]> fallback = new("--default")
    {
        Description = "Like --set, but only if the configuration and the environment do not set the key; repeatable.",
        DefaultValueFactory = _ => [],
        Recursive = true,
    };

    /// <summary>A root command with the shared options.</summary>
    public RootCommand Root(string description) => new(description) { config, data, set, fallback };

    /// <summary>
    /// Binds one section of the configuration (<c>--default</c>, file, environment, <c>--set</c>, in rising order) to an options
    /// object; the
    /// <c>dataDirectory</c> is <c>--data</c> unless the configuration or the environment names another and <c>--data</c> was not given.
    /// </summary>
    /// <param name="command">The command line.</param>
    /// <param name="section">The section.</param>
    /// <param name="derived">Defaults that follow from other sections; weaker than all but <c>--default</c>.</param>
    /// <exception cref="OperatorException">Something in it is wrong; every problem is named.</exception>
    public T Bind<T>(ParseResult command, string section, params IEnumerable<DerivedUrl> derived) where T : new()
    {
        var problems = new List<SourceProblem>();
        var settings = (command.GetValue(set) ?? []).ToList();
        var explicitData = command.GetResult(data) is { Implicit: false };
        if (explicitData) settings.Insert(0, $"{section}.dataDirectory={command.GetRequiredValue(data).FullName}");
        var tree = ConfigurationTree.Read(ConfigurationFile(command), Environment.GetEnvironmentVariables(), settings, problems);
        var configured = tree;
        tree = ConfigurationTree.WithDefaults(tree, derived.Select(d => Derive(configured, d)).OfType<string>(), problems);
        tree = ConfigurationTree.WithDefaults(tree, command.GetValue(fallback) ?? [], problems);
        foreach (var (key, value) in tree.Entries)
        {
            // As with the keys: only the environment has no case. Of two spellings in a file one would go unread.
            if (!Sections.Contains(key.Value, key.At.Line > 0 ? StringComparer.Ordinal : StringComparer.OrdinalIgnoreCase))
            {
                problems.Add(new SourceProblem(key.At, $"{key.Value}: no such section{Suggestion.For(key.Value, Sections)}"));
            }
            else if (value is not (MappingNode or ScalarNode { IsNull: true })
                && !string.Equals(key.Value, section, StringComparison.OrdinalIgnoreCase))
            {
                problems.Add(OptionsBinder.NoMapping(value, key.Value)); // that of the other server, which may be told of it too late
            }
        }

        var options = new T();
        OptionsBinder.Bind(
            tree.Entries.FirstOrDefault(e => string.Equals(e.Key.Value, section, StringComparison.OrdinalIgnoreCase)).Value,
            options,
            section,
            problems);
        return problems.Any(p => !p.IsWarning) ? throw new OperatorException(problems.Distinct()) : options;
    }

    private string? ConfigurationFile(ParseResult command) =>
        command.GetValue(config)?.FullName
            ?? (Environment.GetEnvironmentVariable(ConfigVariable) is { Length: > 0 } named ? Path.GetFullPath(named) : null);

    /// <summary>
    /// The setting; null when there is nothing to derive it from. What is wrong there is told by the section's own server.
    /// </summary>
    private static string? Derive(MappingNode tree, DerivedUrl derived) =>
        Uri.TryCreate(ConfigurationTree.Find(tree, derived.From), UriKind.Absolute, out var from)
            ? $"{derived.Key}={from.GetLeftPart(UriPartial.Path).TrimEnd('/')}{derived.Path}"
            : null;

    /// <summary>The sections of a configuration file.</summary>
    public static IReadOnlyList<string> Sections { get; } = ["tokenServer", "registry"];

    // Longer ones come in parts.
    private const int LongestLine = 32 * 1024;

    /// <summary>Runs the command; an <see cref="OperatorException"/> is printed to standard error, with exit status 1.</summary>
    /// <param name="root">The program's commands.</param>
    /// <param name="arguments">What it was given.</param>
    /// <param name="recorder">Writes administrative commands into the audit log; null for none.</param>
    public static async Task<int> RunAsync(RootCommand root, string[] arguments, ActRecorder? recorder = null)
    {
        OwnerOnlyCreation.Begin();

        // A line at a time: .NET's own writer lets go of 256 characters at a time, and both servers under `authindex up` tell the same
        // pipe.
        Console.SetError(new StreamWriter(Console.OpenStandardError(), new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
            LongestLine) { AutoFlush = true });
        var parsed = root.Parse(arguments);
        if (UsageError.IsOne(parsed))
        {
            foreach (var line in UsageError.Lines(parsed)) await Console.Error.WriteLineAsync(line);
            return UsageError.ExitStatus;
        }

        if (parsed.Action is HelpAction) return await HelpAsync(parsed);
        try
        {
            // The host handles signals: System.CommandLine would give a stopping server two seconds and then end the process.
            var status = await parsed.InvokeAsync(
                new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
            recorder?.Record(parsed, status == 0 ? null : $"exit status {status}");
            return status;
        }
        catch (OperatorException e)
        {
            recorder?.Record(parsed, e.Message);
            foreach (var line in e.Message.Split('\n')) await Console.Error.WriteLineAsync($"error: {line}");
            return 1;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or DbException)
        {
            recorder?.Record(parsed, e.Message);
            await Console.Error.WriteLineAsync($"error: {e.Message}"); // the machine's, not a bug: no stack trace would help
            return 1;
        }
        catch (OperationCanceledException)
        {
            recorder?.Record(parsed, "it was canceled");
            return 130;
        }
    }

    /// <summary>Prints the help with the name that the user called the program by.</summary>
    private static async Task<int> HelpAsync(ParseResult parsed)
    {
        await using var help = new StringWriter();
        var status = await parsed.InvokeAsync(new InvocationConfiguration { Output = help });
        var root = parsed.RootCommandResult.Command;
        await Console.Out.WriteAsync(
            help.ToString().Replace($"\n  {root.Name} ", $"\n  {UsageError.InvokedAs(root)} ", StringComparison.Ordinal));
        return status;
    }
}
