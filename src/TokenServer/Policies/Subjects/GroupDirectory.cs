namespace AuthIndex.TokenServer.Policies.Subjects;

/// <summary>The local groups of the policy files: who belongs to which, directly and through other groups.</summary>
internal sealed class GroupDirectory
{
    private readonly Dictionary<string, IReadOnlyList<Subject>> members;
    private readonly Dictionary<string, List<string>> groupsOf = new(StringComparer.Ordinal);

    /// <param name="members">The members of every group; groups among them must not lead back to themselves.</param>
    public GroupDirectory(Dictionary<string, IReadOnlyList<Subject>> members)
    {
        this.members = members;
        foreach (var (group, list) in members)
        {
            foreach (var member in list)
            {
                Add(member.Key, group);
                if (member.AnyCaseKey is { } any) Add(any, group);
            }
        }
    }

    private void Add(string key, string group)
    {
        if (!groupsOf.TryGetValue(key, out var groups)) groupsOf.Add(key, groups = []);
        groups.Add(group);
    }

    /// <summary>The names of all local groups.</summary>
    public IReadOnlyCollection<string> Names => members.Keys;

    /// <summary>The direct members of a group; empty when there is no such group.</summary>
    public IReadOnlyList<Subject> MembersOf(string group) => members.GetValueOrDefault(group, []);

    /// <summary>The groups that hold a subject itself, by its key.</summary>
    public IReadOnlyList<string> GroupsHolding(string subjectKey) => groupsOf.TryGetValue(subjectKey, out var groups) ? groups : [];

    /// <summary>The accounts and directory groups in a group, through groups in it too.</summary>
    public IReadOnlyList<Subject> AllMembersOf(string group)
    {
        var found = new Dictionary<string, Subject>(StringComparer.Ordinal);
        var seen = new HashSet<string>(StringComparer.Ordinal) { group };
        var open = new Queue<string>([group]);
        while (open.TryDequeue(out var next))
        {
            foreach (var member in MembersOf(next))
            {
                if (member.Kind != SubjectKind.Group) found.TryAdd(member.Key, member);
                else if (seen.Add(member.Name)) open.Enqueue(member.Name);
            }
        }

        return [.. found.Values];
    }
}
