using System.Globalization;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.TokenServer.Policies.Files.Values;

/// <summary>Tells text from unquoted values that YAML readers take for a boolean or a number.</summary>
internal static class PlainText
{
    private static readonly HashSet<string> Booleans = new(StringComparer.OrdinalIgnoreCase) { "yes", "no", "on", "off", "true", "false" };

    /// <summary>What is wrong with a scalar where text is expected; null when nothing is.</summary>
    public static string? Problem(ScalarNode node)
    {
        if (node.IsQuoted) return null;
        if (node.Value.Contains('\u00a0'))
        {
            return "the text contains a no-break space (U+00A0), which looks like a space; write a space, or put quotes around it if it is "
                + "meant";
        }

        if (node.IsNull) return "expected text, found nothing";
        if (Booleans.Contains(node.Value))
        {
            return $"YAML reads {node.Value} as true or false; write \"{node.Value}\" with quotes for the text";
        }

        return IsNumber(node.Value) ? $"YAML reads {node.Value} as a number; write \"{node.Value}\" with quotes for the text" : null;
    }

    private static bool IsNumber(string text)
    {
        // 0x1f, 0o17, 1_000 and 12:30:00 are numbers to YAML too. A date or an address is not.
        if (!char.IsAsciiDigit(text[0]) && text[0] is not ('+' or '-' or '.')) return false;
        return double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _)
            || ((text.StartsWith("0x", StringComparison.Ordinal) || text.StartsWith("0o", StringComparison.Ordinal))
                && text.Skip(2).All(char.IsAsciiHexDigit))
            || (char.IsAsciiDigit(text[0]) && text.All(c => char.IsAsciiDigit(c) || c is ':' or '_'));
    }
}
