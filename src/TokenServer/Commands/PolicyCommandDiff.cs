using System.CommandLine;
using AuthIndex.TokenServer.Policies;

namespace AuthIndex.TokenServer.Commands;

/// <summary><c>policy diff OLD NEW</c>: what an edit gives and takes, by decisions and not by lines.</summary>
internal static class PolicyCommandDiff
{
    public static Command Create(PolicyOptions shared, TimeProvider time)
    {
        var old = new Argument<string>("OLD") { Description = "The directory of the policy as it was." };
        var @new = new Argument<string>("NEW") { Description = "The directory of the policy as it is to be." };
        var command = new Command("diff", "Show the grants that are gained and lost between two policies, at the boundary cases of their rules.") { old, @new };
        command.SetAction(parsed =>
        {
            var now = time.GetUtcNow();
            if (PolicyCommand.Load(parsed, parsed.GetValue(old)!, now) is not { } before) return 1;
            if (PolicyCommand.Load(parsed, parsed.GetValue(@new)!, now) is not { } after) return 1;
            var changes = PolicyComparison.Compare(before, after);
            if (parsed.GetValue(shared.Json)) PolicyCommand.WriteJson(parsed, changes.Select(AsJson));
            else Write(parsed.InvocationConfiguration.Output, changes);
            return 0;
        });
        return command;
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
