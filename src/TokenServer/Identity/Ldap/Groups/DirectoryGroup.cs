using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap.Groups;

/// <summary>A group of a directory.</summary>
/// <param name="Dn">Its distinguished name, as the directory writes it.</param>
/// <param name="Name">Its bare name; null where it has none that can be used, or is outside <c>groups.baseDn</c>.</param>
internal sealed record DirectoryGroup(string Dn, string? Name)
{
    private const string Prefix = "ldap:";

    /// <summary>Its distinguished name in the one spelling of <see cref="DistinguishedName.Key"/>.</summary>
    public string Key { get; } = DistinguishedName.Key(Dn);

    /// <summary>A name that looks like a distinguished name would let its creator impersonate another group.</summary>
    public static string? Usable(string? name) =>
        name is null || GroupName.IsDistinguished(name) || PreparedText.Of(name).Length == 0 || name.Any(char.IsControl)
        ? null
        : name.Trim();

    /// <summary>What rules can name it by.</summary>
    public IEnumerable<string> Spellings()
    {
        if (Name is not null) yield return Prefix + Name;
        yield return Prefix + Dn;
    }

    /// <summary>Whether it is one of the named groups, spelled as by <see cref="GroupName.Key"/>.</summary>
    public bool IsAmong(IReadOnlySet<string> names) => names.Contains(Key) || (Name is not null && names.Contains(GroupName.Key(Name)));
}

/// <summary>The groups of an account.</summary>
/// <param name="Groups">The groups, those that hold the account itself first.</param>
/// <param name="Problem">Why the list is incomplete; null when it is complete.</param>
internal sealed record GroupFindings(IReadOnlyList<DirectoryGroup> Groups, string? Problem);
