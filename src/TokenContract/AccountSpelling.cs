namespace AuthIndex.TokenContract;

/// <summary>
/// A spelling, the key, in which account names are equal that people or a directory may take for one (RFC 4518 sections 2.2 and 2.6.1):
/// letter case and spaces at the ends or repeated make no difference, except in the names of robots and certificates: each spelling of
/// those is another account. For comparing only: a name is never replaced by it.
/// </summary>
public static class AccountSpelling
{
    // No issuer or provider can have these names.
    private static readonly string[] ExactKinds = ["robot:", "cert:", "spiffe:"];

    /// <summary>The spelling under which a name is compared.</summary>
    public static string Key(string name) => IsExact(name)
        ? name
        : string.Join(' ', name.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).ToUpperInvariant();

    /// <summary>
    /// Whether an account, as tokens name it, is the same in every spelling: that of a CI system or another provider, with the provider's
    /// name and a colon before it. To GitHub and GitLab, names in another letter case are the same repository.
    /// </summary>
    public static bool IsSameInAnyCase(string account) => account.Contains(':', StringComparison.Ordinal) && !IsExact(account);

    /// <summary>The spelling under which the account of a token is compared with a suspended or revoked one.</summary>
    public static string SuspensionKey(string account) => IsSameInAnyCase(account) ? Key(account) : account;

    /// <summary>The matching name: the exact one, or the only one in another spelling; null when there is none or more than one.</summary>
    public static string? Among(IReadOnlyCollection<string> names, string typed)
    {
        if (names.Contains(typed, StringComparer.Ordinal)) return typed;
        var key = Key(typed);
        return names.Where(n => Key(n) == key).Take(2).ToList() is [var only] ? only : null;
    }

    private static bool IsExact(string name) => Array.Exists(ExactKinds, kind => name.StartsWith(kind, StringComparison.Ordinal));
}
