namespace AuthIndex.TokenServer.Tests.Policies.Files;

public sealed class TestReaderTests
{
    /// <summary>The example of the language's description, with both forms of test.</summary>
    private const string Example = """
        version: 1
        groups:
          platform: [alice, bob]
          release-managers: [rita]
          admins: [admin]
        roles:
          reader: [pull]
          developer: [pull, push]
          maintainer: [pull, push, delete]
        robots: { ci: }
        rules:
          - id: public-images
            to: [anyone]
            allow: reader
            on: ["library/**"]
          - id: own-namespace
            to: [authenticated]
            allow: maintainer
            on: ["users/{account}/**"]
          - id: platform-team
            to: [group:platform, "ldap:platform"]
            allow: developer
            on: ["platform/**"]
            when: { ip: [10.0.0.0/8], service: [registry.example.com], signedInBy: [ldap, token], until: 2027-01-31 }
          - id: release-freeze
            to: [anyone]
            deny: [push, delete]
            on: ["prod/**"]
            except: [group:release-managers]
          - id: catalog
            to: [group:admins]
            allow: ["*"]
            on: ["registry:catalog"]
        tests:
        """;

    [Fact]
    public void Both_forms_of_test_are_read_and_run()
    {
        var compiled = PolicyText.Compile(Example + """

              - alice can pull,push platform/api
              - anonymous cannot pull platform/api
              - { as: eve, groups: ["ldap:platform"], from: 192.0.2.9, cannot: push, on: platform/api }
              - { as: eve, groups: ["ldap:Platform"], from: 10.2.3.4, service: registry.example.com, signedInBy: ldap, at: 2027-01-31T23:59:59Z, can: [pull, push], on: [platform/api, platform/web] }
              - { as: eve, groups: ["ldap:platform"], at: 2027-02-01, cannot: "pull,push", on: platform/api }
              - { as: eve, groups: [platform], can: pull, on: platform/api }
              - { as: anonymous, can: pull, on: library/x }
              - robot:ci cannot pull, push platform/api
              - admin can * registry:catalog
            """);
        Assert.Empty(compiled.Problems);
        Assert.Equal(9, compiled.Tests.Count);
    }

    [Theory]
    [InlineData(
        "alice can pull,delete platform/api",
        "a.yaml:35:5: the test 'alice can pull,delete platform/api' fails: no rule allows alice to delete from platform/api")]
    [InlineData(
        "anonymous cannot pull library/x",
        "a.yaml:35:5: the test 'anonymous cannot pull library/x' fails: rule 'public-images' (a.yaml:12) allows pull")]
    [InlineData(
        "{ as: alice, from: 192.0.2.1, can: pull, on: platform/x }",
        "a.yaml:35:5: the test 'alice can pull platform/x' fails: no rule allows alice to pull platform/x")]
    [InlineData("admin can push prod/x", "a.yaml:35:5: the test 'admin can push prod/x' fails: rule 'release-freeze' denies push")]
    public void A_test_that_fails_keeps_the_policy_from_coming_into_force(string test, string problem)
    {
        var compiled = PolicyText.Compile(Example + "\n  - " + test);
        Assert.Null(compiled.Policy);
        Assert.Equal(problem, Assert.Single(compiled.Problems).ToString());
    }

    [Fact]
    public void A_test_that_says_nothing_about_the_date_does_not_turn_false_as_time_goes_by()
    {
        const string text =
            "version: 1\nrules: [{ id: a, to: [user:eve], allow: [pull], on: [x], when: { until: 2020-01-01 } }]\ntests: [eve can pull x]";
        var compiled = PolicyText.Compile(text);
        Assert.NotNull(compiled.Policy);
        Assert.Equal("a.yaml:2:73: warning: the date has passed: the rule no longer matches", Assert.Single(compiled.Problems).ToString());
    }
}
