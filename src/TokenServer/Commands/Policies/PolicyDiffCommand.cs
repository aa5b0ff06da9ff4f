using AuthIndex.TokenServer.Commands.Policies.Replay;
using System.CommandLine;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Audit;
using AuthIndex.TokenServer.Audit;
using AuthIndex.TokenServer.Policies.Comparison;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Replay;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy diff OLD NEW</c>: shows what an edit grants and takes away, by decisions and not by lines.</summary>
internal static class PolicyDiffCommand
{
    public static Command Create(PolicyOptions shared, TimeProvider time)
    {
        var old = new Argument<string>("OLD") { Description = "The old policy directory." };
        var @new = new Argument<string>("NEW") { Description = "The new policy directory." };
        var decisions = new Option<string?>("--decisions")
        {
            Description =
                "Replay the requests recorded in this audit log, or directory of logs with their rotated files, against both policies, "
                + "and show which decisions differ.",
            HelpName = "LOG",
        };
        var at = new Option<string?>("--at")
        {
            Description = "Evaluate recorded requests as of this time (default: now, because the edit is to take effect now).",
            HelpName = "TIME",
        };
        var command = new Command(
            "diff",
            "Show what a change of the policy grants and takes away, at the boundary cases of its rules and for recorded requests.") { old,
                @new, decisions, at };
        command.SetAction((parsed, cancellation) => Task.FromResult(
            Run(
                parsed, parsed.GetRequiredValue(old), parsed.GetRequiredValue(@new), parsed.GetValue(decisions), parsed.GetValue(at),
                parsed.GetValue(shared.Json), time.GetUtcNow(), cancellation)));
        return command;
    }

    private static int Run(
        ParseResult parsed, string old, string @new, string? decisions, string? at, bool json, DateTimeOffset now,
        CancellationToken cancellation)
    {
        var askedAt = now;
        if (at is not null && PolicyDate.Parse(at, null, lastOfDay: false, out askedAt) is { } problem)
        {
            return Fail(parsed, $"--at: {problem}");
        }

        if (at is not null && decisions is null) return Fail(parsed, "--at is the time for --decisions, which is not given");
        var files = decisions is null ? [] : Directory.Exists(decisions) ? AuditFiles.In(decisions) : File.Exists(decisions)
            ? [decisions]
            : (IReadOnlyList<string>)[];
        if (decisions is not null && files.Count == 0) return Fail(parsed, $"there is no audit log {decisions}");

        if (PolicyCommand.Load(parsed, old, now) is not { } before) return 1;
        if (PolicyCommand.Load(parsed, @new, now) is not { } after) return 1;
        var compared = PolicyComparison.Compare(before, after);
        var changes = compared.Grants;
        if (compared.Sampled > 0)
        {
            parsed.InvocationConfiguration.Error.WriteLine(
                $"warning: {compared.Sampled} of {compared.Changed} changed rules meet too many callers and patterns: only some of their "
                + $"cases were tried, so there may be further changes");
        }

        var replay = decisions is null ? null : Replay(parsed, files, new DecisionReplay(before, after, askedAt), cancellation);
        var output = parsed.InvocationConfiguration.Output;
        if (json)
        {
            var grants = changes.Select(AsJson);
            PolicyCommand.WriteJson(parsed, replay is null ? grants : new { grants, decisions = ReplayText.AsJson(replay) });
        }
        else
        {
            Write(output, changes);
            if (replay is not null) ReplayText.Write(output, replay);
        }

        return 0;
    }

    private static DecisionReplay Replay(
        ParseResult parsed, IReadOnlyList<string> files, DecisionReplay replay, CancellationToken cancellation)
    {
        var reader = new AuditReader(Warn);
        foreach (var found in files.SelectMany(file => reader.Read(file, cancellation)))
        {
            if (replay.Add(found.Entry) is { } problem)
            {
                Warn(new AuditProblem(found.File, found.Line, $"the entry is skipped: {problem}"));
            }
        }

        return replay;

        void Warn(AuditProblem problem) => parsed.InvocationConfiguration.Error.WriteLine($"warning: {LogText.Clean(problem.ToString())}");
    }

    private static int Fail(ParseResult parsed, string problem)
    {
        parsed.InvocationConfiguration.Error.WriteLine($"error: {problem}");
        return 1;
    }

    private static void Write(TextWriter output, IReadOnlyList<GrantChange> changes)
    {
        if (changes.Count == 0) output.WriteLine("no grant changes");
        foreach (var change in changes)
        {
            var on = change.Pattern == change.Resource ? change.Pattern : $"{change.Pattern} (tried with {change.Resource})";
            var when = change.Circumstances.Length == 0 ? "" : $", {change.Circumstances}";
            if (!change.Lost.IsEmpty) output.WriteLine($"- {change.Who}: {change.Lost} on {on}{when}");
            if (!change.Gained.IsEmpty) output.WriteLine($"+ {change.Who}: {change.Gained} on {on}{when}");
        }
    }

    private static object AsJson(GrantChange change) => new
    {
        change.Who,
        change.Pattern,
        change.Resource,
        gained = change.Gained.Words,
        lost = change.Lost.Words,
        change.Circumstances,
    };
}
