using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Policies.Comparison;

namespace AuthIndex.TokenServer.Tests.Policies.Comparison;

public sealed class PolicyComparisonTests
{
    private const string Base = """
          - { id: own, to: [authenticated], allow: [pull, push], on: ["users/{account}/**"] }
          - { id: team, to: [group:platform], allow: [pull, push], on: ["platform/**"] }
        """;

    [Fact]
    public void A_policy_does_not_differ_from_itself_however_its_rules_are_named_and_ordered() => Assert.Empty(Changes(Base, """
          - { id: another-name, to: [group:platform], allow: [push, pull], on: ["platform/**"] }
          - { id: own, to: [authenticated], allow: [pull, push], on: ["users/{account}/**"] }
        """));

    [Theory]
    [InlineData("""  - { id: x, to: [user:eve], allow: [pull], on: ["platform/api"] }""", "+ eve: pull on platform/api")]
    [InlineData(
        """  - { id: x, to: [anyone], deny: [push], on: ["platform/**"] }""", "- alice: push on platform/**|- bob: push on platform/**")]
    [InlineData("""  - { id: x, to: [anyone], deny: [push], on: ["**/secret"] }""", "- alice: push on **/secret|- bob: push on **/secret")]
    [InlineData(
        """  - { id: x, to: [anyone], deny: [push], on: ["users/**"], except: [user:alice] }""",
        "- bob: push on users/{account}/**|- everybody else who signed in: push on users/{account}/**")]
    [InlineData(
        """  - { id: x, to: [anyone], allow: [pull], on: ["platform/**"], when: { ip: [10.0.0.0/8] } }""",
        "+ anonymous callers: pull on platform/**|+ everybody else who signed in: pull on platform/**")]
    [InlineData(
        """  - { id: x, to: [anyone], allow: ["*"], on: ["registry:catalog"] }""",
        "+ alice: * on registry:catalog|+ anonymous callers: * on registry:catalog|+ bob: * on registry:catalog|+ everybody else who "
        + "signed in: * on registry:catalog")]
    public void What_a_further_rule_gives_and_takes_is_shown(string rule, string changes) =>
        Assert.Equal(changes, string.Join('|', Changes(Base, $"{Base}\n{rule}")));

    [Fact]
    public void A_narrower_pattern_loses_what_lay_deeper()
    {
        var changes = Changes(Base, Base.Replace("platform/**", "platform/*", StringComparison.Ordinal));
        Assert.Equal(["- alice: pull,push on platform/**", "- bob: pull,push on platform/**"], changes);
    }

    [Fact]
    public void A_date_that_moves_shows_between_the_two_dates()
    {
        var change = Assert.Single(
            Full(
                "  - { id: x, to: [user:eve], allow: [pull], on: [x], when: { until: 2030-01-01 } }",
                "  - { id: x, to: [user:eve], allow: [pull], on: [x], when: { until: 2030-02-01 } }"));
        Assert.Equal("at 2030-01-02 00:00:00 +00:00; just before 2030-02-02 00:00:00 +00:00", change.Circumstances);
        Assert.Equal("pull", change.Gained.ToString());
    }

    [Fact]
    public void A_network_that_shrinks_shows_outside_of_what_is_left()
    {
        var change = Assert.Single(
            Full(
                "  - { id: x, to: [user:eve], allow: [pull], on: [x], when: { ip: [10.0.0.0/8] } }",
                "  - { id: x, to: [user:eve], allow: [pull], on: [x], when: { ip: [10.1.0.0/16] } }"));
        Assert.Equal("from 10.0.0.0; from 10.255.255.255; from 10.0.255.255; from 10.2.0.0", change.Circumstances);
        Assert.Equal("pull", change.Lost.ToString());
    }

    [Fact]
    public void A_member_who_leaves_a_group_loses_what_the_group_had()
    {
        const string rules = "\nrules: [{ id: x, to: [group:g], allow: [pull], on: [x] }]";
        var changes = PolicyComparison.Compare(
            PolicyText.Policy("version: 1\ngroups: { g: [alice, bob] }" + rules),
            PolicyText.Policy("version: 1\ngroups: { g: [alice] }" + rules)).Grants;
        Assert.Equal("- bob: pull on x", Text(Assert.Single(changes)));
    }

    [Fact]
    public void Every_case_of_a_policy_of_some_size_is_tried()
    {
        var rules = string.Join(
            '\n', Enumerable.Range(0, 100)
            .Select(i => $$"""  - { id: r{{i}}, to: [user:u{{i}}], allow: [pull], on: ["n{{i}}/**", "x/n{{i}}/*"] }"""));
        var compared = PolicyComparison.Compare(
            PolicyText.Rules(rules), PolicyText.Rules(rules.Replace("[pull]", "[pull, push]", StringComparison.Ordinal)));
        Assert.Equal((200, 0), (compared.Changed, compared.Sampled));
        Assert.Equal(200, compared.Grants.Count);
    }

    [Fact]
    public void Policies_of_ten_thousand_rules_are_compared_with_a_bounded_amount_of_work_that_says_what_it_left_out()
    {
        // Every rule of the one meets every pattern of the other.
        var one = PolicyText.Rules(
            string.Join(
                '\n', Enumerable.Range(0, 10_000)
                .Select(i => $$"""  - { id: r{{i}}, to: [authenticated], except: [user:u{{i}}], allow: [pull], on: ["**/n{{i}}"] }""")));
        var other = PolicyText.Rules("""  - { id: x, to: [user:eve], allow: [pull], on: [x] }""");
        var compared = PolicyComparison.Compare(one, other);
        Assert.Equal(10_001, compared.Changed);
        Assert.InRange(compared.Sampled, 1, 10_001);
        Assert.InRange(compared.Work, 1, PolicyComparison.MaxWork * 11 / 10);
        Assert.Contains(compared.Grants, c => c.Pattern == "x" && c.Gained == ActionSet.Pull);
    }

    private static IEnumerable<string> Changes(string before, string after) => Full(before, after).Select(Text);

    private static IReadOnlyList<GrantChange> Full(string before, string after) =>
        PolicyComparison.Compare(PolicyText.Rules(before), PolicyText.Rules(after)).Grants;

    private static string Text(GrantChange change) =>
        change.Gained.IsEmpty
        ? $"- {change.Who}: {change.Lost} on {change.Pattern}"
        : $"+ {change.Who}: {change.Gained} on {change.Pattern}";
}
