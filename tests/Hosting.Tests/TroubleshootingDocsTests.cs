using System.Text.RegularExpressions;

namespace AuthIndex.Hosting.Tests;

/// <summary>The messages in <c>docs/troubleshooting.md</c> are those of the programs.</summary>
public sealed partial class TroubleshootingDocsTests
{
    [Fact]
    public void Every_message_of_ours_stands_in_the_sources()
    {
        var page = File.ReadAllText(Path.Combine(Repository.Root, "docs", "troubleshooting.md"));
        var ours = page[..page.IndexOf("## What each client prints", StringComparison.Ordinal)];
        var messages = Row().Matches(ours).Select(m => m.Groups["message"].Value).ToList();
        var sources = string.Concat(
            Directory.EnumerateFiles(Path.Combine(Repository.Root, "src"), "*.cs", SearchOption.AllDirectories).Select(File.ReadAllText));

        Assert.True(messages.Count >= 20, $"only {messages.Count} messages were found in the page");
        Repository.AssertNone(messages.Where(m => !sources.Contains(m, StringComparison.Ordinal)).Select(m => $"no source holds '{m}'"));
    }

    [GeneratedRegex(@"^\| `(?<message>[^`]+)` \|", RegexOptions.ExplicitCapture | RegexOptions.Multiline, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Row();
}
