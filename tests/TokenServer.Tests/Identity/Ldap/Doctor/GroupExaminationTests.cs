using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Doctor;
using AuthIndex.TokenServer.Identity.Ldap.Groups;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Doctor;

public sealed class GroupExaminationTests
{
    private readonly Dictionary<string, string[]> answers = new(StringComparer.Ordinal);
    private readonly List<Finding> findings = [];

    [Theory]
    [InlineData("uniqueMember", "no entry that is (objectClass=groupOfNames) below ou=groups,dc=org has uniqueMember")]
    [InlineData("memberOf", "no account below ou=people,dc=org has memberOf: does the directory keep it")]
    public void A_way_that_nothing_in_the_directory_goes_is_warned_of(string via, string warning)
    {
        Examine(via).LookForAny();

        var finding = Assert.Single(findings);
        Assert.Equal(Verdict.Warning, finding.Verdict);
        Assert.StartsWith(warning, finding.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("member", "(&(objectClass=groupOfNames)(member=*))")]
    [InlineData("inChain", "(&(objectClass=groupOfNames)(member=*))")]
    [InlineData("memberOf", "(memberOf=*)")]
    public void A_way_that_something_goes_is_not(string via, string filter)
    {
        answers[filter] = ["cn=a,ou=groups,dc=org"];

        Examine(via).LookForAny();

        Assert.Empty(findings);
    }

    [Fact]
    public void Another_way_that_would_find_groups_is_named()
    {
        answers["(&(objectClass=groupOfNames)(member=uid=alice))"] = ["cn=devs,ou=groups,dc=org"];

        Examine("uniqueMember").LookOtherwise(Entry("uid=alice"), "alice");

        Assert.Equal(
            "uniqueMember finds no groups, but cn=devs,ou=groups,dc=org holds the account as member: did you mean groups.via: member?",
            Assert.Single(findings).Text);
    }

    [Fact]
    public void Groups_of_one_name_are_named()
    {
        answers["(&(objectClass=groupOfNames)(|(cn=devs)(cn=ops)))"] = [
            "cn=devs,ou=groups,dc=org", "cn=ops,ou=groups,dc=org", "cn=Devs,ou=deep,ou=groups,dc=org"];

        Examine("member")
            .LookForNamesakes(
                [new DirectoryGroup("cn=devs,ou=groups,dc=org", "devs"), new DirectoryGroup("cn=ops,ou=groups,dc=org", "ops")]);

        Assert.Equal(
            "'ldap:devs' matches every group of that name: cn=devs,ou=groups,dc=org; cn=Devs,ou=deep,ou=groups,dc=org",
            Assert.Single(findings).Text);
    }

    private static DirectoryEntry Entry(string dn) =>
        new(dn, new Dictionary<string, IReadOnlyList<string>> { ["cn"] = [dn.Split(',')[0][3..]] });

    private GroupExamination Examine(string via)
    {
        var options = new LdapDirectoryOptions
        {
            Name = "corp",
            Servers = ["ldap://localhost"],
            AnonymousSearch = true,
            BaseDn = "ou=people,dc=org",
            Groups = { Via = via, BaseDn = "ou=groups,dc=org", Filter = via == "memberOf" ? null : "(objectClass=groupOfNames)" },
        };
        return new GroupExamination(
            DirectorySettings.Read([options])[0],
            question => new SearchAnswer([.. answers.GetValueOrDefault(question.Filter, []).Select(Entry)], false), findings.Add);
    }
}
