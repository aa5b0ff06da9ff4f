using System.Collections;
using System.Globalization;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting.Configuration;

/// <summary>
/// Puts the configuration together: the YAML file, over it the environment (<c>AUTHINDEX__TOKENSERVER__LISTEN</c>), over that
/// the command line (<c>--set tokenServer.listen=…</c>). Every value keeps the place it came from. Keys are matched without
/// regard to case, since an environment has none; a number as a key addresses an item of a list. A variable that is empty sets
/// nothing, since that is how compose files and systemd units pass on what nobody set.
/// </summary>
public static class ConfigurationTree
{
    private const string EnvironmentPrefix = "AUTHINDEX__";

    /// <summary>Reads all sources; problems name the source at fault.</summary>
    /// <param name="file">The YAML file, or null for none.</param>
    /// <param name="environment">The process environment; names without the prefix are ignored.</param>
    /// <param name="settings">The <c>key=value</c> pairs of the command line, later ones winning.</param>
    /// <param name="problems">Receives the problems.</param>
    public static MappingNode Read(string? file, IDictionary environment, IEnumerable<string> settings, ICollection<SourceProblem> problems)
    {
        var root = new MappingNode(new SourcePosition(file ?? "configuration", 0, 0), []);
        if (file is not null && YamlSource.ReadFile(file, problems) is { } read)
        {
            if (read is MappingNode mapping) root = mapping;
            else
            {
                problems.Add(new SourceProblem(read.At, "a configuration is a mapping with the keys tokenServer and registry; this is "
                    + $"{read.Kind}"));
            }
        }

        foreach (var name in environment.Keys.Cast<string>().Where(
            n => n.StartsWith(EnvironmentPrefix, StringComparison.Ordinal)).OrderBy(WithEvenNumbers, StringComparer.Ordinal))
        {
            if (environment[name] is not string { Length: > 0 } value) continue;
            var at = new SourcePosition($"environment {name}", 0, 0);
            Set(name[EnvironmentPrefix.Length..].Split("__"), new ScalarNode(at, value, IsQuoted: true));
        }

        foreach (var setting in settings)
        {
            if (ReadSetting("--set", setting, problems) is var (path, value)) Set(path, value);
        }

        return root;

        void Set(string[] path, ScalarNode value)
        {
            if (IsIndex(path[0], out _)) problems.Add(new SourceProblem(value.At, "the configuration is not a list"));
            else root = (MappingNode)With(root, path, 0, value, problems);
        }
    }

    /// <summary>Adds the <c>key=value</c> pairs of <c>--default</c> whose key no source has named.</summary>
    public static MappingNode WithDefaults(MappingNode root, IEnumerable<string> defaults, ICollection<SourceProblem> problems)
    {
        var given = root; // several defaults may make one item of a list
        foreach (var setting in defaults)
        {
            if (ReadSetting("--default", setting, problems) is var (path, value) && !Names(given, path))
            {
                root = (MappingNode)With(root, path, 0, value, problems);
            }
        }

        return root;
    }

    private static (string[] Path, ScalarNode Value)? ReadSetting(string option, string setting, ICollection<SourceProblem> problems)
    {
        var equals = setting.IndexOf('=', StringComparison.Ordinal);
        if (equals <= 0)
        {
            problems.Add(
                new SourceProblem(new SourcePosition($"command line {option}", 0, 0), $"'{setting}' must have the form key=value"));
            return null;
        }

        var at = new SourcePosition($"command line {option} {setting[..equals]}", 0, 0);
        return (setting[..equals].Split('.'), new ScalarNode(at, setting[(equals + 1)..], IsQuoted: true));
    }

    /// <summary>The text at a path such as <c>tokenServer.publicUrl</c>; null when there is none.</summary>
    public static string? Find(MappingNode root, string path)
    {
        SourceNode? at = root;
        foreach (var key in path.Split('.'))
        {
            at = (at as MappingNode)?.Entries.FirstOrDefault(
                e => string.Equals(e.Key.Value, key, StringComparison.OrdinalIgnoreCase)).Value;
        }

        return at is ScalarNode { IsNull: false } text ? text.Value : null;
    }

    /// <summary>Whether something stands at the path; a key without a value names nothing, as it sets nothing.</summary>
    private static bool Names(SourceNode? node, ReadOnlySpan<string> path)
    {
        if (path.IsEmpty || node is not MappingNode mapping) return node is not (null or ScalarNode { IsNull: true });
        var key = path[0];
        return Names(
            mapping.Entries.FirstOrDefault(e => string.Equals(e.Key.Value, key, StringComparison.OrdinalIgnoreCase)).Value, path[1..]);
    }

    // Item 2 of a list comes before item 10.
    private static string WithEvenNumbers(string name) => string.Join("__", name.Split("__").Select(key => key.PadLeft(10, '0')));

    private static bool IsIndex(string key, out int index) => int.TryParse(key, NumberStyles.None, CultureInfo.InvariantCulture, out index);

    /// <summary>The node with the value at the path's part from <paramref name="depth"/> on.</summary>
    private static SourceNode With(SourceNode? node, string[] path, int depth, ScalarNode value, ICollection<SourceProblem> problems)
    {
        if (depth == path.Length) return value;
        if (node is ScalarNode { IsNull: true }) node = null;
        if (IsIndex(path[depth], out var index)) return WithItem(node, path, depth, index, value, problems);
        if (node is not (null or MappingNode))
        {
            // Put in its place, what the file says would pass unnoticed.
            problems.Add(OptionsBinder.NoMapping(node, string.Join('.', path[..depth])));
            return node;
        }

        var entries = (node as MappingNode)?.Entries.ToList() ?? [];
        var key = path[depth];
        var same = entries.FindIndex(e => string.Equals(e.Key.Value, key, StringComparison.OrdinalIgnoreCase));
        if (same >= 0) entries[same] = new(entries[same].Key, With(entries[same].Value, path, depth + 1, value, problems));
        else entries.Add(new(new ScalarNode(value.At, key, IsQuoted: true), With(null, path, depth + 1, value, problems)));
        return new MappingNode(node?.At ?? value.At, entries);
    }

    private static SequenceNode WithItem(
        SourceNode? node, string[] path, int depth, int index, ScalarNode value, ICollection<SourceProblem> problems)
    {
        // one alone is a list of one
        List<SourceNode> items = node switch { null => [], SequenceNode list => [.. list.Items], _ => [node] };
        if (index < items.Count) items[index] = With(items[index], path, depth + 1, value, problems);
        else if (index == items.Count) items.Add(With(null, path, depth + 1, value, problems));
        else problems.Add(new SourceProblem(value.At, $"the list has {items.Count} items so far; the next is number {items.Count}"));
        return new SequenceNode(value.At, items);
    }
}
