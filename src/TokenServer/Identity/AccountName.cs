using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Identity;

/// <summary>What a local account may be called.</summary>
internal static class AccountName
{
    /// <summary>The longest name, in characters.</summary>
    public const int MaxLength = 255;

    /// <summary>What is wrong with a name; null when nothing is.</summary>
    public static string? Problem(string name)
    {
        if (name.Length == 0) return "an account name cannot be empty";
        if (name.Length > MaxLength) return $"an account name can have at most {MaxLength} characters";
        if (name.Contains(':', StringComparison.Ordinal))
        {
            return "an account name cannot contain a colon: it ends the name in htpasswd and in HTTP Basic credentials";
        }

        if (name.Any(char.IsControl)) return "an account name cannot contain control characters";
        if (name.Any(char.IsSurrogate) || name.Any(c => char.GetUnicodeCategory(c) is System.Globalization.UnicodeCategory.Format))
        {
            return "an account name cannot contain invisible characters or characters outside the basic multilingual plane";
        }

        if (char.IsWhiteSpace(name[0]) || char.IsWhiteSpace(name[^1])) return "an account name cannot begin or end with a space";
        return name[0] == '#' ? "an account name cannot begin with '#': its line would be a comment" : null;
    }

    /// <summary>What will not work for an account with this valid name; null when everything will.</summary>
    public static string? Caution(string name) => RepositoryName.IsComponent(name)
        ? null
        : $"'{name}' is not a valid repository name component (lower-case letters and digits, joined by . _ -), so rules with {{account}}, "
            + $"such as users/{{account}}/**, never apply to this account";
}
