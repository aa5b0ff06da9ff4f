using System.Text.Json;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Identity.Oidc;

namespace AuthIndex.TokenServer.Tests.Identity.Oidc;

/// <summary>Names out of claims, and what claims must be.</summary>
public sealed class ClaimTests
{
    [Theory]
    [InlineData("{a}", """{"a":"x"}""", "x")]
    [InlineData("{a}:{b}", """{"a":"x","b":"y:z"}""", "x:y:z")]
    [InlineData("{a}:{b}", """{"a":"x:y","b":"z"}""", "the claim a contains ':', which ends it in the name")]
    [InlineData("{a}::{b}", """{"a":"x:","b":"z"}""", "the claim a contains ':', which ends it in the name")]
    [InlineData("{a/b/c}", """{"a":{"b":{"c":"x"}},"a/b/c":"y"}""", "x")]
    [InlineData("{a~1b~0c}", """{"a/b~c":"x"}""", "x")]
    [InlineData("{a/b}", """{"a":"x"}""", "the claim a/b is missing")]
    [InlineData("{a}", """{"a":null}""", "the claim a is missing")]
    [InlineData("{a}", """{"a":true}""", "the claim a is not text")]
    [InlineData("{a}", """{"a":"x\u200b"}""", "the claims do not make a valid name: ")]
    [InlineData("{a}", """{"a":"x "}""", "the claims do not make a valid name: ")]
    public void A_name_is_made_of_claims_or_there_is_none(string template, string claims, string expected)
    {
        Assert.True(ClaimTemplate.TryParse(template, ofGroups: false, out var parsed, out _));
        var problem = parsed.Fill(JsonSerializer.Deserialize<JsonElement>(claims), out var names);
        Assert.StartsWith(expected, problem ?? names.Single(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("g:{a?}", "{}", "")]
    [InlineData("g:{a?}", """{"a":"x"}""", "g:x")]
    [InlineData("{a[]}/{b}", """{"a":["x","y"],"b":"z"}""", "x/z y/z")]
    [InlineData("{a[]}", """{"a":[]}""", "")]
    [InlineData("{a[]?}", "{}", "")]
    [InlineData("{a[]}", """{"a":"x"}""", "the claim a is not a list")]
    [InlineData("{a[]}", """{"a":["x",1]}""", "the claim a is not a list of texts")]
    public void Groups_may_be_absent_or_many(string template, string claims, string expected)
    {
        Assert.True(ClaimTemplate.TryParse(template, ofGroups: true, out var parsed, out _));
        Assert.Equal(expected, parsed.Fill(JsonSerializer.Deserialize<JsonElement>(claims), out var names) ?? string.Join(' ', names));
    }

    [Theory]
    [InlineData("main", "main", true)]
    [InlineData("main", "Main", false)]
    [InlineData("main", "maine", false)]
    [InlineData("refs/heads/*", "refs/heads/main", true)]
    [InlineData("refs/heads/*", "refs/heads/a/b", false)]
    [InlineData("refs/**", "refs/heads/a/b", true)]
    [InlineData("v1.*", "v1x2", false)]
    [InlineData("*", "a\nb", true)]
    [InlineData("main", "main\n", false)]
    [InlineData("[a-z]", "b", false)]
    public void A_pattern_matches_as_those_of_policies_do(string pattern, string value, bool matches) =>
        Assert.Equal(matches, new ClaimRequirement("c", [pattern]).Problem(JsonSerializer.SerializeToElement(new { c = value })) is null);

    [Theory]
    [InlineData("", "")]
    [InlineData("audience: []", "tokenServer.oidc[0].audience: must be")]
    [InlineData("issuer: http://example.com", "tokenServer.oidc[0].issuer: must be an https:// URL")]
    [InlineData("issuer: https://example.com/?x", "tokenServer.oidc[0].issuer: must be an https:// URL")]
    [InlineData("keysUrl: http://example.com/keys", "tokenServer.oidc[0].keysUrl: must begin with https://")]
    [InlineData("account: everybody", "tokenServer.oidc[0].account: must be")]
    [InlineData("account: \"{a}{b}\"", "tokenServer.oidc[0].account: must be")]
    [InlineData("account: \"{a?}\"", "tokenServer.oidc[0].account: must be")]
    [InlineData("groups: [\"{a}\", \"x:{b}\"]", "tokenServer.oidc[0].groups: must be")]
    [InlineData("groups: [\"x:{a}\", \"y:{b?}\", \"z:{c[]}\"]", "")]
    [InlineData("require: {}", "tokenServer.oidc[0].require: must require")]
    [InlineData("require: { a: [] }", "tokenServer.oidc[0].require: must require")]
    [InlineData("require: [a]", "tokenServer.oidc[0].require: expected a mapping")]
    [InlineData("require: { a: [x, { b: c }] }", "tokenServer.oidc[0].require.a[1]: expected a text")]
    [InlineData("algorithms: [HS256]", "tokenServer.oidc[0].algorithms: must be")]
    [InlineData("leeway: 1h", "tokenServer.oidc[0].leeway: must be between 0s and 5m")]
    [InlineData("name: Git:Hub", "tokenServer.oidc[0].name: must consist")]
    [InlineData("audiences: x", "tokenServer.oidc[0].audiences: no such key")]
    public void An_issuer_is_configured_strictly(string line, string problem)
    {
        var lines = new Dictionary<string, string>
        {
            ["name"] = "name: github",
            ["issuer"] = "issuer: https://token.actions.githubusercontent.com",
            ["audience"] = "audience: registry.example.com",
            ["account"] = "account: \"{repository}\"",
            ["require"] = "require: { repository_owner: example }",
        };
        if (line.Length > 0) lines[line[..line.IndexOf(':', StringComparison.Ordinal)]] = line;
        var problems = new List<SourceProblem>();
        var file = Path.GetTempFileName();
        try
        {
            File.WriteAllText(file, $"oidc:\n  - {string.Join("\n    ", lines.Values)}\n");
            OptionsBinder.Bind(YamlSource.ReadFile(file, problems), new TokenServerOptions(), "tokenServer", problems);
        }
        finally
        {
            File.Delete(file);
        }

        if (problem.Length == 0) Assert.Empty(problems);
        else Assert.Contains(problem, problems[0].ToString(), StringComparison.Ordinal);
    }
}
