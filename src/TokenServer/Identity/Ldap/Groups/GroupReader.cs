using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Search;
using AuthIndex.TokenServer.Names;

namespace AuthIndex.TokenServer.Identity.Ldap.Groups;

/// <summary>
/// Finds the groups of an account, and the groups that hold those, level by level; each group is visited once, so that cycles end.
/// </summary>
/// <param name="settings">The directory.</param>
/// <param name="depth">How many levels are followed; as configured when null.</param>
internal sealed class GroupReader(DirectorySettings settings, int? depth = null)
{
    private const string InChainRule = "1.2.840.113556.1.4.1941";
    private const string MemberOfAttribute = "memberOf";
    private const string AnyEntry = "(objectClass=*)";
    private const int NamesInOneFilter = 50;

    private readonly LdapGroupsOptions options = settings.Options.Groups;
    private readonly int maxDepth = depth ?? settings.Options.Groups.NestedDepth;

    /// <summary>Runs one search on the directory's current connection.</summary>
    internal delegate SearchAnswer Search(SearchQuestion question);

    /// <summary>What must be read of an account's entry.</summary>
    public IReadOnlyList<string> AccountAttributes => options.Via switch
    {
        "memberOf" => [MemberOfAttribute],
        "memberUid" => ["uid", "gidNumber"],
        _ => [],
    };

    /// <summary>The groups of an account.</summary>
    /// <param name="entry">The account's entry.</param>
    /// <param name="account">The account's name as the directory writes it.</param>
    /// <param name="search">Searches.</param>
    public GroupFindings Read(DirectoryEntry entry, string account, Search search)
    {
        var found = new Found(options.MaxGroups);
        switch (options.Via)
        {
            case "memberOf":
                FollowUp(entry, found, search);
                break;
            case "member" or "uniqueMember":
                SearchUp(entry.Dn, found, search);
                break;
            case "inChain":
                found.Add(Ask($"(member:{InChainRule}:={SearchFilter.Escape(entry.Dn)})", options.Filter, search));
                break;
            case "tokenGroups":
                SearchByIds(entry.Dn, found, search);
                break;
            case "memberUid":
                found.Add(Ask(PosixMember(entry, account), options.Filter ?? "(objectClass=posixGroup)", search));
                break;
        }

        return new GroupFindings(found.Groups, found.Problem);
    }

    private static string PosixMember(DirectoryEntry entry, string account)
    {
        var byName = $"(memberUid={SearchFilter.Escape(entry.Value("uid") ?? account)})";
        // The primary group is written in the account, not in the group.
        return entry.Value("gidNumber") is { } gid ? $"(|{byName}(gidNumber={SearchFilter.Escape(gid)}))" : byName;
    }

    /// <summary>Follows memberOf from entry to entry.</summary>
    private void FollowUp(DirectoryEntry entry, Found found, Search search)
    {
        var level = MemberOf(entry, found, search);
        for (var at = 0; level.Count > 0 && found.Problem is null; at++)
        {
            var next = new List<string>();
            foreach (var dn in level)
            {
                if (found.Knows(dn)) continue;
                var group = at < maxDepth || NameIn(dn) is null ? ReadGroup(dn, search) : null;
                if (!found.Add(Group(dn, group?.Value(options.NameAttribute) ?? NameIn(dn)))) return;
                if (group is not null && at < maxDepth) next.AddRange(MemberOf(group, found, search));
            }

            level = next;
        }
    }

    /// <summary>Searches for groups that hold the entry, then for groups that hold those.</summary>
    private void SearchUp(string dn, Found found, Search search)
    {
        List<string> level = [dn];
        for (var at = 0; level.Count > 0 && at <= maxDepth && found.Problem is null; at++)
        {
            var next = new List<string>();
            foreach (var names in level.Chunk(NamesInOneFilter))
            {
                var holders = SearchFilter.Any([.. names.Select(n => $"({options.Via}={SearchFilter.Escape(n)})")]);
                next.AddRange(found.Add(Ask(holders, options.Filter, search)));
                if (found.Problem is not null) return;
            }

            level = next;
        }
    }

    private (SearchAnswer Answer, IEnumerable<DirectoryGroup> Groups) Ask(string membership, string? filter, Search search)
    {
        var whole = filter is null ? membership : $"(&{filter}{membership})";
        var answer = search(new SearchQuestion(settings.GroupsBaseDn, SearchDepth.Sub, whole, [options.NameAttribute], options.MaxGroups));
        return (answer, answer.Entries.Select(e => Group(e.Dn, e.Value(options.NameAttribute))));
    }

