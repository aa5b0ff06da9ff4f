using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity.Ldap.Groups;
using AuthIndex.TokenServer.Policies.Files;
using AuthIndex.TokenServer.Policies.Subjects;

namespace AuthIndex.TokenServer.Tests.Policies;

/// <summary>Rules and directories spell one group in different ways, and mean the same one.</summary>
public sealed class DirectoryGroupNameTests
{
    private static readonly DateTimeOffset Now = new(2027, 1, 1, 0, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("Platform Engineers")]
    [InlineData("platform  engineers")]
    [InlineData("cn=Platform Engineers,ou=groups,dc=example,dc=org")]
    [InlineData("CN=platform engineers,OU=Groups,DC=Example,DC=Org")]
    [InlineData("cn=Platform Engineers, ou=groups, dc=example, dc=org")]
    [InlineData("cn = Platform Engineers,ou=groups,dc=example,dc=org")]
    [InlineData("cn=Platform  Engineers,ou=groups,dc=example,dc=org")]
    [InlineData("2.5.4.3=Platform Engineers,ou=groups,dc=example,dc=org")]
    [InlineData("cn=Platform Engineers;ou=groups;dc=example;dc=org")]
    [InlineData("cn=Platform\\20Engineers,ou=groups,dc=example,dc=org")]
    public void A_rule_denies_the_members_of_a_group_however_it_spells_the_group(string name) =>
        Assert.False(Grants(name, new DirectoryGroup("cn=Platform Engineers,ou=groups,dc=example,dc=org", "Platform Engineers")));

    [Theory]
    [InlineData("Größe Ä Team")]
    [InlineData("Gro\u0308ße A\u0308 Team")]
    [InlineData("cn=Gr\\C3\\B6\\C3\\9Fe \\C3\\84 Team,ou=groups,dc=example,dc=org")]
    [InlineData("GRÖSSE Ä TEAM")]
    public void Letters_with_marks_are_the_same_however_they_are_encoded(string name) =>
        Assert.False(Grants(name, new DirectoryGroup("cn=Größe Ä Team,ou=groups,dc=example,dc=org", "Größe Ä Team")));

    [Fact]
    public void Another_group_is_not_meant() =>
        Assert.True(
            Grants(
                "cn=Platform,ou=groups,dc=example,dc=org",
                new DirectoryGroup("cn=Platform Engineers,ou=groups,dc=example,dc=org", "Platform Engineers")));

    [Theory]
    [InlineData("cn=Ops, Night,ou=groups,dc=example,dc=org")]
    [InlineData("cn=\"Ops, Night\",ou=groups,dc=example,dc=org")]
    [InlineData("cn=")]
    public void A_name_that_looks_like_a_distinguished_name_and_cannot_be_read_is_an_error(string name)
    {
        var compiled = Compile(name);

        Assert.Null(compiled.Policy);
        Assert.Contains("cannot be read", Assert.Single(compiled.Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void So_it_is_in_a_test_of_the_policy()
    {
        var compiled = Compile("devs", "tests: [{ as: eve, groups: [\"ldap:cn=a,b\"], cannot: pull, on: t/app }]\n");

        Assert.Contains("cannot be read", Assert.Single(compiled.Errors).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Two_spellings_of_a_group_in_one_rule_are_one_subject()
    {
        Subject.Parse("ldap:cn=a, dc=org", out var one);
        Subject.Parse("ldap:CN=A,dc=org", out var other);

        Assert.Equal(one, other);
        Assert.Equal(one.GetHashCode(), other.GetHashCode());
    }

    private static Compilation Compile(string name, string more = "") => PolicyText.Compile($$"""
        version: 1
        rules:
          - { id: everybody, to: [authenticated], allow: [pull], on: ["t/**"] }
          - { id: kept-out, to: ['ldap:{{name}}'], deny: [pull], on: ["t/**"] }

        """ + more);

    private static bool Grants(string name, DirectoryGroup group)
    {
        var compiled = Compile(name);
        Assert.NotNull(compiled.Policy);
        Assert.True(Scope.TryParse("repository:t/app:pull", out var scope, out _));
        var caller = new Caller("eve", [.. group.Spellings()], null, "registry", SignIn.Ldap);
        return compiled.Policy.Decide(caller, scope!, Now).Refused.IsEmpty;
    }
}
