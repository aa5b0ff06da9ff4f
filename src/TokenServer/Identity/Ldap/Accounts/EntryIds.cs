using AuthIndex.TokenServer.Identity.Ldap.Connections;

namespace AuthIndex.TokenServer.Identity.Ldap.Accounts;

/// <summary>The identifiers that directories give entries: never changed, and never given to another entry.</summary>
internal static class EntryIds
{
    /// <summary>That of Active Directory.</summary>
    public const string ActiveDirectory = "objectGUID";

    /// <summary>That of 389 Directory Server.</summary>
    public const string Directory389 = "nsUniqueId";

    private const string Common = "entryUUID"; // RFC 4530

    /// <summary>All of them; most are operational, so they must be asked for by name.</summary>
    public static IReadOnlyList<string> Attributes { get; } = [ActiveDirectory, Directory389, Common];

    /// <summary>An entry's identifier with the name of its attribute; null when none can be read.</summary>
    public static string? Of(DirectoryEntry entry) =>
        Attributes.Where(a => entry.Value(a) is not null).Select(a => $"{a}={entry.Value(a)}").FirstOrDefault();
}
