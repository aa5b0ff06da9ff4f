using System.Text.RegularExpressions;

namespace AuthIndex.RegistryCore.Import;

/// <summary>A pattern of repository names as policies write them: <c>*</c> within one path segment, <c>**</c> across.</summary>
internal sealed class RepositoryPattern(string text)
{
    private readonly Regex expression = new(
        $"^{Regex.Escape(text).Replace(@"\*\*", ".*", StringComparison.Ordinal).Replace(@"\*", "[^/]*", StringComparison.Ordinal)}$",
        RegexOptions.NonBacktracking | RegexOptions.CultureInvariant);

    /// <summary>Whether the name is one of them.</summary>
    public bool Matches(string name) => expression.IsMatch(name);
}
