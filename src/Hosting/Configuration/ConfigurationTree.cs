using System.Collections;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting.Configuration;

/// <summary>
/// Puts the configuration together: the YAML file, over it the environment (<c>AUTHINDEX__TOKENSERVER__LISTEN</c>), over that
/// the command line (<c>--set tokenServer.listen=…</c>). Every value keeps the place it came from. Keys are matched without
/// regard to case, since an environment has none; a number as a key addresses an item of a list.
/// </summary>
public static class ConfigurationTree
{
    private const string EnvironmentPrefix = "AUTHINDEX__";

    /// <summary>Reads all sources; problems name the source at fault.</summary>
    /// <param name="file">The YAML file, or null for none.</param>
    /// <param name="environment">The process environment; names without the prefix are passed over.</param>
    /// <param name="settings">The <c>key=value</c> pairs of the command line, later ones winning.</param>
    /// <param name="problems">Takes what is wrong.</param>
    public static MappingNode Read(string? file, IDictionary environment, IEnumerable<string> settings, ICollection<SourceProblem> problems)
    {
        SourceNode root = new MappingNode(new SourcePosition(file ?? "configuration", 0, 0), []);
        if (file is not null && YamlSource.ReadFile(file, problems) is { } read)
        {
            if (read is MappingNode) root = read;
            else problems.Add(new SourceProblem(read.At, $"a configuration is a mapping with the keys tokenServer and registry; this is {read.Kind}"));
        }

        foreach (var name in environment.Keys.Cast<string>().Where(n => n.StartsWith(EnvironmentPrefix, StringComparison.Ordinal)).Order(StringComparer.Ordinal))
        {
            var at = new SourcePosition($"environment {name}", 0, 0);
            root = With(root, name[EnvironmentPrefix.Length..].Split("__"), new ScalarNode(at, (string)environment[name]!, IsQuoted: true));
        }

        foreach (var (path, value) in Settings("--set", settings, problems)) root = With(root, path, value);
        return (MappingNode)root;
    }

    /// <summary>Adds the <c>key=value</c> pairs of <c>--default</c> whose key no source has named.</summary>
    public static MappingNode WithDefaults(MappingNode root, IEnumerable<string> defaults, ICollection<SourceProblem> problems)
    {
        foreach (var (path, value) in Settings("--default", defaults, problems))
        {
            if (!Names(root, path)) root = (MappingNode)With(root, path, value);
        }

        return root;
    }

    private static IEnumerable<(string[] Path, ScalarNode Value)> Settings(string option, IEnumerable<string> settings, ICollection<SourceProblem> problems)
    {
        foreach (var setting in settings)
        {
            var equals = setting.IndexOf('=', StringComparison.Ordinal);
            if (equals <= 0)
            {
                problems.Add(new SourceProblem(new SourcePosition($"command line {option}", 0, 0), $"'{setting}' has not the form key=value"));
                continue;
            }

            var at = new SourcePosition($"command line {option} {setting[..equals]}", 0, 0);
            yield return (setting[..equals].Split('.'), new ScalarNode(at, setting[(equals + 1)..], IsQuoted: true));
        }
    }

    /// <summary>Whether something stands at the path; an empty value counts as nothing, as it does in binding.</summary>
    private static bool Names(SourceNode? node, ReadOnlySpan<string> path)
    {
        if (path.IsEmpty) return node is not ScalarNode { IsNull: true };
        if (node is not MappingNode mapping) return node is not (null or ScalarNode { IsNull: true });
        var key = path[0];
        return mapping.Entries.FirstOrDefault(e => string.Equals(e.Key.Value, key, StringComparison.OrdinalIgnoreCase)).Value is { } value && Names(value, path[1..]);
    }

    private static SourceNode With(SourceNode? node, ReadOnlySpan<string> path, ScalarNode value)
    {
        if (path.IsEmpty) return value;

        if (int.TryParse(path[0], out var index) && index >= 0)
        {
            var items = node is SequenceNode list ? list.Items.ToList() : [];
            if (index < items.Count) items[index] = With(items[index], path[1..], value);
            else items.Add(With(null, path[1..], value));
            return new SequenceNode(value.At, items);
        }

        var entries = node is MappingNode mapping ? mapping.Entries.ToList() : [];
        var key = path[0];
        var same = entries.FindIndex(e => string.Equals(e.Key.Value, key, StringComparison.OrdinalIgnoreCase));
        if (same >= 0) entries[same] = new(entries[same].Key, With(entries[same].Value, path[1..], value));
        else entries.Add(new(new ScalarNode(value.At, key, IsQuoted: true), With(null, path[1..], value)));
        return new MappingNode(node is MappingNode ? node.At : value.At, entries);
    }
}
