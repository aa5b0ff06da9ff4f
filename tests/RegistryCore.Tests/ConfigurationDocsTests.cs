using System.Globalization;
using System.Reflection;
using System.Text.RegularExpressions;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Storage.Collection;

namespace AuthIndex.RegistryCore.Tests;

/// <summary><c>docs/configuration.md</c> has a row for every key of the section <c>registry</c>, with the default that it has.</summary>
public sealed partial class ConfigurationDocsTests
{
    private static readonly Dictionary<string, string> Rows = File.ReadLines(Path.Combine(Root(), "docs", "configuration.md"))
        .Select(l => Row().Match(l)).Where(m => m.Success)
        .ToDictionary(m => m.Groups["key"].Value, m => m.Groups["default"].Value, StringComparer.Ordinal);

    [Fact]
    public void Every_key_of_the_registry_is_described_and_nothing_else()
    {
        var shared = OptionsBinder.Keys(typeof(ListenerOptions), "registry").Select(k => k.Key);
        Assert.Equal(
            OptionsBinder.Keys(typeof(RegistryOptions), "registry").Select(k => k.Key).Except(shared, StringComparer.Ordinal)
            .Order(StringComparer.Ordinal),
            Rows.Keys.Where(k => k.StartsWith("registry.", StringComparison.Ordinal)).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_defaults_of_durations_sizes_and_numbers_are_the_real_ones()
    {
        var checkedKeys = 0;
        foreach (var (key, property) in OptionsBinder.Keys(typeof(RegistryOptions), "registry").Where(k => Rows.ContainsKey(k.Key)))
        {
            var stated = Rows[key];
            object? value = property.PropertyType == typeof(TimeSpan) ? (Duration.TryParse(stated, out var time) ? time : null)
                : property.PropertyType == typeof(ByteSize) ? ByteSize.Parse(stated, CultureInfo.InvariantCulture)
                : property.PropertyType == typeof(int) ? int.Parse(stated)
                : null;
            if (property.PropertyType == typeof(UntaggedPolicy)) value = UntaggedPolicy.Parse(stated, null);
            if (value is null) continue;
            Assert.Equal((key, value), (key, Default(key.Split('.')[1..])));
            checkedKeys++;
        }

        Assert.True(checkedKeys >= 10);
    }

    /// <summary>The default of a key; of one in a section that is absent by default, its default when the section is there.</summary>
    private static object? Default(string[] path) =>
        path.Aggregate(
            (object?)new RegistryOptions(),
            (at, key) =>
            {
                var property = at!.GetType().GetProperty(
                    key.Replace("[]", "", StringComparison.Ordinal), BindingFlags.Public | BindingFlags.Instance | BindingFlags.IgnoreCase)!;
                var type = property.PropertyType;
                if (key.EndsWith("[]", StringComparison.Ordinal)) return Activator.CreateInstance(type.GetGenericArguments()[0]);
                return property.GetValue(at)
                    ?? (type.Name.EndsWith("Options", StringComparison.Ordinal) ? Activator.CreateInstance(type) : null);
            });

    private static string Root()
    {
        var at = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(at.FullName, "AuthIndex.sln")))
        {
            at = at.Parent ?? throw new DirectoryNotFoundException("The tests run outside the repository.");
        }

        return at.FullName;
    }

    [GeneratedRegex(
        @"^\| `(?<key>[^`]+)` \| [^|]+ \| (`(?<default>[^`]+)`)?[^|]*\|", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Row();
}
