using System.Globalization;
using System.Text.Json;
using AuthIndex.Hosting.Configuration;

namespace AuthIndex.Hosting.Audit;

/// <summary>A filter for lines of an audit log; null fields do not filter.</summary>
public sealed record AuditQuery
{
    /// <summary>The account that a decision was about, or that a command was given or run by.</summary>
    public string? Account { get; init; }

    /// <summary>A repository that was asked for, or that a command was given.</summary>
    public string? Repository { get; init; }

    /// <summary>The outcome that a line must have; null for any.</summary>
    public string? Outcome { get; init; }

    /// <summary>A decision's id; letter case and letters that look like digits are ignored.</summary>
    public string? Decision { get; init; }

    /// <summary>A command such as <c>users</c> or <c>users remove</c>, or an action asked for such as <c>push</c>.</summary>
    public string? Action { get; init; }

    /// <summary>The time of the first line; null for no limit.</summary>
    public DateTimeOffset? Since { get; init; }

    /// <summary>The time before which the last line must be; null for no limit.</summary>
    public DateTimeOffset? Until { get; init; }

    /// <summary>Whether a line is wanted.</summary>
    public bool Wants(JsonElement line) =>
        IsInTime(line)
        && (Outcome is null || Outcome == Text(line, "outcome"))
        && (Decision is null || Canonical(Decision) == Canonical(Text(line, "decision")))
        && (Account is null || IsAccount(Text(line, "account"), Account) || Texts(line, "arguments").Any(a => IsAccount(a, Account))
            || IsBy(Text(line, "by"), Account))
        && (Repository is null || Texts(line,
            "asked").Any(s => s.StartsWith($"repository:{Repository}:", StringComparison.Ordinal)) || Texts(line,
                "arguments").Contains(Repository, StringComparer.Ordinal))
        && (Action is null || $"{Text(line, "action")} ".StartsWith(Action + " ", StringComparison.Ordinal) || Texts(line,
            "asked").Any(s => s[(s.LastIndexOf(':') + 1)..].Split(',').Contains(Action, StringComparer.Ordinal)));

    /// <summary>Whether a name is an account's. Names that others give, which have a colon, are one in any letter case.</summary>
    private static bool IsAccount(string name, string account) => name.Equals(
        account, account.Contains(':', StringComparison.Ordinal) ? StringComparison.OrdinalIgnoreCase : StringComparison.Ordinal);

    /// <summary>
    /// Whether an act was an account's: in the portal it is "ACCOUNT at ADDRESS", on the command line the names of people of the machine.
    /// </summary>
    private static bool IsBy(string by, string account) => by.LastIndexOf(" at ", StringComparison.Ordinal) is >= 0 and var end
        ? IsAccount(by[..end], account)
        : by.Split(':', ' ', ')').Contains(account, StringComparer.Ordinal);

    /// <summary>The text of a member; empty where there is none.</summary>
    public static string Text(JsonElement line, string member) =>
        line.TryGetProperty(member, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() ?? "" : "";

    /// <summary>The texts of a list; none where there is none.</summary>
    public static IEnumerable<string> Texts(JsonElement line, string member) =>
        line.TryGetProperty(member, out var list) && list.ValueKind == JsonValueKind.Array
            ? list.EnumerateArray().Where(t => t.ValueKind == JsonValueKind.String).Select(t => t.GetString() ?? "")
            : [];

    /// <summary>Reads a time that bounds a search: a date or time, or a duration before now; null for none.</summary>
    /// <param name="option">What it was given as, for the message.</param>
    /// <param name="text">The text.</param>
    /// <param name="time">The clock.</param>
    /// <exception cref="OperatorException">It is neither.</exception>
    public static DateTimeOffset? TimeOf(string option, string? text, TimeProvider time)
    {
        if (text is null) return null;
        if (Duration.TryParse(text, out var ago)) return time.GetUtcNow() - ago;
        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            ? at
            : throw new OperatorException(
                $"{option}: '{LogText.Clean(text)}' is neither a time such as 2027-01-31 nor a duration such as 2h");
    }

    /// <summary>
    /// An id as it is compared: the alphabet has no I, L, O and U, so that they can be read as 1 and 0 when copied by hand.
    /// </summary>
    public static string Canonical(string decision) =>
        decision.Trim().ToUpperInvariant().Replace('O', '0').Replace('I', '1').Replace('L', '1');

    private bool IsInTime(JsonElement line)
    {
        if (Since is null && Until is null) return true;
        return DateTimeOffset.TryParseExact(
            Text(line, "time"), AuditFile.TimeFormat, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at)
            && (Since is not { } from || at >= from) && (Until is not { } to || at < to);
    }
}
