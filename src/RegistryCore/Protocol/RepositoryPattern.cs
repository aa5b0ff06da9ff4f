using System.Text.RegularExpressions;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>
/// A pattern of repository names as policies write them: <c>*</c> within one path segment, <c>**</c> across, <c>**/</c> at the start of a
/// segment also for nothing. Matching takes time linear in the name.
/// </summary>
internal sealed class RepositoryPattern(string text)
{
    private readonly Regex expression = new($"^{Translate(text)}$", RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    /// <summary>The text that every matching name begins with.</summary>
    public string LiteralPrefix { get; } = text.IndexOf('*', StringComparison.Ordinal) is var star and >= 0 ? text[..star] : text;

    /// <summary>Whether the name is one of them.</summary>
    public bool Matches(string name) => expression.IsMatch(name);

    /// <inheritdoc/>
    public override string ToString() => text;

    private static string Translate(string text)
    {
        var escaped = Regex.Escape(text);
        if (escaped.StartsWith(@"\*\*/", StringComparison.Ordinal)) escaped = "(?:.*/)?" + escaped[5..];
        return escaped.Replace(@"/\*\*/", "/(?:.*/)?", StringComparison.Ordinal)
            .Replace(@"\*\*", ".*", StringComparison.Ordinal)
            .Replace(@"\*", "[^/]*", StringComparison.Ordinal);
    }
}
