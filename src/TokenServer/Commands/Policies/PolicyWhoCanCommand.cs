using System.CommandLine;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Files.Values;

namespace AuthIndex.TokenServer.Commands.Policies;

/// <summary><c>policy who-can ACTION REPOSITORY</c>: lists who may do something, and the rules that allow it.</summary>
internal static class PolicyWhoCanCommand
{
    public static Command Create(PolicyOptions shared, TimeProvider time)
    {
        var action = new Argument<string>("ACTION") { Description = "pull, push, delete or *." };
        var resource = new Argument<string>("REPOSITORY") { Description = "The repository, or type:name for another resource." };
        var command = new Command("who-can", "List who may do something, under any conditions.") { action, resource };
        command.SetAction(parsed =>
        {
            if (!ActionSet.TryParseWord(parsed.GetValue(action), out var wanted))
            {
                return Fail(parsed, RuleReader.Unknown(parsed.GetRequiredValue(action), []));
            }

            var text = parsed.GetRequiredValue(resource);
            if (!ScopeText.TryParse(text, wanted, out var scope, out var problem)) return Fail(parsed, problem);
            if (ScopeText.NameProblem(scope) is { } illegal) return Fail(parsed, illegal);
            var now = time.GetUtcNow();
            if (PolicyCommand.Load(parsed, shared.DirectoryOf(parsed), now) is not { } policy) return 1;

            var found = AccessGrantee.Find(policy, scope, RequestConditions.Unknown with { Now = now });
            if (parsed.GetValue(shared.Json)) PolicyCommand.WriteJson(parsed, found.Select(AsJson));
            else Write(parsed.InvocationConfiguration.Output, scope, found);
            return 0;
        });
        return command;
    }

    private static int Fail(ParseResult parsed, string problem)
    {
        parsed.InvocationConfiguration.Error.WriteLine($"error: {problem}");
        return 1;
    }

    private static void Write(TextWriter output, Scope scope, IReadOnlyList<AccessGrantee> found)
    {
        var holders = found.Where(h => h.DeniedBy is null).ToList();
        if (holders.Count == 0) output.WriteLine($"nobody may {scope.Actions} {scope.Name}");
        foreach (var holder in holders)
        {
            var when = holder.AllowedBy.When.IsEmpty ? "" : $", {holder.AllowedBy.When}";
            output.WriteLine($"{holder.Who,-32} {holder.AllowedBy}{when}");
        }

        foreach (var holder in found.Where(h => h.DeniedBy is not null))
        {
            output.WriteLine($"not {holder.Who}: {holder.AllowedBy} allows it, {holder.DeniedBy} denies it");
        }
    }

    private static object AsJson(AccessGrantee holder) => new
    {
        who = holder.Who,
        can = holder.DeniedBy is null,
        rule = holder.AllowedBy.Id,
        holder.AllowedBy.At.File,
        holder.AllowedBy.At.Line,
        when = holder.AllowedBy.When.ToString(),
        deniedBy = holder.DeniedBy?.Id,
    };
}
