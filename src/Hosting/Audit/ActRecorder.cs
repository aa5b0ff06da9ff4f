using System.CommandLine;
using System.CommandLine.Parsing;
using AuthIndex.Hosting.Files;

namespace AuthIndex.Hosting.Audit;

/// <summary>
/// Writes a line about every administrative command into the audit log, whether a server runs or not. A line that cannot be written
/// is a warning: an account must be suspendable on a full disk too.
/// </summary>
/// <param name="acts">
/// The commands that are recorded; those below one of them are too, except <c>list</c> and <c>history</c>, which change nothing.
/// </param>
/// <param name="log">The audit log's file, as the configuration names it.</param>
/// <param name="time">The clock.</param>
/// <param name="isRestoring">Whether a restore has further parts to come, which must find nothing where they go on; null for never.</param>
public sealed class ActRecorder(
    IReadOnlyCollection<string> acts,
    Func<ParseResult, (string Path, AuditRotation Rotation)> log,
    TimeProvider time,
    Func<ParseResult, bool>? isRestoring = null)
{
    private static readonly string[] HarmlessVerbs = ["list", "history"];
    private static readonly string[] SharedOptions = ["--config", "--data", "--set", "--default"];

    /// <summary>Writes the line of a command that is over.</summary>
    /// <param name="parsed">The command.</param>
    /// <param name="failure">Why it failed; null when it did not.</param>
    public void Record(ParseResult parsed, string? failure)
    {
        var path = PathOf(parsed.CommandResult);

        // A restore that is not finished must find nothing where it goes on.
        if (path[0] == "restore"
            && (failure is not null || parsed.CommandResult.Children.OfType<OptionResult>().Any(o => o
                is { Implicit: false, Option.Name: "--begin" })))
        {
            return;
        }

        if (parsed.Errors.Count > 0 || HarmlessVerbs.Contains(path[^1], StringComparer.Ordinal)
            || !path.Select((_, i) => string.Join(' ', path.Take(i + 1))).Any(p => acts.Contains(p, StringComparer.Ordinal)))
        {
            return;
        }

        try
        {
            if (isRestoring?.Invoke(parsed) == true) return;
            var (file, rotation) = log(parsed);
            var folder = ParentFolder.Of(Path.GetFullPath(file));
            if (!Directory.Exists(Path.GetDirectoryName(folder))) return; // there is no data directory, so nothing was done to one
            if (!Directory.Exists(folder))
            {
                Directory.CreateDirectory(folder, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
                FileOwner.FollowFolder(folder);
            }

            var act = new AdministrativeAct(
                time.GetUtcNow(),
                string.Join(' ', path),
                AdministrativeAct.Me(),
                Arguments(parsed),
                failure is null ? AdministrativeAct.Done : AdministrativeAct.Failed,
                failure);
            using var audit = new AuditFile(file, rotation, time);
            audit.Append(act.ToLine());
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or OperatorException)
        {
            Console.Error.WriteLine($"warning: no line could be written to the audit log: {LogText.Clean(e.Message)}");
        }
    }

    private static List<string> PathOf(CommandResult command)
    {
        var path = new List<string>();
        for (var at = command; at.Parent is CommandResult parent; at = parent) path.Insert(0, at.Command.Name);
        return path.Count > 0 ? path : [command.Command.Name];
    }

    /// <summary>The arguments and options as given, without those that every command has.</summary>
    private static List<string> Arguments(ParseResult parsed)
    {
        var found = new List<string>();
        foreach (var child in parsed.CommandResult.Children)
        {
            switch (child)
            {
                case ArgumentResult argument:
                    found.AddRange(argument.Tokens.Select(t => t.Value));
                    break;
                case OptionResult { Implicit: false } option when !SharedOptions.Contains(option.Option.Name, StringComparer.Ordinal):
                    found.Add(option.Option.Name);
                    found.AddRange(option.Tokens.Select(t => t.Value));
                    break;
            }
        }

        return found;
    }
}
