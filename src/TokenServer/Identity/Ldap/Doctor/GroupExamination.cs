using AuthIndex.Hosting;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;
using AuthIndex.TokenServer.Identity.Ldap.Search;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap.Doctor;

/// <summary>
/// Checks that <c>groups.via</c> matches how the directory stores groups: a wrong setting finds none, as if accounts had no groups.
/// </summary>
/// <param name="settings">The directory.</param>
/// <param name="search">Searches.</param>
/// <param name="tell">Takes the findings.</param>
internal sealed class GroupExamination(DirectorySettings settings, GroupReader.Search search, Action<Finding> tell)
{
    private const int NamesInOneFilter = 50;

    private readonly LdapGroupsOptions options = settings.Options.Groups;

    /// <summary>Checks whether any entry is tied to groups in the configured way.</summary>
    public void LookForAny()
    {
        if (!settings.HasGroups || options.Via == "tokenGroups") return;
        var isOfAccounts = options.Via == "memberOf";
        var attribute = options.Via == "inChain" ? "member" : options.Via;
        var baseDn = isOfAccounts ? settings.BaseDn : settings.GroupsBaseDn;
        if (Search(baseDn, $"({attribute}=*)", 1) is not []) return;
        Warn(isOfAccounts
            ? $"no account below {baseDn} has {attribute}: does the directory keep it (memberof overlay or plugin), and may the account "
                + $"that searches read it?"
            : $"no {(options.Filter is null ? "entry" : $"entry that is {options.Filter}")} below {baseDn} has {attribute} (groups.via)");
    }

    /// <summary>Where an account has no groups, checks whether another setting would find some.</summary>
    public void LookOtherwise(DirectoryEntry entry, string account)
    {
        var dn = SearchFilter.Escape(entry.Dn);
        var uid = SearchFilter.Escape(entry.Value("uid") ?? account);
        foreach (var (way, value) in ((string, string)[])[("member", dn), ("uniqueMember", dn), ("memberUid", uid)])
        {
            if (way == options.Via || (way == "member" && options.Via == "inChain")) continue;
            if (Search(settings.GroupsBaseDn, $"({way}={value})", 1) is [var group, ..])
            {
                Warn($"{options.Via} finds no groups, but {group.Dn} holds the account as {way}: did you mean groups.via: {way}?");
            }
        }
    }

    /// <summary>Looks for other groups with the same names.</summary>
    public void LookForNamesakes(IReadOnlyList<DirectoryGroup> groups)
    {
        foreach (var names in groups.Select(g => g.Name).OfType<string>().DistinctBy(GroupName.Key, StringComparer.Ordinal)
            .Chunk(NamesInOneFilter))
        {
            var entries = Search(
                settings.GroupsBaseDn, SearchFilter.Any([.. names.Select(n => $"({options.NameAttribute}={SearchFilter.Escape(n)})")]),
                options.MaxGroups);
            foreach (var same in entries.GroupBy(e => e.Value(options.NameAttribute) is { } name ? GroupName.Key(name) : null)
                .Where(g => g.Key is not null && g.Count() > 1))
            {
                Warn($"'ldap:{same.Key}' matches every group of that name: {string.Join("; ", same.Select(e => e.Dn))}");
            }
        }
    }

    private IReadOnlyList<DirectoryEntry> Search(string baseDn, string filter, int limit)
    {
        var kind = baseDn == options.BaseDn ? options.Filter : null;
        return search(
            new SearchQuestion(
                baseDn, SearchDepth.Sub, kind is null ? filter : $"(&{kind}{filter})", [options.NameAttribute], limit)).Entries;
    }

    private void Warn(string text) => tell(new Finding("groups", Verdict.Warning, TimeSpan.Zero, LogText.ForTerminal(text)));
}
