using System.CommandLine;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Audit;
using AuthIndex.TokenServer.Audit;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy why ID</c>: looks up a decision by its id in the audit log.</summary>
internal static class PolicyWhyCommand
{
    private static readonly JsonWriterOptions JsonStyle = new() { Indented = true, Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create(PolicyOptions shared, Func<ParseResult, string> configured)
    {
        var id = new Argument<string?>(
            "ID") { Description = "The decision id, as shown by the refused client.", Arity = ArgumentArity.ZeroOrOne };
        var account = new Option<string?>(
            "--account") { Description = "With --last, the account whose decision to explain, for clients that do not show the id.",
                HelpName = "NAME" };
        var last = new Option<bool>(
            "--last") { Description = "Explain the account's latest refusal, or its latest decision if none was refused." };
        var log = new Option<string?>(
            "--log") { Description = "The audit log (default: the server's). Rotated files next to it are searched too, newest first.",
                HelpName = "FILE" };
        var command = new Command(
            "why",
            "Look up a decision in the audit log, and show who asked for what, what was refused, and why.") { id, account, last, log };
        command.Validators.Add(r =>
        {
            if (r.GetValue(id) is null != (r.GetValue(account) is not null && r.GetValue(last)))
            {
                r.AddError("policy why takes either ID or --account NAME --last");
            }
        });
        command.SetAction((parsed, cancellation) => Task.FromResult(
            Run(
                parsed, new Wanted(parsed.GetValue(id), parsed.GetValue(account) ?? ""), parsed.GetValue(log) ?? configured(parsed),
                parsed.GetValue(shared.Json), cancellation)));
        return command;
    }

    private static int Run(ParseResult parsed, Wanted wanted, string log, bool json, CancellationToken cancellation)
    {
        var error = parsed.InvocationConfiguration.Error;
        var files = AuditFiles.Of(log);
        if (files.Count == 0)
        {
            error.WriteLine($"error: there is no audit log {log}");
            return 1;
        }

        var reader = new AuditReader(problem => error.WriteLine($"warning: {problem}"));
        if (wanted.In(reader, files, cancellation) is not { } found)
        {
            var rotated = files.Count switch { 1 => "", 2 => " and its rotated file", _ => $" and its {files.Count - 1} rotated files" };
            error.WriteLine($"error: no {wanted} in {log}{rotated}");
            return 1;
        }

        var output = parsed.InvocationConfiguration.Output;
        if (json) output.WriteLine(AsJson(found.Entry));
        else Write(output, found);
        return 0;
    }

    private static void Write(TextWriter output, AuditFinding found)
    {
        var entry = found.Entry;
        output.WriteLine($"decision {LogText.Clean(entry.Decision)}: {Words(entry.Outcome)}");
        Line("when", entry.Time.ToString("yyyy-MM-dd HH:mm:ss.fff", CultureInfo.InvariantCulture) + " UTC");
        Line("who", Who(entry));
        if (entry.Groups.Count > 0) Line("groups", string.Join(", ", entry.Groups.Select(LogText.Clean)));
        Line("service", entry.Service is null ? "none named" : LogText.Clean(entry.Service));
        Lines("asked", entry.Asked.Count > 0 ? entry.Asked : ["nothing: a sign-in only"]);
        Lines("granted", [.. entry.Granted, .. entry.AllowedBy.Select(rule => $"  by {rule}")]);
        Lines(
            "refused",
            [.. entry.Refused.SelectMany(r => new[] { r.Scope, $"  {r.Reason}" }.Concat(r.Rules.Select(rule => $"  by {rule}")))]);
        if (entry.Reason is not null) Line("reason", LogText.Clean(entry.Reason));
        if (entry.Count > 1)
        {
            Line(
                "count", string.Create(
                    CultureInfo.InvariantCulture, $"the last of {entry.Count} since {entry.Since:yyyy-MM-dd HH:mm:ss} UTC"));
        }

        if (entry.Omitted > 0)
        {
            Line("omitted", string.Create(CultureInfo.InvariantCulture, $"{entry.Omitted} texts, to keep the line short"));
        }

        if (entry.Policy is not null) Line("policy", LogText.Clean(entry.Policy));
        Line("found in", $"{found.File}:{found.Line}");

        void Line(string label, string text) => output.WriteLine($"  {label,-10}{text}");

        void Lines(string label, IReadOnlyList<string> texts)
        {
            for (var i = 0; i < texts.Count; i++) Line(i == 0 ? label : "", LogText.Clean(texts[i]));
        }
    }

    private static string Who(AuditEntry entry)
    {
        var who = new StringBuilder(entry.Account.Length == 0 ? "an anonymous caller" : LogText.Clean(entry.Account));
        if (entry.Account.Length > 0 && entry.SignedInBy is not null)
        {
            who.Append(CultureInfo.InvariantCulture, $", signed in by {LogText.Clean(entry.SignedInBy)}");
        }

        if (entry.SignedInBy is null) who.Append(", not signed in");
        if (entry.Grant is not null)
        {
            who.Append(CultureInfo.InvariantCulture, $" '{LogText.Clean(entry.GrantName)}' ({LogText.Clean(entry.Grant)})");
        }

        who.Append(CultureInfo.InvariantCulture, $", from {(entry.Address is null ? "an unknown address" : LogText.Clean(entry.Address))}");
        return who.ToString();
    }

    private static string Words(AuditOutcome outcome) => outcome switch
    {
        AuditOutcome.Granted => "granted",
        AuditOutcome.Partly => "granted in part",
        AuditOutcome.Refused => "refused",
        AuditOutcome.SignInFailed => "the sign-in failed",
        _ => "the sign-in could not be checked",
    };

    private static string AsJson(AuditEntry entry)
    {
        using var bytes = new MemoryStream();
        using (var json = new Utf8JsonWriter(bytes, JsonStyle)) entry.Write(json);
        return Encoding.UTF8.GetString(bytes.ToArray());
    }

    /// <summary>Which decision: one by its id, or an account's last.</summary>
    private sealed record Wanted(string? Id, string Account)
    {
        public AuditFinding? In(AuditReader reader, IReadOnlyList<string> files, CancellationToken cancellation) => Id is not null
            ? reader.Find(files, Id, cancellation)
            : reader.FindLast(files, Account, refusedOnly: true, cancellation)
            ?? reader.FindLast(files, Account, refusedOnly: false, cancellation);

        public override string ToString() =>
            Id is not null ? $"decision '{LogText.Clean(Id)}'" : $"decision about '{LogText.Clean(Account)}'";
    }
}
