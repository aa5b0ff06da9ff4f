using System.Text.Json;
using FsCheck.Fluent;

namespace AuthIndex.TokenContract.Tests;

public sealed class AccessClaimTests
{
    [Fact]
    public void What_is_written_is_read_again() =>
        Prop.ForAll(Any.Scope.ListOf().ToArbitrary(), scopes =>
        {
            var distinct = scopes.DistinctBy(s => (s.Type, s.Name)).ToList();
            return TryRead(Json.Written(json => AccessClaim.Write(json, distinct)), out var read) && read.SequenceEqual(distinct);
        }).Check();

    [Fact]
    public void The_members_are_those_of_the_specification() =>
        Assert.Equal(
            """[{"type":"repository","name":"a/b","actions":["pull","push"]}]""",
            Json.Written(json => AccessClaim.Write(json, [new Scope("repository", "a/b", ActionSet.Push.Union(ActionSet.Pull))])));

    [Fact]
    public void A_scope_without_actions_is_left_out_and_nothing_granted_is_an_empty_array()
    {
        Assert.Equal("[]", Json.Written(json => AccessClaim.Write(json, [new Scope("repository", "a", ActionSet.None)])));
        Assert.Equal("[]", Json.Written(json => AccessClaim.Write(json, [])));
    }

    [Theory]
    [InlineData("null", "")]
    [InlineData("[]", "")]
    [InlineData("""[{"type":"repository","name":"a","actions":["pull","fly"]}]""", "repository:a:pull")]
    [InlineData("""[{"type":"repository","name":"a","actions":null}]""", "repository:a:")]
    [InlineData("""[{"type":"repository","name":"a","actions":[]}]""", "repository:a:")]
    [InlineData("""[{"type":"repository","class":"image","name":"a","actions":["pull"]}]""", "repository:a:pull")]
    [InlineData(
        """[{"type":"repository","name":"a","actions":["pull"]},{"type":"repository","name":"a","actions":["push"]}]""",
        "repository:a:pull,push")]
    [InlineData("""[{"type":"repository","name":"a","actions":["PULL"]}]""", "repository:a:")]
    public void Claims_of_other_issuers_are_read(string claim, string expected)
    {
        Assert.True(TryRead(claim, out var granted));
        Assert.Equal(expected, string.Join(' ', granted));
    }

    [Theory]
    [InlineData("true")]
    [InlineData("1")]
    [InlineData("\"repository:a:pull\"")]
    [InlineData("""{"type":"repository","name":"a","actions":["pull"]}""")]
    [InlineData("[null]")]
    [InlineData("[[]]")]
    [InlineData("[\"repository:a:pull\"]")]
    [InlineData("[{}]")]
    [InlineData("""[{"name":"a","actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","name":"a"}]""")]
    [InlineData("""[{"type":null,"name":"a","actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","name":["a"],"actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","name":"a","actions":"pull"}]""")]
    [InlineData("""[{"type":"repository","name":"a","actions":{"pull":true}}]""")]
    [InlineData("""[{"type":"repository","name":"a","actions":[1]}]""")]
    [InlineData("""[{"type":"repository","name":"a","actions":[null]}]""")]
    [InlineData("""[{"Type":"repository","Name":"a","Actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","name":"a","actions":["pull"]},0]""")]
    [InlineData("""[{"type":"repository","name":"a","name":"b","actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","name":"a","actions":[],"actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","type":"repository","name":"a","actions":["pull"]}]""")]
    [InlineData("""[{"type":"\ud800","name":"a","actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","name":"\udc00","actions":["pull"]}]""")]
    [InlineData("""[{"type":"repository","name":"a","actions":["\ud800"]}]""")]
    [InlineData("""[{"type":"repository","name":"a","actions":["pull"],"\ud800":1}]""")]
    public void A_claim_of_another_shape_grants_nothing(string claim)
    {
        Assert.False(TryRead(claim, out var granted));
        Assert.Empty(granted);
    }

    private static bool TryRead(string claim, out IReadOnlyList<Scope> granted)
    {
        using var document = JsonDocument.Parse(claim);
        return AccessClaim.TryRead(document.RootElement, out granted);
    }
}
