using System.Buffers;
using System.Globalization;
using System.Text;

namespace AuthIndex.Hosting;

/// <summary>
/// Makes outside text safe for a log line or a terminal: no line breaks, no terminal escapes, no change of the reading direction, no
/// endless text.
/// </summary>
public static class LogText
{
    /// <summary>The most characters of a text that are kept; a longer text is cut and ends with <c>…</c>.</summary>
    public const int MaxLength = 300;

    private static readonly SearchValues<char> Plain = SearchValues.Create(
        " !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    /// <summary>
    /// The text with every control, format and separator character written as <c>\uXXXX</c> and every backslash doubled, cut at
    /// <see cref="MaxLength"/>. Quotes and letters of any script stay as they are: people read and search the text.
    /// </summary>
    public static string Clean(string? text) => Clean(text, doublesBackslashes: true);

    /// <summary>The same for a terminal: backslashes, as in distinguished names, stay single.</summary>
    public static string ForTerminal(string? text) => Clean(text, doublesBackslashes: false);

    private static string Clean(string? text, bool doublesBackslashes)
    {
        if (text is null) return "";
        if (text.Length <= MaxLength && !text.AsSpan().ContainsAnyExcept(Plain)) return text;

        var clean = new StringBuilder();
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, MaxLength)))
        {
            if (c == '\\') clean.Append(doublesBackslashes ? @"\\" : @"\");
            else if (IsHarmless(c)) clean.Append(c);
            else clean.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return (text.Length > MaxLength ? clean.Append('…') : clean).ToString();
    }

    private static bool IsHarmless(char c) => char.GetUnicodeCategory(c) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse);
}
