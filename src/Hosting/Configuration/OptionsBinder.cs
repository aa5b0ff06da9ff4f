using System.Collections;
using System.ComponentModel.DataAnnotations;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using System.Net;
using System.Reflection;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Yaml;

namespace AuthIndex.Hosting.Configuration;

/// <summary>
/// Marks a text option that is a path: one in a file is relative to that file's folder, any other to the working directory.
/// </summary>
[AttributeUsage(AttributeTargets.Property)]
public sealed class FilePathAttribute : Attribute;

/// <summary>Requires a duration within bounds, both inclusive.</summary>
/// <param name="min">The shortest, as it would be written in the configuration.</param>
/// <param name="max">The longest, likewise.</param>
[AttributeUsage(AttributeTargets.Property)]
public sealed class DurationRangeAttribute(string min, string max) : ValidationAttribute
{
    /// <summary>The shortest duration allowed.</summary>
    public string Min => min;

    /// <summary>The longest duration allowed.</summary>
    public string Max => max;

    /// <inheritdoc/>
    public override bool IsValid(object? value) =>
        value is null
            || (value is TimeSpan time && Duration.TryParse(min, out var low) && Duration.TryParse(max,
                out var high) && time >= low && time <= high);

    /// <inheritdoc/>
    public override string FormatErrorMessage(string name) => $"must be between {min} and {max}";
}

/// <summary>
/// Fills options classes from configuration nodes, strictly: an unknown key, a value of the wrong type or out of range is a
/// problem with its place and a suggestion. A key is the property's name with a small first letter.
/// </summary>
public static class OptionsBinder
{
    private static readonly MethodInfo ParseAny = ((Func<string, object?>)Parse<int>).Method.GetGenericMethodDefinition();

    /// <summary>Fills <paramref name="options"/> from a section; absent keys keep their defaults.</summary>
    /// <param name="section">The section's node; null when it is absent.</param>
    /// <param name="options">
    /// An options object: public settable properties of the types in <c>docs/configuration.md</c>, lists and options objects.
    /// </param>
    /// <param name="path">The section's key, for messages.</param>
    /// <param name="problems">Receives the problems.</param>
    public static void Bind(SourceNode? section, object options, string path, ICollection<SourceProblem> problems)
    {
        if (section is MappingNode mapping) BindEntries(mapping, options, path, problems);
        else if (!IsAbsent(section))
        {
            problems.Add(NoMapping(section, path));
            return;
        }

        Validate(options, section, path, problems);
    }

    /// <summary>
    /// Every key that an options class knows, nested ones as <c>a.b</c>, items of lists as <c>a[].b</c>, in declaration order.
    /// </summary>
    public static IEnumerable<(string Key, PropertyInfo Property)> Keys(Type options, string path)
    {
        foreach (var property in Properties(options))
        {
            var key = $"{path}.{KeyOf(property)}";
            var item = ItemType(property.PropertyType);
            yield return (key, property);
            foreach (var nested in IsOptions(item ?? property.PropertyType)
                ? Keys(item ?? property.PropertyType, item is null ? key : key + "[]") : [])
            {
                yield return nested;
            }
        }
    }

    /// <summary>What is wrong with a value in the place of a mapping.</summary>
    internal static SourceProblem NoMapping(SourceNode found, string path) =>
        new(found.At, $"{path}: expected a mapping of keys, found {found.Kind}");

    private static void BindEntries(MappingNode mapping, object options, string path, ICollection<SourceProblem> problems)
    {
        var properties = Properties(options.GetType()).ToDictionary(KeyOf, StringComparer.OrdinalIgnoreCase);
        foreach (var (key, node) in mapping.Entries)
        {
            if (!properties.TryGetValue(key.Value, out var property) || (key.Value != KeyOf(property) && key.At.Line > 0))
            {
                problems.Add(new SourceProblem(key.At, $"{path}.{key.Value}: no such key{Suggestion.For(key.Value, properties.Keys)}"));
            }
            else if (IsAbsent(node))
            {
                continue;
            }
            else if (IsOptions(property.PropertyType) && property.GetValue(options) is { } nested)
            {
                Bind(node, nested, $"{path}.{KeyOf(property)}", problems);
            }
            else if (Convert(node, property.PropertyType, property, $"{path}.{KeyOf(property)}", problems) is { } value)
            {
                property.SetValue(options, value);
            }
        }
    }

    private static object? Convert(SourceNode node, Type type, PropertyInfo property, string path, ICollection<SourceProblem> problems)
    {
        if (ItemType(type) is { } item) return ConvertList(node, item, property, path, problems);
        if (type == typeof(Dictionary<string, List<string>>)) return ConvertTable(node, property, path, problems);
        if (IsOptions(type))
        {
            var nested = Create(type);
            Bind(node, nested, path, problems);
            return nested;
        }

        if (node is ScalarNode scalar && !IsAbsent(node)
            && ConvertScalar(scalar, Nullable.GetUnderlyingType(type) ?? type, property) is { } value)
        {
            return value;
        }

        // Secrets have no keys of their own, they come from files; but a URL may carry one along, so it is not repeated.
        var found = type == typeof(Uri) ? "" : $", found {node.Kind}";
        problems.Add(new SourceProblem(node.At, $"{path}: expected {(IsPath(property) ? "a path" : Describe(type))}{found}"));
        return null;
    }

