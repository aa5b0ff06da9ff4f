namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>A group of a directory.</summary>
/// <param name="Dn">Its distinguished name, as the directory writes it.</param>
/// <param name="Name">Its name; null where it cannot be used.</param>
internal sealed record DirectoryGroup(string Dn, string? Name)
{
    private const string Prefix = "ldap:";

    /// <summary>A name that looks like a distinguished name would let whoever may name groups pass for the members of another one.</summary>
    public static string? Usable(string? name) => string.IsNullOrWhiteSpace(name) || name.Contains('=', StringComparison.Ordinal) || name.Any(char.IsControl) ? null : name.Trim();

    /// <summary>The spellings under which rules can name it.</summary>
    public IEnumerable<string> Spellings()
    {
        if (Name is not null) yield return Prefix + Name;
        yield return Prefix + Dn;
        if (DistinguishedName.TryParse(Dn, out var name) && name!.Text != Dn) yield return Prefix + name.Text;
    }

    /// <summary>Whether it is one of the groups named, which are spelt as <see cref="DistinguishedName.Key"/> does.</summary>
    public bool IsAmong(IReadOnlySet<string> names) => names.Contains(DistinguishedName.Key(Dn)) || (Name is not null && names.Contains(Name.ToLowerInvariant()));
}

/// <summary>The groups of an account.</summary>
/// <param name="Groups">The groups, those that hold the account itself first.</param>
/// <param name="Problem">Why they are not all of them; null when they are.</param>
internal sealed record GroupFindings(IReadOnlyList<DirectoryGroup> Groups, string? Problem);
