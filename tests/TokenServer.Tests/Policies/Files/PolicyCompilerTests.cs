namespace AuthIndex.TokenServer.Tests.Policies.Files;

public sealed class PolicyCompilerTests
{
    [Fact]
    public void Robots_are_declared_in_any_file_and_only_once()
    {
        const string Declared = "version: 1\nrobots:\n  ci:\n  nightly: { description: tests at night, expires: 2026-12-31 }\n";
        var compiled = PolicyText.Compile(
            Declared, "version: 1\nrules:\n  - { id: r, to: [robot:ci], allow: [pull], on: [x] }\ntests: [robot:ci can pull x]\n");
        Assert.Empty(compiled.Problems);
        var nightly = compiled.Policy!.Robots["nightly"];
        Assert.Equal(
            ("robot:nightly", "tests at night", new DateTimeOffset(2027, 1, 1, 0, 0, 0, TimeSpan.Zero)),
            (nightly.Account, nightly.Description, nightly.Until!.Value));

        Assert.Equal(
            "b.yaml:2:11: the robot 'ci' is declared a second time; the first is at a.yaml:3:3",
            Assert.Single(PolicyText.Compile(Declared, "version: 1\nrobots: { ci: }").Errors).ToString());
        var over = Assert.Single(PolicyText.Compile("version: 1\nrobots: { ci: { expires: 2026-06-14 } }").Problems);
        Assert.True(over.IsWarning);
        Assert.Equal(
            "a.yaml:2:26: the date has passed: the robot 'ci' can no longer sign in",
            over.ToString().Replace("warning: ", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Several_files_are_one_policy()
    {
        var policy = PolicyText.Policy(
            "version: 1\nrules: [{ id: a, to: [group:team], allow: dev, on: [\"team/**\"] }]\ntests: [alice can push team/x]",
            "version: 1\nroles: { dev: [pull, push] }",
            "version: 1\ngroups: { team: [alice] }");
        Assert.Equal("push", policy.Granted("alice", "team/x:push"));
    }

    [Theory]
    [InlineData(
        "rules: [{ id: a, to: [anyone], allow: [pull], on: [x] }]", "rules: [{ id: a, to: [anyone], deny: [push], on: [y] }]",
        "b.yaml:2:9: the id 'a' is already used by the rule at a.yaml:2:9")]
    [InlineData(
        "groups: { a: [x] }", "groups: { a: [z] }", "b.yaml:2:11: the group 'a' is defined a second time; the first is at a.yaml:2:11")]
    [InlineData(
        "roles: { a: [pull] }", "roles: { a: [push] }", "b.yaml:2:10: the role 'a' is defined a second time; the first is at a.yaml:2:10")]
    public void A_name_is_given_once_among_all_files(string first, string second, string problem) =>
        Assert.Equal(problem, PolicyText.Compile("version: 1\n" + first, "version: 1\n" + second).Errors.First().ToString());

    [Fact]
    public void One_run_names_everything_that_is_wrong()
    {
        var compiled = PolicyText.Compile("""
            version: 1
            rules:
              - { id: a, to: [group:x], allow: [pul], on: ["/x"] }
              - { id: b, to: [any], deny: [push], on: ["x"] }
            """);
        Assert.Equal([3, 3, 3, 4], compiled.Errors.Select(p => p.At.Line));
    }

    [Fact]
    public void Names_that_YAML_takes_for_something_else_are_fine_in_quotes() =>
        Assert.Empty(
            PolicyText.Compile(
                "version: 1\ngroups: { 'yes': ['no', '0777'] }\nrules: [{ id: a, to: ['group:yes'], allow: [pull], on: ['x'] }]\ntests: "
                + "[no can pull x, 0777 can pull x]").Problems);

    [Fact]
    public void A_byte_order_mark_does_no_harm() => Assert.Empty(PolicyText.Compile("\uFEFFversion: 1\n").Problems);
}
