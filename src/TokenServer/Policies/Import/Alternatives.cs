using System.Text.RegularExpressions;

namespace AuthIndex.TokenServer.Policies.Import;

/// <summary>A regular expression that is nothing but a list of texts, as <c>/^(a|b)$/</c>. No other expression is interpreted.</summary>
/// <param name="Texts">The texts.</param>
/// <param name="IsWhole">Whether a match is one of the texts; otherwise it only holds one.</param>
internal sealed partial record Alternatives(IReadOnlyList<string> Texts, bool IsWhole)
{
    /// <summary>Reads an expression between slashes; null when it is anything else.</summary>
    public static Alternatives? Read(string text)
    {
        if (text is not ['/', .., '/'] || text.Length < 3) return null;
        var match = Whole().Match(text[1..^1]) is { Success: true } whole ? whole : Part().Match(text[1..^1]);
        if (!match.Success) return null;
        string[] texts = [
            .. match.Groups["list"].Value.Split('|').Select(t => t.Replace("\\", "", StringComparison.Ordinal))
                .Distinct(StringComparer.Ordinal)];
        return new Alternatives(texts, match.Groups["start"].Success);
    }

    // One text alone needs no brackets; several need them, since ^a|b$ is something else. A dot must be escaped to be one.
    [GeneratedRegex(
        @"^(?<start>\^)(?:\((?:\?:)?(?<list>(?:[\w@/-]|\\[.-])+(?:\|(?:[\w@/-]|\\[.-])+)*)\)|(?<list>(?:[\w@/-]|\\[.-])+))\$$",
        RegexOptions.ECMAScript, 1000)]
    private static partial Regex Whole();

    [GeneratedRegex(
        @"^(?:\((?:\?:)?(?<list>(?:[\w@/-]|\\[.-])+(?:\|(?:[\w@/-]|\\[.-])+)*)\)|(?<list>(?:[\w@/-]|\\[.-])+(?:\|(?:[\w@/-]|\\[.-])+)*))$",
        RegexOptions.ECMAScript, 1000)]
    private static partial Regex Part();
}
