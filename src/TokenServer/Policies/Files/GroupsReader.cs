using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>Reads the <c>groups</c> of all files into one directory.</summary>
internal sealed class GroupsReader(IReadOnlyDictionary<string, Robot> robots, ICollection<SourceProblem> problems)
{
    private readonly Dictionary<string, SourcePosition> places = new(StringComparer.Ordinal);
    private readonly Dictionary<string, IReadOnlyList<Subject>> members = new(StringComparer.Ordinal);
    private readonly List<(Subject Group, SourcePosition At)> references = [];

    /// <summary>Where each group is defined.</summary>
    public IReadOnlyDictionary<string, SourcePosition> Places => places;

    /// <summary>Reads the groups of one file.</summary>
    public void Read(YamlFields document)
    {
        foreach (var (name, value) in document.Entries("groups"))
        {
            if (PlainText.Problem(name) is { } problem) document.Complain(name, problem);
            else if (name.Value.Length == 0 || name.Value.Any(c => c is ':' or '*' or '{' or '}' or ' '))
            {
                document.Complain(name, $"'{name.Value}' is not a valid group name: it is empty or contains a colon, a space, * or braces");
            }
            else if (!places.TryAdd(name.Value, name.At))
            {
                document.Complain(name, $"the group '{name.Value}' is defined a second time; the first is at {places[name.Value]}");
            }
            else members.Add(name.Value, ReadMembers(document, name, value));
        }
    }

    /// <summary>The directory, when all files are read. Groups that lead back to themselves are problems and lose their members.</summary>
    public GroupDirectory Finish()
    {
        foreach (var (group, at) in references)
        {
            if (!members.ContainsKey(group.Name))
            {
                problems.Add(new SourceProblem(at, $"there is no group '{group.Name}'{Suggestion.For(group.Name, members.Keys)}"));
            }
        }

        foreach (var group in GroupsInCircles())
        {
            problems.Add(new SourceProblem(places[group], $"the group '{group}' contains itself through the groups in it"));
            members[group] = [];
        }

        return new GroupDirectory(members);
    }

    private List<Subject> ReadMembers(YamlFields document, ScalarNode name, SourceNode value)
    {
        if (value is ScalarNode { IsNull: true } or SequenceNode { Items.Count: 0 }) return [];
        if (value is not SequenceNode list)
        {
            document.Complain(
                value,
                $"the group '{name.Value}' must be a list of members, not {value.Kind}"
                + (value is ScalarNode s ? $"; write [{s.Value}]" : ""));
            return [];
        }

        var found = new List<Subject>();
        foreach (var item in list.Items)
        {
            if (ReadMember(document, item) is not { } member) continue;
            if (found.Exists(m => m.Key == member.Key)) document.Warn(item, $"'{member.Key}' is listed twice in the group '{name.Value}'");
            found.Add(member);
            if (member.Kind == SubjectKind.Group && !Subject.IsOfIssuer(member.Name)) references.Add((member, item.At));
        }

        return found;
    }

    private Subject? ReadMember(YamlFields document, SourceNode item)
    {
        if (item is not ScalarNode scalar)
        {
            document.Complain(item, $"a member must be an account or a group, not {item.Kind}");
            return null;
        }

        // A bare word is an account, since that is what groups are made of.
        var text = scalar.Value.Contains(':') || scalar.Value is "anyone" or "authenticated" ? scalar.Value : "user:" + scalar.Value;
        var problem = PlainText.Problem(scalar) ?? Subject.Parse(text, out var subject);
        if (problem is null)
        {
            Subject.Parse(text, out subject);
            problem = subject.Kind is SubjectKind.Anyone or SubjectKind.Authenticated
                ? $"'{text}' cannot be a member; put it in the rule's 'to'"
                : RobotsReader.Problem(subject, robots);
            if (problem is null) return subject;
        }

        document.Complain(item, problem);
        return null;
    }

    // What remains after taking away, again and again, groups that hold no other group.
    private List<string> GroupsInCircles()
    {
        var inside = members.ToDictionary(
            m => m.Key, m => m.Value.Count(s => s.Kind == SubjectKind.Group && members.ContainsKey(s.Name)), StringComparer.Ordinal);
        var holders = members.SelectMany(m => m.Value.Where(s => s.Kind == SubjectKind.Group).Select(s => (Held: s.Name, Holder: m.Key)))
            .ToLookup(p => p.Held, p => p.Holder, StringComparer.Ordinal);
        var free = new Queue<string>(inside.Where(g => g.Value == 0).Select(g => g.Key));
        while (free.TryDequeue(out var group))
        {
            inside.Remove(group);
            foreach (var holder in holders[group])
            {
                if (--inside[holder] == 0) free.Enqueue(holder);
            }
        }

        return [.. inside.Keys.Order(StringComparer.Ordinal).Where(g => ReachesItself(g))];
    }

    private bool ReachesItself(string group)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var open = new Stack<string>([group]);
        while (open.TryPop(out var next))
        {
            foreach (var member in members.GetValueOrDefault(next, []))
            {
                if (member.Kind != SubjectKind.Group) continue;
                if (member.Name == group) return true;
                if (seen.Add(member.Name)) open.Push(member.Name);
            }
        }

        return false;
    }
}
