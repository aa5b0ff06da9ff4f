using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;

namespace AuthIndex.TokenContract.Tests;

public sealed class RefusedClaimTests
{
    [Fact]
    public void What_is_written_is_read_again() =>
        Prop.ForAll(Refusals().ToArbitrary(), refusals =>
            Read(Json.Written(json => RefusedClaim.Write(json, refusals))).SequenceEqual(refusals)).Check();

    [Fact]
    public void The_members_are_type_name_actions_reason_and_decision() =>
        Assert.Equal(
            """[{"type":"repository","name":"a","actions":"push,delete","reason":"no rule allows it","decision":"d1"}]""",
            Json.Written(
                json => RefusedClaim.Write(
                    json, [new Refusal(new Scope("repository", "a", ActionSet.Delete.Union(ActionSet.Push)), "no rule allows it", "d1")])));

    [Theory]
    [InlineData("null")]
    [InlineData("{}")]
    [InlineData("\"no\"")]
    [InlineData("[]")]
    [InlineData("[null,1,\"x\",[],{}]")]
    [InlineData("""[{"type":"repository","name":"a"}]""")]
    [InlineData("""[{"type":"repository","name":1,"reason":"r"}]""")]
    [InlineData("""[{"type":"repository","name":"a","reason":["r"]}]""")]
    [InlineData("""[{"type":"repository","name":"a","reason":"\ud800"}]""")]
    [InlineData("""[{"type":"repository","\ud800":"a","reason":"r"}]""")]
    public void Entries_of_another_shape_are_passed_over(string claim) => Assert.Empty(Read(claim));

    [Fact]
    public void A_good_entry_beside_a_bad_one_is_read()
    {
        var refusal = Assert.Single(Read("""[{},{"type":"repository","name":"a","actions":"push,fly","reason":"r"}]"""));
        Assert.Equal(new Refusal(new Scope("repository", "a", ActionSet.Push), "r", ""), refusal);
    }

    private static Gen<List<Refusal>> Refusals() =>
        (from scope in Any.ScopeWith(Any.Actions)
         from reason in Gen.Elements("rule 'x' denies push", "", "ü \" \\ \u2028 😀")
         from decision in Gen.Elements("", "k3v9")
         select new Refusal(scope, reason, decision)).ListOf();

    private static IReadOnlyList<Refusal> Read(string claim)
    {
        using var document = JsonDocument.Parse(claim);
        return RefusedClaim.Read(document.RootElement);
    }
}
