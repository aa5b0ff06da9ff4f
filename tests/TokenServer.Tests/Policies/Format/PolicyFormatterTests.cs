using System.Text;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Format;

namespace AuthIndex.TokenServer.Tests.Policies.Format;

public sealed class PolicyFormatterTests
{
    [Fact]
    public void Keys_indentation_quotes_and_brackets_take_their_canonical_form() => Assert.Equal("""
        version: 1
        groups:
          b: [alice, "ldap:x"]
          a: []
        rules:
          - id: r1
            to: [group:b]
            allow: [pull, push]
            on: ["x/**"]
            when: { ip: [10.0.0.0/8], until: 2127-01-31 }
          - id: r2
            to: [anyone]
            deny: [push]
            on: ["**"]
        tests:
          - "alice can pull,push x/y"
          - { as: bob, from: 192.0.2.1, cannot: "pull,push", on: [x, y] }

        """, Format("""
        tests: [ "alice can pull,push x/y", { on: [x,y], cannot: "pull,push", from: 192.0.2.1, as: bob } ]
        rules:
        - on: [
            'x/**' ]
          when:
              until: 2127-01-31
              ip:
              - 10.0.0.0/8
          to:
            - group:b
          allow: [ pull,push ]
          id: r1
        - { id: r2, to: [anyone], on: ["**"], deny: [push] }
        groups: { b: [alice, 'ldap:x'], a: [] }
        version: 1
        """));

    [Fact]
    public void A_comment_stays_with_what_it_is_about() => Assert.Equal("""
        # yaml-language-server: $schema=policy.schema.json
        # The whole file.

        # The version.
        version: 1 # one

        groups:
          # Who may administer.
          admins:
            # The first.
            - alice # she
            - bob
        # All rules.
        rules: # ordered by nothing
          # Above the first rule.
          # Its name.
          - id: r1 # the name
            to: [group:admins]

            allow: [pull] # only that
            on: ["**"]
          # The second rule.
          - id: r2 # in braces
            to: [anyone]
            allow: [pull]
            on: [public/x]
        # The last rule's end.

        # The tests.
        tests:
          - alice can pull x # of course

        # The end.

        """, Format("""
        # yaml-language-server: $schema=policy.schema.json
        # The whole file.


        # All rules.
        rules:   # ordered by nothing
        # Above the first rule.
        - to:
            - group:admins
          # Its name.
          id: r1 # the name
          on: ["**"]

          allow: [
            pull] # only that
        # The second rule.
        - { id: r2, to: [anyone], allow: [pull], on: [public/x] } # in braces
        # The last rule's end.

        # The tests.
        tests:
          - alice can pull x # of course
        # The version.
        version: 1 # one

        groups:
          # Who may administer.
          admins:
            # The first.
            - alice # she
            - bob

        # The end.
        """));

    [Fact]
    public void A_list_too_long_for_a_line_gets_a_line_for_each_item()
    {
        var members = Enumerable.Range(0, 20).Select(i => $"member{i}").ToList();
        Assert.Equal(
            $"version: 1\ngroups:\n  g:\n{string.Concat(members.Select(m => $"    - {m}\n"))}",
            Format($"version: 1\ngroups: {{ g: [{string.Join(", ", members)}] }}"));
    }

    [Theory]
    [InlineData(
        "version: 1\ngroups:\n  a: [x, # inside\n      y]\n",
        "a.yaml:3:10: a comment within brackets or braces cannot be kept in the canonical form; move it above, or write the list with dashes")]
    [InlineData("version: 1\rgroups: {}", "a.yaml: its line endings are neither LF nor CRLF")]
    public void What_cannot_be_kept_is_left_alone(string text, string reason)
    {
        Assert.Null(PolicyFormatter.Format(new PolicyFile("a.yaml", Encoding.UTF8.GetBytes(text)), out var problem));
        Assert.Equal(reason, problem!.ToString());
    }

    [Fact]
    public void Line_ends_and_byte_order_mark_of_other_systems_go() =>
        Assert.Equal("version: 1 # one\n# end\n", Format("\uFEFFversion: 1 # one\r\n# end\r\n"));

    [Fact]
    public void The_shipped_policy_is_canonical()
    {
        var shipped = File.ReadAllText(Path.Combine(SourceTree.Root, "policies", "authindex.yaml"));
        Assert.Equal(shipped, Format(shipped));
    }

    [Theory]
    [MemberData(nameof(GuideTests.Examples), MemberType = typeof(GuideTests))]
    public void Every_example_in_the_guide_is_canonical(string example) => Assert.Equal(example, Format(example));

    private static string Format(string text)
    {
        var formatted = PolicyFormatter.Format(new PolicyFile("a.yaml", Encoding.UTF8.GetBytes(text)), out var problem);
        Assert.True(formatted is not null, problem?.ToString());
        return Encoding.UTF8.GetString(formatted);
    }
}
