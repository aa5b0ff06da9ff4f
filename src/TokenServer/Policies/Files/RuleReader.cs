using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Files.Values;
using AuthIndex.TokenServer.Policies.Patterns;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Files;

/// <summary>Reads rules, given the groups and roles of all files.</summary>
internal sealed class RuleReader(
    GroupDirectory groups, IReadOnlyDictionary<string, Robot> robots, IReadOnlyDictionary<string, ActionSet> roles, DateTimeOffset now,
    ICollection<SourceProblem> problems)
{
    /// <summary>Reads one rule; null when it has no usable id, subject, action or resource. Every such case is a problem.</summary>
    public Rule? Read(SourceNode node)
    {
        if (node is not MappingNode mapping)
        {
            problems.Add(
                new SourceProblem(node.At, $"a rule must be a mapping with {string.Join(", ", PolicyKeys.Rule)}, not {node.Kind}"));
            return null;
        }

        var rule = new YamlFields(mapping, PolicyKeys.Rule, problems);
        var id = ReadId(rule);
        var to = ReadSubjects(rule, "to");
        var except = ReadSubjects(rule, "except");
        var (effect, actions) = ReadEffect(rule);
        var on = ReadPatterns(rule);
        var when = ConditionsReader.Read(rule, now, problems);
        if (!rule.Has("to") && !rule.HasUnknownKey)
        {
            rule.Complain(null, "the rule has no 'to': name its subjects, or write [anyone] for everyone");
        }

        if (!rule.Has("on") && !rule.HasUnknownKey)
        {
            rule.Complain(null, "the rule has no 'on': name its resources, or write [\"**\"] for every repository");
        }

        return id is null || to.Count == 0 || actions.IsEmpty || on.Count == 0
            ? null
            : new Rule(id, mapping.At, to, except, effect, actions, on, when);
    }

    private static string? ReadId(YamlFields rule)
    {
        if (!rule.Has("id") && !rule.HasUnknownKey)
        {
            rule.Complain(null, "the rule has no 'id': refusals, logs and explanations name rules by it");
        }

        if (rule.Text("id") is not { } id) return null;
        if (id.Value.Length is > 0 and <= 100 && id.Value.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_' or '.' or '/'))
        {
            return id.Value;
        }

        rule.Complain(id, $"'{id.Value}' is not a valid id: use 1 to 100 letters, digits, '-', '_', '.' and '/'");
        return null;
    }

    private List<Subject> ReadSubjects(YamlFields rule, string key)
    {
        var found = new List<Subject>();
        foreach (var text in rule.Texts(key) ?? [])
        {
            if (Subject.Parse(text.Value, out var subject) is { } problem)
            {
                rule.Complain(
                    text, groups.Names.Contains(text.Value)
                    ? $"'{text.Value}' is not a subject; did you mean 'group:{text.Value}'?"
                    : problem);
            }
            else if (subject.Kind == SubjectKind.Group && !groups.Names.Contains(subject.Name) && !Subject.IsOfIssuer(subject.Name))
            {
                rule.Complain(text, $"there is no group '{subject.Name}'{Suggestion.For(subject.Name, groups.Names)}");
            }
            else if (RobotsReader.Problem(subject, robots) is { } undeclared)
            {
                rule.Complain(text, undeclared);
            }
            else
            {
                found.Add(subject);
            }
        }

        return found;
    }

    private (Effect Effect, ActionSet Actions) ReadEffect(YamlFields rule)
    {
        var effect = rule.Has("deny") ? Effect.Deny : Effect.Allow;
        if (!rule.Has("allow") && !rule.Has("deny") && !rule.HasUnknownKey)
        {
            rule.Complain(null, "the rule neither allows nor denies; add 'allow' or 'deny'");
        }

        if (rule.Has("allow") && rule.Has("deny"))
        {
            rule.Complain(rule.KeyNode("deny"), "the rule both allows and denies; split it into two rules");
        }

        var key = effect == Effect.Deny ? "deny" : "allow";
        if (rule[key] is ScalarNode { IsNull: false } scalar && roles.TryGetValue(scalar.Value, out var role)) return (effect, role);
        var texts = rule[key] is ScalarNode ? rule.Text(key) is { } one ? [one] : [] : rule.Texts(key) ?? [];
        return (effect, ReadActions(rule, texts));
    }

    private ActionSet ReadActions(YamlFields fields, IReadOnlyList<ScalarNode> texts)
    {
        var actions = ActionSet.None;
        foreach (var text in texts)
        {
            if (ActionSet.TryParseWord(text.Value, out var action) || roles.TryGetValue(text.Value, out action))
            {
                actions = actions.Union(action);
            }
            else fields.Complain(text, Unknown(text.Value, roles.Keys));
        }

        return actions;
    }

    private static List<ResourcePattern> ReadPatterns(YamlFields rule)
    {
        var found = new List<ResourcePattern>();
        foreach (var text in rule.Texts("on") ?? [])
        {
            if (ResourcePatternReader.TryParse(text.Value, out var pattern, out var problem)) found.Add(pattern);
            else rule.Complain(text, problem);
            if (HostOf(text.Value) is { } host)
            {
                rule.Warn(
                    text,
                    $"'{text.Value}' begins with the registry's host, which repository names do not: write "
                    + $"'{text.Value[(host.Length + 1)..]}', or 'repository:{text.Value}' if such names are intended");
            }

            if (pattern is { IsAllWildcards: true, Glob: not ("*" or "**") })
            {
                rule.Warn(text, $"'{text.Value}' consists only of wildcards; write \"**\" to match every repository");
            }
        }

        return found;
    }

    // The first segment where only a registry's host has a dot, or is this machine; a dot before a star may be anything.
    private static string? HostOf(string pattern)
    {
        var first = pattern[..Math.Max(0, pattern.IndexOf('/', StringComparison.Ordinal))];
        return first == "localhost" || (first.Contains('.') && !first.AsSpan().ContainsAny("*:{")) ? first : null;
    }

    /// <summary>The complaint about a word that is not an action.</summary>
    public static string Unknown(string word, IEnumerable<string> roles)
    {
        if (word.Contains(','))
        {
            return $"'{word}': write one action per list item, as in "
                + $"[{word.Replace(",", ", ", StringComparison.Ordinal).Replace("  ", " ", StringComparison.Ordinal)}]";
        }

        var known = roles.ToList();
        var what = known.Count > 0 ? "neither a role nor an action" : "not an action";
        return $"'{word}' is {what}{Suggestion.For(word, [.. known, .. ActionWords])}";
    }

    /// <summary>The words for actions.</summary>
    public static IReadOnlyList<string> ActionWords { get; } = ["pull", "push", "delete", "*"];
}
