using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Policies.Files.Values;

/// <summary>Reads resources as people write them in tests and on the command line: <c>platform/api</c>, <c>registry:catalog</c>.</summary>
internal static class ScopeText
{
    /// <summary>Reads a resource without actions.</summary>
    /// <returns>Null when the text names a resource; otherwise what is wrong with it.</returns>
    public static string? Parse(string resource, ActionSet actions, out Scope? scope)
    {
        var typed = resource.StartsWith(Scope.RepositoryType + ":", StringComparison.Ordinal)
            || resource.StartsWith(Scope.RegistryType + ":", StringComparison.Ordinal);
        if (!Scope.TryParse($"{(typed ? "" : Scope.RepositoryType + ":")}{resource}:*", out scope, out var problem))
        {
            return $"'{resource}' is not a resource: {problem}";
        }

        scope = scope with { Actions = actions };
        return null;
    }

    /// <summary>Reads a scope; its type may be left out where it is a repository.</summary>
    /// <returns>Null when the text is a scope; otherwise what is wrong with it.</returns>
    public static string? ParseWithActions(string text, out Scope? scope)
    {
        var typed = text.StartsWith(Scope.RepositoryType, StringComparison.Ordinal)
            || text.StartsWith(Scope.RegistryType + ":", StringComparison.Ordinal);
        if (!Scope.TryParse(typed ? text : $"{Scope.RepositoryType}:{text}", out scope, out var problem))
        {
            return $"'{text}' is not a scope: {problem}; write it like repository:platform/api:pull,push";
        }

        // A client's token request may hold words of another registry; whoever asks by hand has misspelt one.
        foreach (var word in text[(text.LastIndexOf(':') + 1)..].Split(','))
        {
            if (!ActionSet.TryParseWord(word, out _)) return RuleReader.Unknown(word, []);
        }

        return NameProblem(scope);
    }

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
