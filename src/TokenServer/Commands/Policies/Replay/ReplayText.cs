using System.Globalization;
using AuthIndex.Hosting;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Replay;

namespace AuthIndex.TokenServer.Commands.Policies.Replay;

/// <summary>Shows what a replay of recorded decisions found.</summary>
internal static class ReplayText
{
    /// <summary>The most changes shown to a person; JSON holds all.</summary>
    private const int MaxShown = 100;

    public static void Write(TextWriter output, DecisionReplay replay)
    {
        output.WriteLine($"{replay.Changed} of {replay.Decisions} recorded decisions would differ if asked at {Text(replay.Now)}");
        var changes = replay.Changes;
        foreach (var change in changes.Take(MaxShown))
        {
            var who = change.Account.Length == 0 ? "anonymous callers" : LogText.Clean(change.Account);
            var times = change.Count == 1 ? "once" : $"{change.Count} times";
            Line('-', change.Lost);
            Line('+', change.Gained);
            output.WriteLine($"    such as {string.Join(", ", change.Samples.OrderByDescending(s => s.Time).Select(Text))}");

            void Line(char sign, ActionSet actions)
            {
                if (!actions.IsEmpty) output.WriteLine($"{sign} {who}: {actions} on {LogText.Clean(change.Resource)}, asked {times}");
            }
        }

        if (changes.Count > MaxShown) output.WriteLine($"… and {changes.Count - MaxShown} more questions");
        if (replay.NotKept > 0)
        {
            output.WriteLine($"… and {replay.NotKept} differences beyond the {DecisionReplay.MaxChanges} questions that are kept");
        }
    }

    public static object AsJson(DecisionReplay replay) => new
    {
        askedAt = replay.Now,
        replay.Decisions,
        replay.Changed,
        replay.NotKept,
        changes = replay.Changes.Select(
            c => new { c.Account, c.Resource, gained = c.Gained.Words, lost = c.Lost.Words, c.Count, c.Samples }),
    };

    private static string Text(DecisionSample sample) =>
        $"{LogText.Clean(sample.Decision)} ({Text(sample.Time)}{(sample.Address is null ? "" : $" from {LogText.Clean(sample.Address)}")})";

    private static string Text(DateTimeOffset time) =>
        time.UtcDateTime.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) + " UTC";
}
