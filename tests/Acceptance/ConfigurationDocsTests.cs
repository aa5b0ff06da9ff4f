using System.Text.RegularExpressions;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore;
using AuthIndex.TestKit;
using AuthIndex.TokenServer;

namespace AuthIndex.Acceptance;

/// <summary><c>docs/configuration.md</c> has a row for every key there is, and none for a key there is not.</summary>
public sealed partial class ConfigurationDocsTests
{
    [Fact]
    public void Every_key_is_described_and_nothing_else()
    {
        var file = Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "docs", "configuration.md");
        var described = File.ReadLines(file).Select(l => Row().Match(l)).Where(m => m.Success).Select(m => m.Groups["key"].Value);

        var shared = OptionsBinder.Keys(typeof(ListenerOptions), "*").Select(k => k.Key).ToList();
        var known = OptionsBinder.Keys(typeof(TokenServerOptions), "tokenServer")
            .Concat(OptionsBinder.Keys(typeof(RegistryOptions), "registry"))
            .Select(k => k.Key)
            .Where(k => !shared.Contains("*" + k[k.IndexOf('.', StringComparison.Ordinal)..]))
            .Concat(shared);

        Assert.Equal(known.Order(StringComparer.Ordinal), described.Order(StringComparer.Ordinal));
    }

    [GeneratedRegex(@"^\| `(?<key>[^`]+)` \|", RegexOptions.ExplicitCapture, matchTimeoutMilliseconds: 1000)]
    private static partial Regex Row();
}
