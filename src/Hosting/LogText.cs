using System.Buffers;
using System.Globalization;
using System.Text;

namespace AuthIndex.Hosting;

/// <summary>
/// Makes text from outside fit for a log line: no line breaks, no terminal escapes, nothing that turns the reading direction, no
/// endless text.
/// </summary>
public static class LogText
{
    /// <summary>The most characters of a text that are kept.</summary>
    public const int MaxLength = 300;

    private static readonly SearchValues<char> Plain = SearchValues.Create(
        " !#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[]^_`abcdefghijklmnopqrstuvwxyz{|}~");

    /// <summary>The text with every control, format and separator character written as <c>\uXXXX</c>, cut at <see cref="MaxLength"/>.</summary>
    public static string Clean(string? text) => Clean(text, isQuoted: true);

    /// <summary>The same for a terminal, where no quotes surround it: quotation marks and backslashes, as in distinguished names, stay.</summary>
    public static string ForTerminal(string? text) => Clean(text, isQuoted: false);

    private static string Clean(string? text, bool isQuoted)
    {
        if (text is null) return "";
        if (text.Length <= MaxLength && !text.AsSpan().ContainsAnyExcept(Plain)) return text;

        var clean = new StringBuilder();
        foreach (var c in text.AsSpan(0, Math.Min(text.Length, MaxLength)))
        {
            if (c is '"' or '\\' ? !isQuoted : IsHarmless(c)) clean.Append(c);
            else clean.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
        }

        return (text.Length > MaxLength ? clean.Append('…') : clean).ToString();
    }

    private static bool IsHarmless(char c) => char.GetUnicodeCategory(c) is not (
        UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator
        or UnicodeCategory.Surrogate or UnicodeCategory.OtherNotAssigned or UnicodeCategory.PrivateUse);
}
