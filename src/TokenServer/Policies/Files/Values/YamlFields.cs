using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Policies.Files.Values;

/// <summary>
/// The values of one mapping, read by key and type. Every mistake becomes a problem with its position, and reading continues, so that one
/// run reports all of them.
/// </summary>
internal sealed class YamlFields
{
    private readonly MappingNode node;
    private readonly ICollection<SourceProblem> problems;

    /// <param name="node">The mapping.</param>
    /// <param name="known">The keys it may have.</param>
    /// <param name="problems">Where problems go.</param>
    public YamlFields(MappingNode node, IReadOnlyList<string> known, ICollection<SourceProblem> problems)
    {
        this.node = node;
        this.problems = problems;
        foreach (var (key, _) in node.Entries)
        {
            if (known.Contains(key.Value)) continue;
            HasUnknownKey = true;
            var unseen = key.Value.Contains('\u00a0') ? "; it contains a no-break space (U+00A0), which looks like a space" : "";
            Complain(key, $"unknown key '{key.Value}'{Suggestion.For(key.Value, known)}{unseen}");
        }
    }

    /// <summary>Whether a key is none of the known ones: what seems to be missing may only be misspelt.</summary>
    public bool HasUnknownKey { get; }

    public bool Has(string key) => node[key] is not null;

    public SourceNode? this[string key] => node[key];

    public ScalarNode? KeyNode(string key) => node.Entries.FirstOrDefault(e => e.Key.Value == key).Key;

    public void Complain(SourceNode? at, string message) => problems.Add(new SourceProblem(at?.At ?? node.At, message));

    public void Warn(SourceNode? at, string message) => problems.Add(new SourceProblem(at?.At ?? node.At, message, IsWarning: true));

    /// <summary>The text under a key; null when it is absent or, with a problem, not text.</summary>
    public ScalarNode? Text(string key) => node[key] is { } value ? AsText(value, key) : null;

    /// <summary>
    /// The texts of a list. Null when the key is absent; empty, with a problem, when it is not a list of texts or is empty.
    /// </summary>
    /// <param name="key">The key.</param>
    /// <param name="orText">Whether one text alone, with commas in it, stands for a list.</param>
    public IReadOnlyList<ScalarNode>? Texts(string key, bool orText = false)
    {
        switch (node[key])
        {
            case null:
                return null;
            case SequenceNode { Items.Count: 0 } empty:
                Complain(empty, $"'{key}' is empty and matches nothing; remove the key or add a value");
                return [];
            case SequenceNode list:
                var texts = list.Items.Select(item => AsText(item, key)).OfType<ScalarNode>().ToList();
                WarnOfRepetition(texts, key);
                return texts;
            case ScalarNode { IsNull: false } scalar when orText:
                return [.. scalar.Value.Split(',').Select(part => scalar with { Value = part.Trim() })];
            case ScalarNode { IsNull: false } scalar:
                Complain(
                    scalar,
                    $"'{key}' must be a list; write [{(scalar.Value.AsSpan().ContainsAny("*{") ? $"\"{scalar.Value}\"" : scalar.Value)}]");
                return [];
            case var other:
                Complain(other, $"'{key}' must be a list, not {other.Kind}");
                return [];
        }
    }

    /// <summary>The entries of a mapping; empty when it is absent or, with a problem, not a mapping.</summary>
    public IReadOnlyList<KeyValuePair<ScalarNode, SourceNode>> Entries(string key)
    {
        switch (node[key])
        {
            case null or ScalarNode { IsNull: true }:
                return [];
            case MappingNode mapping:
                return mapping.Entries;
            case { } other:
                Complain(other, $"'{key}' must be a mapping of names, not {other.Kind}");
                return [];
        }
    }

    /// <summary>The items of a list; empty when it is absent or, with a problem, not a list.</summary>
    public IReadOnlyList<SourceNode> Items(string key)
    {
        switch (node[key])
        {
            case null or ScalarNode { IsNull: true }:
                return [];
            case SequenceNode sequence:
                return sequence.Items;
            case { } other:
                Complain(other, $"'{key}' must be a list, not {other.Kind}");
                return [];
        }
    }

    private ScalarNode? AsText(SourceNode value, string key)
    {
        if (value is ScalarNode scalar)
        {
            if (PlainText.Problem(scalar) is not { } problem) return scalar;
            Complain(scalar, $"'{key}': {problem}");
            return null;
        }

        var hint = value switch
        {
            MappingNode { Entries: [{ Key: { IsQuoted: false } name, Value: ScalarNode { IsNull: false } rest }] }
                when Subject.Parse($"{name.Value}:{rest.Value}", out _) is null =>
                $"; write \"{name.Value}:{rest.Value}\", without the space",
            MappingNode => "; quote text that contains '{' or ': '",
            _ => "",
        };
        Complain(value, $"'{key}' must contain text, not {value.Kind}{hint}");
        return null;
    }

    private void WarnOfRepetition(List<ScalarNode> texts, string key)
    {
        foreach (var repeated in texts.GroupBy(t => t.Value, StringComparer.Ordinal).SelectMany(g => g.Skip(1)))
        {
            Warn(repeated, $"'{repeated.Value}' is repeated in '{key}'");
        }
    }
}
