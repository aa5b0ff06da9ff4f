using System.Diagnostics.CodeAnalysis;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies.Patterns;

/// <summary>Reads patterns as rules write them, and rejects those that could never match or that do not mean what they appear to.</summary>
internal static class ResourcePatternReader
{
    private static readonly string[] Types = [Scope.RepositoryType, Scope.RegistryType, Scope.IndexType];
    private static readonly string[] Placeholders = ["{account}", "{group}"];

    /// <summary>Reads a pattern: <c>glob</c> for repositories, <c>type:glob</c> for others.</summary>
    /// <param name="text">The text.</param>
    /// <param name="pattern">The pattern, if the text is one.</param>
    /// <param name="problem">What is wrong with the text otherwise.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out ResourcePattern? pattern, [NotNullWhen(false)] out string? problem)
    {
        problem = Check(text, out var type, out var glob);
        pattern = problem is null ? ResourcePattern.Compile(type, glob) : null;
        if (pattern is { Wildcards: > ResourcePattern.MaxWildcards and var count })
        {
            problem = $"a pattern has at most {ResourcePattern.MaxWildcards} wildcards and placeholders, not {count}";
            pattern = null;
        }

        return pattern is not null;
    }

    private static string? Check(string text, out string type, out string glob)
    {
        (type, glob) = (Scope.RepositoryType, text);
        if (text.Length == 0) return "an empty pattern matches nothing; write \"**\" for every repository";
        if (text.Length > ResourcePattern.MaxLength) return $"a pattern has at most {ResourcePattern.MaxLength} characters";

        var colon = text.IndexOf(':', StringComparison.Ordinal);
        if (colon >= 0)
        {
            (type, glob) = (text[..colon], text[(colon + 1)..]);
            if (!Types.Contains(type)) return ExplainType(text, type, glob);
        }

        var problem = type == Scope.RepositoryType ? CheckRepository(glob, hostMayLead: colon >= 0) : CheckOther(glob);
        return problem is null ? null : $"'{text}': {problem}";
    }

    private static string ExplainType(string text, string type, string glob)
    {
        if (glob.Contains('/'))
        {
            return $"'{type}' is not a resource type{Suggestion.For(type, Types)}; for a name with a host and port write "
                + $"'repository:{text}'";
        }

        return type.Contains('/')
            ? $"'{text}': a pattern names repositories, not tags"
            : $"'{type}' is not a resource type{Suggestion.For(type, Types)}";
    }

    private static string? CheckRepository(string glob, bool hostMayLead)
    {
        if (glob.Length == 0) return "a name or pattern must follow the colon";
        if (glob.Contains("***", StringComparison.Ordinal)) return "*** has no meaning; * stays within one segment, ** goes across";
        if (glob[0] == '/') return $"repository names do not begin with '/'; did you mean '{glob.TrimStart('/')}'?";
        if (glob[^1] == '/') return $"repository names do not end with '/'; did you mean '{glob.TrimEnd('/')}/**'?";
        if (glob.Contains("//", StringComparison.Ordinal)) return "repository names do not contain '//'";
        if (CheckPlaceholders(glob, out var plain) is { } problem) return problem;

        var slash = plain.IndexOf('/', StringComparison.Ordinal);
        var path = hostMayLead && slash > 0 ? plain[(slash + 1)..] : plain;
        if (path.Any(char.IsAsciiLetterUpper)) return $"repositories have lower-case names; did you mean '{glob.ToLowerInvariant()}'?";

        var odd = path.FirstOrDefault(
            c => !char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c) && c is not ('.' or '_' or '-' or '/' or '*'));
        if (odd is '?' or '[' or ']' or '(' or ')' or '|' or '^' or '$' or '+' or '\\')
        {
            return $"'{odd}' has no meaning in a pattern; use * within a segment and ** across segments";
        }

        if (odd is ',' or ' ') return "write one pattern per list item";
        if (odd != default) return $"repository names do not contain '{odd}'";
        if (!plain.Contains('*') && !Scope.TryParse($"{Scope.RepositoryType}:{plain}:pull", out _, out _))
        {
            return "this cannot be a repository name";
        }

        return null;
    }

    private static string? CheckOther(string glob)
    {
        if (glob.Length == 0) return "a name or pattern must follow the colon";
        return CheckPlaceholders(glob, out var plain)
            ?? (plain.Any(c => c is <= ' ' or >= '\x7f' or '"' or '\\') ? "names cannot contain spaces, quotes or backslashes" : null);
    }

    // Gives the pattern with a letter in every placeholder's place, so that what is around it can be judged.
    private static string? CheckPlaceholders(string glob, out string plain)
    {
        plain = Placeholders.Aggregate(glob, (text, placeholder) => text.Replace(placeholder, "a", StringComparison.Ordinal));
        var open = plain.IndexOf('{', StringComparison.Ordinal);
        if (open < 0) return plain.Contains('}') ? "a '}' without its '{'" : null;
        var close = plain.IndexOf('}', open);
        if (close < 0) return "a '{' without its '}'";
        var unknown = plain[open..(close + 1)];
        return $"{unknown} is not a placeholder{Suggestion.For(unknown, Placeholders)}";
    }
}
