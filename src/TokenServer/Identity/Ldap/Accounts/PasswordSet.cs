using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>When an account's password was last set, as Active Directory, OpenLDAP's ppolicy and 389 Directory Server write it.</summary>
internal static class PasswordSet
{
    /// <summary>The attributes that it is written in.</summary>
    public static IReadOnlyList<string> Attributes { get; } = ["pwdLastSet", "pwdChangedTime", "pwdUpdateTime"];

    /// <summary>It, with the name of its attribute; null when it cannot be read.</summary>
    public static string? Of(DirectoryEntry entry) =>
        Attributes.Where(a => entry.Value(a) is not null).Select(a => $"{a}={entry.Value(a)}").FirstOrDefault();
}
