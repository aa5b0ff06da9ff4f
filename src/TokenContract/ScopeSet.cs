using System.Diagnostics.CodeAnalysis;

namespace AuthIndex.TokenContract;

/// <summary>
/// The scopes of one request or one token: each resource once, in the order first named. The same resource named twice is a union.
/// </summary>
public static class ScopeSet
{
    /// <summary>The most scopes read from one request; a push with many cross-repository mounts stays far below it.</summary>
    public const int MaxCount = 100;

    /// <summary>
    /// Reads the <c>scope</c> parameters of a token request: repeated, joined by spaces, or both (Docker token specification,
    /// "Requesting a token"; RFC 6749 section 3.3).
    /// </summary>
    /// <param name="parameters">The values of every <c>scope</c> parameter, decoded.</param>
    /// <param name="scopes">The scopes.</param>
    /// <param name="problem">Which one is not a scope, and why.</param>
    public static bool TryParse(
        IEnumerable<string?> parameters, [NotNullWhen(true)] out IReadOnlyList<Scope>? scopes, [NotNullWhen(false)] out string? problem)
    {
        var found = new List<Scope>();
        scopes = null;
        foreach (var parameter in parameters)
        {
            foreach (var text in (parameter ?? "").Split(' ', StringSplitOptions.RemoveEmptyEntries))
            {
                if (!Scope.TryParse(text, out var scope, out var reason)) problem = $"scope '{Shortened(text)}': {reason}";
                else problem = Add(found, scope) > MaxCount ? $"more than {MaxCount} scopes in one request" : null;
                if (problem is not null) return false;
            }
        }

        (scopes, problem) = (found, null);
        return true;
    }

    /// <summary>The actions that the scopes hold on a resource.</summary>
    public static ActionSet ActionsOn(this IReadOnlyList<Scope> scopes, string type, string name)
    {
        foreach (var scope in scopes)
        {
            if (scope.Name == name && scope.Type == type) return scope.Actions;
        }

        return ActionSet.None;
    }

    /// <summary>Adds a scope to a list in which each resource stands once.</summary>
    /// <returns>How many resources the list has.</returns>
    internal static int Add(List<Scope> scopes, Scope scope)
    {
        var same = scopes.FindIndex(s => s.Name == scope.Name && s.Type == scope.Type);
        if (same < 0) scopes.Add(scope);
        else scopes[same] = scopes[same] with { Actions = scopes[same].Actions.Union(scope.Actions) };
        return scopes.Count;
    }

    private static string Shortened(string text)
    {
        const int shown = 120;
        if (text.Length <= shown) return text;
        return text[..(char.IsHighSurrogate(text[shown - 1]) ? shown - 1 : shown)] + "…";
    }
}
