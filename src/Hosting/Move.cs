using System.Globalization;

namespace AuthIndex.Hosting;

/// <summary>
/// A row of the table <c>moves</c>: that the content of a database was moved to another place, or is still being moved here. Programs
/// look for it when they open a database, so that no two of them go on with the same content at two places.
/// </summary>
/// <param name="Kind"><see cref="Away"/> or <see cref="Unfinished"/>.</param>
/// <param name="Place">The other place, for people.</param>
/// <param name="At">Since when, in Unix seconds.</param>
public sealed record Move(string Kind, string Place, long At)
{
    /// <summary>The content was moved to another place. Written before the copy there can be used.</summary>
    public const string Away = "away";

    /// <summary>The content is a copy that is not finished.</summary>
    public const string Unfinished = "unfinished";

    /// <summary>SQL that writes a row; its parameters are the properties.</summary>
    public const string Note =
        "INSERT INTO moves (kind, place, at) VALUES (@Kind, @Place, @At) "
        + "ON CONFLICT (kind) DO UPDATE SET place = excluded.place, at = excluded.at";

    /// <summary>SQL that reads a row.</summary>
    public const string FindAway = $"SELECT kind, place, at FROM moves WHERE kind = '{Away}'";

    /// <summary>SQL that reads a row.</summary>
    public const string FindUnfinished = $"SELECT kind, place, at FROM moves WHERE kind = '{Unfinished}'";

    /// <summary>SQL that removes a row.</summary>
    public const string ForgetAway = $"DELETE FROM moves WHERE kind = '{Away}'";

    /// <summary>SQL that removes a row.</summary>
    public const string ForgetUnfinished = $"DELETE FROM moves WHERE kind = '{Unfinished}'";

    /// <summary>Where and when the content was moved, as a sentence without an end.</summary>
    /// <param name="here">What was moved.</param>
    public string Describe(string here) => string.Create(
        CultureInfo.InvariantCulture, $"{here} was moved to {Place} on {DateTimeOffset.FromUnixTimeSeconds(At):u}");

    /// <summary>Why what was moved is not used any more.</summary>
    /// <param name="here">What was moved.</param>
    /// <param name="command">The command that moved it, whose verb is <c>copy</c>, and <c>reopen</c> that allows its use again.</param>
    public OperatorException Refusal(string here, string command) => new(
        $"{Describe(here)} and must not be used here any more: use it there. If '{command} copy' did not report success, run it again. If "
        + $"the move was a mistake, make sure that nothing uses the other place, and run '{command} reopen' to use this one again");

    /// <summary>Why it is not moved once more.</summary>
    /// <inheritdoc cref="Refusal"/>
    public OperatorException MovedAlready(string here, string command) => new(
        $"{Describe(here)}, and the copy there can be used: nothing is left to do. If the move was a mistake, make sure that nothing uses "
        + $"the other place, and run '{command} reopen' to use this one again");
}
