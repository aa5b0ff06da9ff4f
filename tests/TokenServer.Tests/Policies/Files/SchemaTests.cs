using System.Text.Json;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Tests.Policies.Files;

public sealed class SchemaTests : IDisposable
{
    private readonly JsonDocument schema = JsonDocument.Parse(
        File.ReadAllText(Path.Combine(SourceTree.Root, "policies", "policy.schema.json")));

    public void Dispose() => schema.Dispose();

    [Fact]
    public void The_schema_for_editors_knows_the_keys_that_the_reader_knows()
    {
        Assert.Equal(PolicyKeys.Document, KeysOf(schema.RootElement));
        Assert.Equal(PolicyKeys.Robot, KeysOf(Definition("robot")));
        Assert.Equal(PolicyKeys.Rule, KeysOf(Definition("rule")));
        Assert.Equal(PolicyKeys.When, KeysOf(Definition("when")));
        Assert.Equal(PolicyKeys.Test, KeysOf(Definition("test")));
    }

    [Fact]
    public void The_schema_for_editors_knows_the_words_that_the_reader_knows()
    {
        Assert.Equal(SignIn.Kinds, WordsOf(Definition("when").GetProperty("properties").GetProperty("signedInBy").GetProperty("items")));
        Assert.Equal(SignIn.Kinds, WordsOf(Definition("test").GetProperty("properties").GetProperty("signedInBy")));
        Assert.Equal(
            RuleReader.ActionWords,
            WordsOf(
                schema.RootElement.GetProperty("properties").GetProperty("roles").GetProperty("additionalProperties")
                .GetProperty("items")));
    }

    [Fact]
    public void Every_reference_in_the_schema_leads_somewhere()
    {
        var text = schema.RootElement.GetRawText();
        foreach (var part in text.Split("\"$ref\": \"#/definitions/")[1..]) Definition(part[..part.IndexOf('"', StringComparison.Ordinal)]);
    }

    private JsonElement Definition(string name) => schema.RootElement.GetProperty("definitions").GetProperty(name);

    private static IEnumerable<string> KeysOf(JsonElement mapping) =>
        mapping.GetProperty("properties").EnumerateObject().Select(p => p.Name);

    private static IEnumerable<string?> WordsOf(JsonElement list) => list.GetProperty("enum").EnumerateArray().Select(e => e.GetString());
}