    private static IList ConvertList(SourceNode node, Type item, PropertyInfo property, string path, ICollection<SourceProblem> problems)
    {
        var list = (IList)Create(typeof(List<>).MakeGenericType(item));
        var items = node is SequenceNode sequence ? sequence.Items : [node];
        for (var i = 0; i < items.Count; i++)
        {
            if (Convert(items[i], item, property, $"{path}[{i}]", problems) is { } value) list.Add(value);
        }

        return list;
    }

    /// <summary>A mapping whose keys are free, each with a text or a list of them.</summary>
    private static Dictionary<string, List<string>>? ConvertTable(
        SourceNode node, PropertyInfo property, string path, ICollection<SourceProblem> problems)
    {
        if (node is not MappingNode mapping)
        {
            problems.Add(NoMapping(node, path));
            return null;
        }

        var table = new Dictionary<string, List<string>>(StringComparer.Ordinal);
        foreach (var (key, value) in mapping.Entries)
        {
            table[key.Value] = (List<string>)ConvertList(value, typeof(string), property, $"{path}.{key.Value}", problems);
        }

        return table;
    }

    private static object? ConvertScalar(ScalarNode scalar, Type type, PropertyInfo property)
    {
        var text = scalar.Value;
        if (type == typeof(string)) return IsPath(property) ? FullPath(text, scalar.At) : text;
        if (type == typeof(bool)) return text switch { "true" => true, "false" => false, _ => null };
        if (type == typeof(TimeSpan)) return Duration.TryParse(text, out var time) ? time : null;
        if (type == typeof(Uri)) return Uri.TryCreate(text, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" ? uri : null;
        if (type == typeof(IPNetwork)) return ParseNetwork(text);
        return ParseAny.MakeGenericMethod(type).Invoke(null, [text]);
    }

    /// <summary>Not with bits beyond its prefix: 10.0.0.9/8 is probably meant as one address, but would match sixteen million.</summary>
    private static IPNetwork? ParseNetwork(string text) =>
        IPNetwork.TryParse(text, out var network) && IPAddress.TryParse(text.AsSpan(0, text.LastIndexOf('/')), out var address)
            && address.Equals(network.BaseAddress)
            ? network
            : null;

    private static object? Parse<T>(string text) where T : IParsable<T> =>
        T.TryParse(text, CultureInfo.InvariantCulture, out var value) ? value : null;

    private static string? FullPath(string path, SourcePosition at)
    {
        if (path.Length == 0 || path.Contains('\0', StringComparison.Ordinal)) return null;
        return at.Line == 0 ? Path.GetFullPath(path) : Path.GetFullPath(path, ParentFolder.Of(Path.GetFullPath(at.File)));
    }

    private static void Validate(object options, SourceNode? section, string path, ICollection<SourceProblem> problems)
    {
        foreach (var property in Properties(options.GetType()))
        {
            var value = property.GetValue(options);
            var node = (section as MappingNode)?.Entries.FirstOrDefault(
                e => string.Equals(e.Key.Value, KeyOf(property), StringComparison.OrdinalIgnoreCase)).Value;
            if (value is null && !IsAbsent(node)) continue; // there was a value, which Convert has complained about
            foreach (var rule in property.GetCustomAttributes<ValidationAttribute>())
            {
                if (rule.IsValid(value)) continue;
                var message = rule switch
                {
                    RequiredAttribute => "is required",
                    RangeAttribute range => $"must be between {range.Minimum} and {range.Maximum}",
                    AllowedValuesAttribute allowed => $"must be one of {string.Join(", ", allowed.Values)}",
                    _ => rule.FormatErrorMessage(KeyOf(property)),
                };
                problems.Add(new SourceProblem(node?.At
                    ?? section?.At ?? new SourcePosition("configuration", 0, 0), $"{path}.{KeyOf(property)}: {message}"));
            }
        }
    }

    private static IEnumerable<PropertyInfo> Properties(Type type) =>
        type.GetProperties(BindingFlags.Public | BindingFlags.Instance).Where(p => p.SetMethod is { IsPublic: true });

    private static object Create(Type type) =>
        Activator.CreateInstance(type) ?? throw new InvalidOperationException($"{type} cannot be created.");

    private static string KeyOf(PropertyInfo property) => char.ToLowerInvariant(property.Name[0]) + property.Name[1..];

    private static Type? ItemType(Type type) =>
        type.IsGenericType && type.GetGenericTypeDefinition() == typeof(List<>) ? type.GetGenericArguments()[0] : null;

    private static bool IsAbsent([NotNullWhen(false)] SourceNode? node) => node is null or ScalarNode { IsNull: true };

    private static bool IsPath(PropertyInfo property) => property.IsDefined(typeof(FilePathAttribute));

    private static bool IsOptions(Type type) => type.IsClass && type.Name.EndsWith("Options", StringComparison.Ordinal);

    private static string Describe(Type type)
    {
        var plain = Nullable.GetUnderlyingType(type) ?? type;
        if (plain == typeof(bool)) return "true or false";
        if (plain == typeof(TimeSpan)) return "a duration such as 30s, 5m, 12h or 7d";
        if (plain == typeof(Uri)) return "a URL beginning with http:// or https://";
        if (plain == typeof(int) || plain == typeof(long)) return "a whole number";
        if (plain == typeof(ByteSize)) return "a size such as 512KiB, 4MiB or 10GiB";
        if (plain == typeof(ListenAddress)) return "an address HOST:PORT such as 127.0.0.1:5000";
        if (plain == typeof(IPNetwork)) return "a network by its first address, such as 10.0.0.0/8 or ::1/128";
        return "a text";
    }
}
