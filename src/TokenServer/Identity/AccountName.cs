using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Identity;

/// <summary>What a local account may be called.</summary>
internal static class AccountName
{
    /// <summary>The longest name, in characters.</summary>
    public const int MaxLength = 255;

    /// <summary>What stands against a name; null when nothing does.</summary>
    public static string? Problem(string name)
    {
        if (name.Length == 0) return "an account name cannot be empty";
        if (name.Length > MaxLength) return $"an account name has at most {MaxLength} characters";
        if (name.Contains(':', StringComparison.Ordinal))
        {
            return "an account name cannot hold a colon: it ends the name in htpasswd and in HTTP's Basic credentials";
        }

        if (name.Any(char.IsControl)) return "an account name cannot hold control characters";
        if (name.Any(char.IsSurrogate) || name.Any(c => char.GetUnicodeCategory(c) is System.Globalization.UnicodeCategory.Format))
        {
            return "an account name cannot hold characters that nobody sees or that are outside the basic plane";
        }

        if (char.IsWhiteSpace(name[0]) || char.IsWhiteSpace(name[^1])) return "an account name cannot begin or end with a space";
        return name[0] == '#' ? "an account name cannot begin with '#': its line would be a comment" : null;
    }

    /// <summary>What will not work for an account of this name although the name is allowed; null when everything does.</summary>
    public static string? Caution(string name) => RepositoryName.IsComponent(name)
        ? null
        : $"'{name}' is no legal part of a repository name (small letters, digits, single . _ - between them), so rules with {{account}}, "
            + $"such as users/{{account}}/**, never apply to this account";
}
