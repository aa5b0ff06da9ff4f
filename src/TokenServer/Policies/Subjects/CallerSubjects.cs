using System.Runtime.CompilerServices;

namespace AuthIndex.TokenServer.Policies.Subjects;

/// <summary>Every subject that matches a caller, computed once per decision.</summary>
internal sealed class CallerSubjects
{
    // A sign-in keeps one list of groups for as long as it is remembered: reading the names in it is done once, not per decision.
    private static readonly ConditionalWeakTable<IReadOnlyList<string>, string[]> KeysOfLists = [];

    private readonly HashSet<string> keys = new(StringComparer.Ordinal) { Subject.Anyone.Key };
    private readonly List<string> groupNames = [];

    /// <param name="account">The canonical account name; "" for an anonymous caller.</param>
    /// <param name="groups">The groups as the identity gave them.</param>
    /// <param name="directory">The local groups.</param>
    /// <param name="ignoresCase">Whether the account's source compares names without regard to letter case, as directories do; rules
    /// then mean the account in any spelling.</param>
    public CallerSubjects(string account, IReadOnlyList<string> groups, GroupDirectory directory, bool ignoresCase)
    {
        Account = account;
        if (account.Length > 0)
        {
            keys.Add(Subject.Authenticated.Key);
            AddWithGroups(ignoresCase ? Subject.AnyCaseAccountKey(account) : Subject.AccountKey(account), directory);
        }

        foreach (var key in KeysOfLists.GetValue(groups, static list => [.. list.Select(KeyOf)]))
        {
            if (keys.Contains(key)) continue;
            groupNames.Add(key[(key.IndexOf(':', StringComparison.Ordinal) + 1)..]);
            AddWithGroups(key, directory);
        }
    }

    /// <summary>
    /// Whether the caller is in groups that are not known here: each of them may be one that a rule denies something, or leaves out of what
    /// it allows.
    /// </summary>
    public bool AreGroupsUnknown { get; init; }

    /// <summary>The account name that <c>{account}</c> stands for.</summary>
    public string Account { get; }

    /// <summary>The keys of the subjects that the caller is.</summary>
    public IReadOnlyCollection<string> Keys => keys;

    /// <summary>
    /// The names that <c>{group}</c> stands for, each in turn; a directory's in the one spelling of their key, in lower case as
    /// repositories are.
    /// </summary>
    public IReadOnlyList<string> GroupNames => groupNames;

    /// <summary>Whether the caller is one of the subjects.</summary>
    public bool IsAmong(IReadOnlyList<Subject> subjects)
    {
        foreach (var subject in subjects)
        {
            if (keys.Contains(subject.Key) || (subject.AnyCaseKey is { } any && keys.Contains(any))) return true;
        }

        return false;
    }

    /// <summary>Whether the caller is one of the subjects, or may be by a group that is not known.</summary>
    public bool MayBeAmong(IReadOnlyList<Subject> subjects) => IsAmong(subjects) || (AreGroupsUnknown && subjects.Any(s => s.IsGroup));

    private static string KeyOf(string group)
    {
        if (group.StartsWith("ldap:", StringComparison.OrdinalIgnoreCase)) return Subject.LdapKey(group[5..]);
        return Subject.GroupKey(group.StartsWith("group:", StringComparison.Ordinal) ? group[6..] : group);
    }

    private void AddWithGroups(string key, GroupDirectory directory)
    {
        if (!keys.Add(key)) return;
        var open = new Stack<string>();
        open.Push(key);
        while (open.TryPop(out var next))
        {
            foreach (var group in directory.GroupsHolding(next))
            {
                if (!keys.Add(Subject.GroupKey(group))) continue;
                groupNames.Add(group);
                open.Push(Subject.GroupKey(group));
            }
        }
    }
}
