using System.Diagnostics.CodeAnalysis;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies.Files.Values;

/// <summary>Reads resources as people write them in tests and on the command line: <c>platform/api</c>, <c>registry:catalog</c>.</summary>
internal static class ScopeText
{
    /// <summary>Reads a resource without actions.</summary>
    /// <param name="resource">The text.</param>
    /// <param name="actions">The actions of the scope.</param>
    /// <param name="scope">The scope, if the text names a resource.</param>
    /// <param name="problem">What is wrong with the text otherwise.</param>
    public static bool TryParse(
        string resource, ActionSet actions, [NotNullWhen(true)] out Scope? scope, [NotNullWhen(false)] out string? problem)
    {
        var typed = resource.StartsWith(Scope.RepositoryType + ":", StringComparison.Ordinal) || IsOfOtherType(resource);
        if (!Scope.TryParse($"{(typed ? "" : Scope.RepositoryType + ":")}{resource}:*", out scope, out problem))
        {
            problem = $"'{resource}' is not a resource: {problem}";
            return false;
        }

        scope = scope with { Actions = actions };
        return true;
    }

    /// <summary>Reads a scope; its type may be left out where it is a repository.</summary>
    /// <param name="text">The text.</param>
    /// <param name="scope">The scope, if the text is one.</param>
    /// <param name="problem">What is wrong with the text otherwise.</param>
    public static bool TryParseWithActions(
        string text, [NotNullWhen(true)] out Scope? scope, [NotNullWhen(false)] out string? problem)
    {
        var typed = text.StartsWith(Scope.RepositoryType, StringComparison.Ordinal) || IsOfOtherType(text);
        if (!Scope.TryParse(typed ? text : $"{Scope.RepositoryType}:{text}", out scope, out problem))
        {
            problem = $"'{text}' is not a scope: {problem}; write it like repository:platform/api:pull,push";
            return false;
        }

        // A client's token request may hold words of another registry; whoever asks by hand has misspelt one.
        var misspelt = text[(text.LastIndexOf(':') + 1)..].Split(',').FirstOrDefault(word => !ActionSet.TryParseWord(word, out _));
        problem = misspelt is null ? NameProblem(scope) : RuleReader.Unknown(misspelt, []);
        return problem is null;
    }

    private static bool IsOfOtherType(string text) => text.StartsWith(Scope.RegistryType + ":", StringComparison.Ordinal)
        || text.StartsWith(Scope.IndexType + ":", StringComparison.Ordinal);

    /// <summary>
    /// Why no repository can have the name; null when one can. A scope's name may begin with a registry's host, which holds a dot or a
    /// port.
    /// </summary>
    public static string? NameProblem(Scope scope)
    {
        if (scope.Type != Scope.RepositoryType
            || RepositoryName.TryParse(scope.Name, out _)
            || scope.Name.Split('/')[0].AsSpan().IndexOfAny('.', ':') >= 0)
        {
            return null;
        }

        return $"'{scope.Name}' is not a valid repository name: use lower-case letters and digits, joined by . _ or -, "
                + "in components separated by /";
    }
}