    private DirectoryEntry? ReadGroup(string dn, Search search)
    {
        try
        {
            return search(
                new SearchQuestion(dn, SearchDepth.Base, AnyEntry, [MemberOfAttribute, options.NameAttribute], 1)).Entries is [var group]
                ? group
                : null;
        }
        catch (SearchRefusedException e) when (e.Code is ResultCodes.NoSuchObject or ResultCodes.InsufficientAccessRights
            or ResultCodes.Referral)
        {
            // Membership is written in the account; the group itself may be where this account may not search.
            return null;
        }
    }

    /// <summary>
    /// Reads memberOf to its end. Active Directory gives a long list in parts, under names such as <c>memberOf;range=0-1499</c>;
    /// the last one's name ends in <c>*</c>.
    /// </summary>
    private List<string> MemberOf(DirectoryEntry entry, Found found, Search search)
    {
        var values = entry.Values(MemberOfAttribute).ToList();
        for (var part = Part(entry); part is not null; part = Part(entry))
        {
            values.AddRange(entry.Values(part));
            if (part.EndsWith('*')) break;
            var next = new SearchQuestion(entry.Dn, SearchDepth.Base, AnyEntry, [$"{MemberOfAttribute};range={values.Count}-*"], 1);
            if (values.Count > options.MaxGroups
                || search(next).Entries is not [var more]
                || Part(more) is not { } further
                || more.Values(further).Count == 0)
            {
                found.Cut();
                break;
            }

            entry = more;
        }

        return values;

        static string? Part(DirectoryEntry entry) =>
            entry.Attributes.Keys.FirstOrDefault(k => k.StartsWith($"{MemberOfAttribute};range=", StringComparison.OrdinalIgnoreCase));
    }

    /// <summary>
    /// Asks Active Directory for the identifiers of all groups, nested ones and the primary group included, which it works out itself for a
    /// base search of the account's entry, then for the groups that have them.
    /// </summary>
    private void SearchByIds(string dn, Found found, Search search)
    {
        var ids = search(new SearchQuestion(dn, SearchDepth.Base, AnyEntry, [BinaryAttributes.TokenGroups], 1)).Entries is [var entry]
            ? entry.Values(BinaryAttributes.TokenGroups)
            : [];
        foreach (var some in ids.Chunk(NamesInOneFilter))
        {
            found.Add(Ask(SearchFilter.Any([.. some.Select(id => $"({BinaryAttributes.ObjectSid}={id})")]), options.Filter, search));
            if (found.Problem is not null) return;
        }
    }

    private DirectoryGroup Group(string dn, string? name) => new(dn, settings.IsInGroupsBase(dn) ? DirectoryGroup.Usable(name) : null);

    private string? NameIn(string dn) => DistinguishedName.TryParse(dn, out var name) ? name.OwnValue(options.NameAttribute) : null;

    /// <summary>What was found so far, up to the bound.</summary>
    private sealed class Found(int limit)
    {
        private readonly HashSet<string> keys = new(StringComparer.Ordinal);
        private readonly List<DirectoryGroup> groups = [];

        public IReadOnlyList<DirectoryGroup> Groups => groups;

        public string? Problem { get; private set; }

        public bool Knows(string dn) => keys.Contains(DistinguishedName.Key(dn));

        public void Cut() =>
            Problem = $"the account is in more than {limit} groups (groups.maxGroups), or in more than the directory reports";

        /// <summary>Adds a group; false when there are too many.</summary>
        public bool Add(DirectoryGroup group)
        {
            if (!keys.Add(group.Key)) return true;
            if (groups.Count == limit)
            {
                Cut();
                return false;
            }

            groups.Add(group);
            return true;
        }

        /// <summary>Adds what a search found; returns the names of those that are new.</summary>
        public List<string> Add((SearchAnswer Answer, IEnumerable<DirectoryGroup> Groups) search)
        {
            var fresh = new List<string>();
            if (search.Answer.IsCut) Cut();
            foreach (var group in search.Groups)
            {
                if (Knows(group.Dn)) continue;
                if (!Add(group)) break;
                fresh.Add(group.Dn);
            }

            return fresh;
        }
    }
}
