using System.CommandLine;
using System.Text;
using System.Text.Json;

namespace AuthIndex.Hosting.Audit;

/// <summary><c>audit</c>: searches an audit log with its rotated files, the oldest line first, whether a server runs or not.</summary>
public static class AuditCommand
{
    /// <summary>Makes the command <c>audit</c>.</summary>
    /// <param name="configured">The audit log that the configuration names.</param>
    /// <param name="time">The clock, for times such as <c>2h</c> ago.</param>
    public static Command Create(Func<ParseResult, string> configured, TimeProvider time)
    {
        var account = new Option<string?>(
            "--account") { Description = "Show only decisions about this account, and commands that named it or that it ran.",
                HelpName = "NAME" };
        var repository = new Option<string?>(
            "--repository") { Description = "Show only decisions and commands about this repository.", HelpName = "NAME" };
        var outcome = new Option<string?>(
            "--outcome") { Description =
                "Show only lines with this outcome: granted, partly, refused, sign-in-failed, unavailable or limited; for commands, done "
                + "or failed.", HelpName = "OUTCOME" };
        outcome.AcceptOnlyFromAmong(
            "granted", "partly", "refused", "sign-in-failed", "unavailable", "limited", AdministrativeAct.Done, AdministrativeAct.Failed);
        var decision = new Option<string?>("--decision") { Description = "Show only the decision with this id.", HelpName = "ID" };
        var action = new Option<string?>(
            "--action") { Description =
                "Show only this command, such as users or 'users remove', or requests for this action, such as push.",
                HelpName = "ACTION" };
        var since = new Option<string?>(
            "--since") { Description = "Start at this time: 2027-01-31, 2027-01-31T08:00:00Z, or a duration ago such as 2h.",
                HelpName = "TIME" };
        var until = new Option<string?>("--until") { Description = "Stop before this time.", HelpName = "TIME" };
        var log = new Option<string?>("--log") { Description = "The audit log (default: the configured one).", HelpName = "FILE" };
        var json = new Option<bool>("--json") { Description = "Output the lines as they are in the log, one JSON object each." };
        var command = new Command("audit", "Search the audit log: decisions and administrative commands.") { account, repository, outcome,
            decision, action, since, until, log, json };
        command.SetAction((parsed, cancellationToken) =>
        {
            var query = new AuditQuery
            {
                Account = parsed.GetValue(account),
                Repository = parsed.GetValue(repository),
                Outcome = parsed.GetValue(outcome),
                Decision = parsed.GetValue(decision),
                Action = parsed.GetValue(action),
                Since = AuditQuery.TimeOf("--since", parsed.GetValue(since), time),
                Until = AuditQuery.TimeOf("--until", parsed.GetValue(until), time),
            };
            var path = parsed.GetValue(log) ?? configured(parsed);
            var files = AuditFiles.Of(path);
            if (files.Count == 0) throw new OperatorException($"there is no audit log {path}");
            foreach (var file in files.Reverse())
            {
                Search(file, query, parsed.GetValue(json), parsed.InvocationConfiguration, cancellationToken);
            }

            return Task.FromResult(0);
        });
        return command;
    }

    private static void Search(
        string file, AuditQuery query, bool asJson, InvocationConfiguration console, CancellationToken cancellationToken)
    {
        foreach (var (text, line) in AuditSearch.Read(
            file, query, warning => console.Error.WriteLine($"warning: {warning}"), cancellationToken))
        {
            console.Output.WriteLine(asJson ? Encoding.UTF8.GetString(text.Span) : Describe(line));
        }
    }

    private static string Describe(JsonElement line)
    {
        var (time, outcome) = (AuditQuery.Text(line, "time"), AuditQuery.Text(line, "outcome"));
        var reason = AuditQuery.Text(line, "reason") is { Length: > 0 } why ? $"  ({why})" : "";
        if (AuditQuery.Text(line, "action") is { Length: > 0 } action)
        {
            return LogText.Clean(
                $"{time}  {outcome}  {AuditQuery.Text(line, "by")}: {action} "
                    + $"{string.Join(' ', AuditQuery.Texts(line, "arguments"))}") + LogText.Clean(reason);
        }

        var account = AuditQuery.Text(line, "account") is { Length: > 0 } name ? name : "anonymous";
        var count = line.TryGetProperty("count", out var times) ? $"  {times} times since {AuditQuery.Text(line, "since")}" : "";
        return LogText.Clean(
            $"{time}  {outcome}  {account} from {AuditQuery.Text(line, "address")}  {AuditQuery.Text(line, "service")} "
                + $"{string.Join(' ', AuditQuery.Texts(line, "asked"))}  decision "
                + $"{AuditQuery.Text(line, "decision")}{count}") + LogText.Clean(reason);
    }
}
