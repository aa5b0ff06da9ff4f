using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Files.Values;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>Reads the <c>roles</c> of all files: names for sets of actions.</summary>
internal sealed class RolesReader
{
    private readonly Dictionary<string, SourcePosition> places = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ActionSet> roles = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, ActionSet> Roles => roles;

    /// <summary>Reads the roles of one file.</summary>
    public void Read(YamlFields document, ICollection<SourceProblem> problems)
    {
        foreach (var (name, value) in document.Entries("roles"))
        {
            if (PlainText.Problem(name) is { } problem) document.Complain(name, problem);
            else if (name.Value.Length == 0 || name.Value.Any(c => c is ':' or '*' or '{' or '}' or ',' or ' '))
            {
                document.Complain(
                    name, $"'{name.Value}' is not a valid role name: it is empty or contains a colon, comma, space, * or braces");
            }
            else if (RuleReader.ActionWords.Contains(name.Value))
            {
                document.Complain(name, $"'{name.Value}' is an action; a role needs another name");
            }
            else if (!places.TryAdd(name.Value, name.At))
            {
                document.Complain(name, $"the role '{name.Value}' is defined a second time; the first is at {places[name.Value]}");
            }
            else roles.Add(name.Value, ReadActions(name, value, problems));
        }
    }

    private static ActionSet ReadActions(ScalarNode name, SourceNode value, ICollection<SourceProblem> problems)
    {
        // Read as a mapping of one key, so that lists are read in one way everywhere.
        var role = new YamlFields(new MappingNode(name.At, [new(name, value)]), [name.Value], problems);
        var actions = ActionSet.None;
        foreach (var text in role.Texts(name.Value) ?? [])
        {
            if (ActionSet.TryParseWord(text.Value, out var action)) actions = actions.Union(action);
            else role.Complain(text, RuleReader.Unknown(text.Value, []));
        }

        return actions;
    }
}
