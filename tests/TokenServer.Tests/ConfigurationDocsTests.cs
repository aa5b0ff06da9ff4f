using System.Text.RegularExpressions;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TokenServer.Tests.Policies;

namespace AuthIndex.TokenServer.Tests;

public sealed partial class ConfigurationDocsTests
{
    [Fact]
    public void Every_key_of_the_section_is_documented_with_type_default_and_example_and_no_other()
    {
        var rows = File.ReadLines(Path.Combine(SourceTree.Root, "docs", "configuration.md"))
            .Select(line => Row().Match(line)).Where(m => m.Success).ToList();
        Assert.Equal(
            OptionsBinder.Keys(typeof(TokenServerOptions), TokenServerOptions.Section).Select(k => k.Key).Order(StringComparer.Ordinal),
            rows.Select(r => r.Groups["key"].Value).Order(StringComparer.Ordinal));
        Assert.All(rows, row => Assert.All(new[] { "type", "default", "example", "meaning" }, cell => Assert.NotEmpty(row.Groups[cell].Value.Trim())));
    }

    [GeneratedRegex(@"^\| `(?<key>tokenServer\.[^`]+)` \|(?<type>[^|]*)\|(?<default>[^|]*)\|(?<example>[^|]*)\|(?<meaning>[^|]*)\|$", RegexOptions.ExplicitCapture, 5000)]
    private static partial Regex Row();
}
