using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace AuthIndex.TokenContract;

/// <summary>
/// One scope: a resource and the actions asked for or granted on it (Docker token scope specification, "Resource scope grammar").
/// </summary>
/// <param name="Type">
/// The resource's type: <see cref="RepositoryType"/>, <see cref="RegistryType"/>, or one that this version does not know.
/// </param>
/// <param name="Name">The resource's name; for a repository optionally with a <c>host:port/</c> prefix.</param>
/// <param name="Actions">The known actions; words that name no action are left out, since they can grant nothing.</param>
public sealed record Scope(string Type, string Name, ActionSet Actions)
{
    /// <summary>The type of a repository's scope.</summary>
    public const string RepositoryType = "repository";

    /// <summary>The type of a scope on the registry itself, such as its catalog.</summary>
    public const string RegistryType = "registry";

    /// <summary>The type of the token server's own pages, for administrators.</summary>
    public const string IndexType = "index";

    /// <summary>The longest scope read, in characters.</summary>
    public const int MaxLength = 1024;

    private static readonly SearchValues<char> IPv6Characters = SearchValues.Create("0123456789abcdefABCDEF:.");

    /// <summary>The scope to list every repository: <c>registry:catalog:*</c>.</summary>
    public static Scope Catalog { get; } = new(RegistryType, "catalog", ActionSet.All);

    /// <summary>The scope to see how the installation is doing: <c>index:system:pull</c>.</summary>
    public static Scope IndexSystem { get; } = new(IndexType, "system", ActionSet.Pull);

    /// <summary>A scope on a repository.</summary>
    public static Scope Repository(RepositoryName name, ActionSet actions) => new(RepositoryType, name.Value, actions);

    /// <summary>
    /// Reads one scope. The text is cut at its first and its last colon, because a repository's name may hold a port.
    /// A class after the type, <c>repository(plugin)</c>, is read and dropped.
    /// </summary>
    /// <param name="text">The scope, without spaces around it.</param>
    /// <param name="scope">The scope.</param>
    /// <param name="problem">What is wrong with the text, fit for the caller's eyes.</param>
    public static bool TryParse(string text, [NotNullWhen(true)] out Scope? scope, [NotNullWhen(false)] out string? problem)
    {
        (scope, problem) = (null, null);
        var first = text.IndexOf(':', StringComparison.Ordinal);
        var last = text.LastIndexOf(':');
        if (text.Length > MaxLength)
        {
            problem = $"it is longer than {MaxLength} characters";
        }
        else if (first < 0 || first == last)
        {
            problem = "it must have the form type:name:action[,action]";
        }
        else if (ReadType(text.AsSpan(0, first)) is not { } type)
        {
            problem = "its type must consist of the letters a-z and digits, optionally followed by a class in parentheses";
        }
        else if (text[(first + 1)..last] is var name && (type == RepositoryType ? !IsRepositoryResource(name) : !IsOtherResource(name)))
        {
            problem = $"'{name}' is not a legal name";
        }
        else if (ReadActions(text[(last + 1)..]) is not { } actions)
        {
            problem = "its actions are not words joined by commas";
        }
        else
        {
            scope = new Scope(type, name, actions);
            return true;
        }

        return false;
    }

    /// <summary>
    /// What a token may hold of this scope when the policy allows <paramref name="allowed"/>: asked for and allowed, no more.
    /// For a repository <c>*</c> is spelt out, because registries compare words.
    /// </summary>
    public Scope Grant(ActionSet allowed)
    {
        var granted = Actions.Intersect(allowed);
        return this with { Actions = Type == RepositoryType ? granted.SpeltOut() : granted };
    }

    /// <summary>The scope in its written form, <c>type:name:actions</c>.</summary>
    public override string ToString() => $"{Type}:{Name}:{Actions}";

    private static string? ReadType(ReadOnlySpan<char> text)
    {
        var open = text.IndexOf('(');
        if (open >= 0)
        {
            if (text[^1] != ')' || !IsWord(text[(open + 1)..^1])) return null;
            text = text[..open];
        }

        return IsWord(text) ? text.ToString() : null;
    }

    private static bool IsWord(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterLower(c) && !char.IsAsciiDigit(c)) return false;
        }

        return !text.IsEmpty;
    }

    private static bool IsRepositoryResource(string name)
    {
        if (RepositoryName.TryParse(name, out _)) return true;
        var slash = name.IndexOf('/', StringComparison.Ordinal);
        return slash > 0 && IsHost(name.AsSpan(0, slash)) && RepositoryName.TryParse(name[(slash + 1)..], out _);
    }

    private static bool IsHost(ReadOnlySpan<char> text)
    {
        var end = text.LastIndexOf(':');
        if (end >= 0 && text[^1] != ']')
        {
            var port = text[(end + 1)..];
            if (port.Length is 0 or > 5 || port.ContainsAnyExceptInRange('0', '9')) return false;
            text = text[..end];
        }

        if (text.Length > 2 && text[0] == '[' && text[^1] == ']') return !text[1..^1].ContainsAnyExcept(IPv6Characters);
        foreach (var part in text.Split('.'))
        {
            if (!IsHostComponent(text[part])) return false;
        }

        return true;
    }

    private static bool IsHostComponent(ReadOnlySpan<char> text)
    {
        foreach (var c in text)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c != '-') return false;
        }

        return !text.IsEmpty && text[0] != '-' && text[^1] != '-';
    }

    private static bool IsOtherResource(string name)
    {
        foreach (var c in name)
        {
            if (c is <= ' ' or >= '\x7f' or '"' or '\\') return false;
        }

        return name.Length > 0;
    }

    private static ActionSet? ReadActions(string text)
    {
        var actions = ActionSet.None;
        foreach (var word in text.Split(','))
        {
            // An empty word, as in "pull,,push", names no action and so grants nothing.
            if (word.Length > 0 && word != "*" && !IsActionWord(word)) return null;
            if (ActionSet.TryParseWord(word, out var action)) actions = actions.Union(action);
        }

        return actions;
    }

    private static bool IsActionWord(string word)
    {
        foreach (var c in word)
        {
            if (!char.IsAsciiLetterOrDigit(c) && c is not ('-' or '_')) return false;
        }

        return true;
    }
}
