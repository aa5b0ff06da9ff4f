using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

public sealed class GroupReaderTests
{
    private readonly Dictionary<string, string[]> memberOf = new(StringComparer.OrdinalIgnoreCase);
    private int searches;

    [Fact]
    public void Groups_in_groups_are_followed_and_a_circle_ends()
    {
        Put("cn=a", "cn=b");
        Put("cn=b", "cn=c");
        Put("cn=c", "CN=A");

        Assert.Equal(["a", "b", "c"], Names(Read(depth: 5, max: 100, "cn=a")));
        Assert.Equal(3, searches);
    }

    [Theory]
    [InlineData(0, "a")]
    [InlineData(1, "a b")]
    [InlineData(2, "a b c")]
    public void They_are_followed_so_far_and_no_farther(int depth, string expected)
    {
        Put("cn=a", "cn=b");
        Put("cn=b", "cn=c");
        Put("cn=c", "cn=d");

        Assert.Equal(expected, string.Join(' ', Names(Read(depth, max: 100, "cn=a"))));
    }

    [Fact]
    public void Too_many_are_a_problem_and_never_a_part_of_them()
    {
        var found = Read(depth: 0, max: 2, "cn=a", "cn=b", "cn=c");

        Assert.Contains("more than 2 groups", found.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_whose_name_looks_like_a_distinguished_name_has_none()
    {
        var group = Assert.Single(Read(depth: 0, max: 10, @"cn=cn\=admins\,dc\=corp,dc=org").Groups);

        Assert.Equal([@"ldap:cn=cn\=admins\,dc\=corp,dc=org"], group.Spellings());
    }

    [Fact]
    public void A_name_with_spaces_between_its_parts_is_spelt_both_ways() =>
        Assert.Equal(["ldap:Staff", "ldap:cn=Staff, dc=org", "ldap:cn=Staff,dc=org"], new DirectoryGroup("cn=Staff, dc=org", "Staff").Spellings());

    private static IEnumerable<string?> Names(GroupFindings found) => found.Groups.Select(g => g.Name);

    private void Put(string group, params string[] holders) => memberOf[group] = holders;

    private GroupFindings Read(int depth, int max, params string[] direct)
    {
        var options = new LdapDirectoryOptions { Name = "x", Servers = ["ldap://localhost"], AnonymousSearch = true, BaseDn = "dc=org", Groups = { Via = "memberOf", NestedDepth = depth, MaxGroups = max } };
        return new GroupReader(DirectorySettings.Read([options])[0]).Read(Entry("uid=x", direct), "x", question =>
        {
            searches++;
            return new SearchAnswer(memberOf.TryGetValue(question.BaseDn, out var holders) ? [Entry(question.BaseDn, holders)] : [], false);
        });
    }

    private static DirectoryEntry Entry(string dn, string[] groups) =>
        new(dn, new Dictionary<string, IReadOnlyList<string>>(StringComparer.OrdinalIgnoreCase) { ["memberOf"] = groups });
}
