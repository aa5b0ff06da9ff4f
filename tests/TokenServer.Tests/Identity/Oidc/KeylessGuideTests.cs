using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Tests.Policies;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.Identity.Oidc;

/// <summary>The examples of the guide can be taken as they stand.</summary>
public sealed class KeylessGuideTests
{
    private static readonly string[] Examples =
        [.. File.ReadAllText(Path.Combine(SourceTree.Root, "docs", "keyless-ci.md"))
            .Split("```yaml\n")[1..].Select(part => part[..part.IndexOf("```", StringComparison.Ordinal)])];

    [Fact]
    public void Every_configuration_in_the_guide_is_sound()
    {
        var configurations = Examples.Where(e => e.StartsWith("tokenServer:", StringComparison.Ordinal)).ToList();
        Assert.Equal(3, configurations.Count);
        using var folder = new TemporaryDirectory();
        foreach (var configuration in configurations)
        {
            var problems = new List<SourceProblem>();
            var options = new TokenServerOptions();
            File.WriteAllText(folder["authindex.yaml"], configuration);
            OptionsBinder.Bind(
                ((MappingNode)YamlSource.ReadFile(folder["authindex.yaml"], problems)!).Entries[0].Value, options, "tokenServer", problems);
            Assert.Empty(problems);
            foreach (var issuer in options.Oidc) issuer.CaFile = null; // that of a cluster
            using var issuers = new OidcIssuers(
                options.Oidc, folder["keys"], Loops.Of(TimeProvider.System), NullLogger<OidcIssuers>.Instance);
            Assert.Single(issuers.All);
        }
    }

    [Fact]
    public void Every_policy_in_the_guide_is_sound_and_its_tests_hold()
    {
        var policies = Examples.Where(e => e.StartsWith("version: 1", StringComparison.Ordinal)).Select(e => PolicyText.Compile(e))
            .ToList();
        Assert.NotEmpty(policies);
        Assert.All(policies, p => Assert.Empty(p.Problems));
        Assert.All(policies, p => Assert.NotEmpty(p.Tests));
    }
}
