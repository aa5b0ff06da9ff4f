namespace AuthIndex.TokenServer.Tests.Policies.Files;

public sealed class PolicyLintTests
{
    [Theory]
    [InlineData(
        """[{ id: a, to: [anyone], allow: [pull, push], on: ["**"] }]""",
        "rule 'a' lets everyone, including anonymous callers, pull,push every repository")]
    [InlineData("""[{ id: a, to: [anyone, user:bob], allow: [pull], on: [x] }]""", "rule 'a': 'anyone' already covers 'user:bob'")]
    [InlineData(
        """[{ id: a, to: [authenticated, user:bob], allow: [pull], on: [x] }]""", "rule 'a': 'authenticated' already covers 'user:bob'")]
    [InlineData("""[{ id: a, to: [user:bob, user:bob], allow: [pull], on: [x] }]""", "'user:bob' is repeated in 'to'")]
    [InlineData("""[{ id: a, to: [group:empty], allow: [pull], on: [x] }]""", "rule 'a' matches nobody yet: group:empty has no members")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: ["**/*"] }]""",
        "'**/*' consists only of wildcards; write \"**\" to match every repository")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: [x], when: { ip: [0.0.0.0/0] } }]""",
        "0.0.0.0/0 matches every address of its family; leave it out if that is intended")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: [x], when: { timeZone: Europe/Berlin, ip: [10.0.0.1] } }]""",
        "'timeZone' without 'from' or 'until' does nothing")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: ["a/b/**"] }, { id: z, to: [authenticated], allow: [pull, push], on: ["a/**"] }]""",
        "rule 'a' adds nothing: rule 'z' (a.yaml:3) already allows all of it")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: [x] }, { id: b, to: [user:bob], allow: [pull], on: [x] }]""",
        "rule 'b' adds nothing: rule 'a' (a.yaml:3) already allows all of it")]
    [InlineData(
        """[{ id: a, to: [group:team], allow: [pull], on: ["a/b"] }, { id: z, to: [anyone], deny: ["*"], on: ["a/**"] }]""",
        "rule 'a' never grants anything: rule 'z' (a.yaml:3) denies all of it")]
    [InlineData(
        """[{ id: a, to: [user:alice], deny: [push], on: ["a/b"] }, { id: z, to: [group:team], deny: ["*"], on: ["a/**"] }]""",
        "rule 'a' adds nothing: rule 'z' (a.yaml:3) already denies all of it")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: ["registry.example.com/platform/**"] }]""",
        "'registry.example.com/platform/**' begins with the registry's host, which repository names do not: write 'platform/**', or "
        + "'repository:registry.example.com/platform/**' if such names are intended")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: ["localhost/x"] }]""",
        "'localhost/x' begins with the registry's host, which repository names do not: write 'x', or 'repository:localhost/x' if such "
        + "names are intended")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: ["registry:catalog"] }]""",
        "rule 'a': on registry:catalog only \"*\" has an effect, because clients request nothing else there")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [delete], on: ["a/**"] }]""",
        "rule 'a' lets user:bob delete a/**, but no rule lets user:bob pull there: clients pull before they push or delete")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [push], on: ["a/**"] }, { id: b, to: [user:bob], allow: [pull], on: ["a/b/**"] }]""",
        "rule 'a' lets user:bob push a/**, but no rule lets user:bob pull there: clients pull before they push or delete")]
    public void A_rule_that_nobody_can_mean_is_warned_about(string rules, string warning)
    {
        var compiled = PolicyText.Compile("version: 1\ngroups: { empty: [], team: [alice], }\nrules: " + rules);
        Assert.NotNull(compiled.Policy);
        Assert.Contains(warning, compiled.Problems.Select(p => p.Message));
        Assert.All(compiled.Problems, p => Assert.True(p.IsWarning));
    }

    [Theory]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: ["a/**"] }, { id: z, to: [authenticated], allow: [pull], on: ["a/**"], when: { ip: [10.0.0.1] } }]""")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull], on: ["a/**"] }, { id: z, to: [authenticated], deny: ["*"], on: ["a/**"], except: [user:bob] }]""")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [pull, push], on: ["a/**"] }, { id: z, to: [authenticated], allow: [pull], on: ["a/**"] }]""")]
    [InlineData(
        """[{ id: a, to: [authenticated], allow: [pull], on: ["a/**"] }, { id: z, to: [user:bob], allow: [pull, push], on: ["a/**"] }]""")]
    [InlineData("""[{ id: a, to: [user:bob], allow: [pull], on: ["a/*/x"] }, { id: z, to: [user:bob], allow: [pull], on: ["a/b/**"] }]""")]
    [InlineData(
        """[{ id: a, to: [user:bob], allow: [push], on: ["a/b/**"] }, { id: z, to: [authenticated], allow: [pull], on: ["a/**"], when: { ip: [10.0.0.1] } }]""")]
    [InlineData("""[{ id: a, to: [user:bob], deny: [push], on: ["a/b/**"] }]""")]
    [InlineData("""[{ id: a, to: [user:bob], allow: [pull], on: ["repository:registry.example.com/x", "v1.2*/x", "{account}/a.b"] }]""")]
    public void Rules_that_say_different_things_are_left_alone(string rules) =>
        Assert.Empty(PolicyText.Compile("version: 1\nrules: " + rules).Problems);

    [Fact]
    public void A_group_that_nothing_uses_is_warned_about() =>
        Assert.Equal(
            "a.yaml:2:11: warning: no rule and no group uses the group 'team'",
            Assert.Single(PolicyText.Compile("version: 1\ngroups: { team: [alice] }").Problems).ToString());

    [Fact]
    public void A_file_of_another_ending_is_warned_about()
    {
        using var directory = new PolicyFolder();
        directory.Write("a.yaml", "version: 1");
        directory.Write("b.yml", "version: 1");
        var problem = Assert.Single(directory.Compile().Problems);
        Assert.Equal("the file is ignored: only files ending in .yaml are read", problem.Message);
    }

    [Fact]
    public void A_subfolder_with_policy_files_is_warned_about_and_a_mounted_version_is_not()
    {
        using var directory = new PolicyFolder();
        directory.Write("a.yaml", "version: 1");
        foreach (var folder in new[] { "team", "..v1", "empty" }) Directory.CreateDirectory(directory[folder]);
        directory.Write("team/b.yaml", "version: 1");
        directory.Write("..v1/a.yaml", "version: 1");
        var problem = Assert.Single(directory.Compile().Problems);
        Assert.Equal(
            $"{directory["team"]}: warning: the folder is ignored: only files directly in {directory.Path} are read", problem.ToString());
    }
}
