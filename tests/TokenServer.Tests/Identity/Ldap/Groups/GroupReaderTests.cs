using System.Globalization;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Groups;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap.Groups;

public sealed class GroupReaderTests
{
    private readonly Dictionary<string, string[]> memberOf = new(StringComparer.OrdinalIgnoreCase);
    private int searches;

    [Fact]
    public void Groups_in_groups_are_followed_and_a_circle_ends()
    {
        Put("cn=a,dc=org", "cn=b,dc=org");
        Put("cn=b,dc=org", "cn=c,dc=org");
        Put("cn=c,dc=org", "CN=A, DC=org");

        Assert.Equal(["a", "b", "c"], Names(Read(depth: 5, max: 100, "cn=a,dc=org")));
        Assert.Equal(3, searches);
    }

    [Theory]
    [InlineData(0, "a")]
    [InlineData(1, "a b")]
    [InlineData(2, "a b c")]
    public void They_are_followed_so_far_and_no_farther(int depth, string expected)
    {
        Put("cn=a,dc=org", "cn=b,dc=org");
        Put("cn=b,dc=org", "cn=c,dc=org");
        Put("cn=c,dc=org", "cn=d,dc=org");

        Assert.Equal(expected, string.Join(' ', Names(Read(depth, max: 100, "cn=a,dc=org"))));
    }

    [Fact]
    public void Too_many_are_a_problem_and_never_a_part_of_them()
    {
        var found = Read(depth: 0, max: 2, "cn=a,dc=org", "cn=b,dc=org", "cn=c,dc=org");

        Assert.Contains("more than 2 groups", found.Problem, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_whose_name_looks_like_a_distinguished_name_has_none()
    {
        var group = Assert.Single(Read(depth: 0, max: 10, @"cn=cn\=admins\,dc\=corp,dc=org").Groups);

        Assert.Equal([@"ldap:cn=cn\=admins\,dc\=corp,dc=org"], group.Spellings());
    }

    [Fact]
    public void A_group_outside_the_base_of_groups_has_no_bare_name()
    {
        var account = Entry("uid=x", "memberOf", ["cn=developers,ou=groups,dc=org", "cn=developers,ou=somebodys own,dc=org"]);
        var found = Reader("memberOf", depth: 0, max: 10, "ou=groups,dc=org")
            .Read(account, "x", _ => throw new InvalidOperationException("The names are known."));

        Assert.Equal(
            ["ldap:developers", "ldap:cn=developers,ou=groups,dc=org", "ldap:cn=developers,ou=somebodys own,dc=org"],
            found.Groups.SelectMany(g => g.Spellings()));
    }

    [Fact]
    public void A_list_that_comes_in_parts_is_read_to_its_end()
    {
        string[] all = [.. Enumerable.Range(0, 7).Select(i => $"cn=g{i},dc=org")];
        var reader = Reader("memberOf", depth: 0, max: 100, "dc=org");

        var found = reader.Read(Part(0), "x", question =>
        {
            var asked = Assert.Single(question.Attributes);
            return new SearchAnswer([Part(int.Parse(asked["memberOf;range=".Length..^2], CultureInfo.InvariantCulture))], false);
        });

        Assert.Null(found.Problem);
        Assert.Equal(all, found.Groups.Select(g => g.Dn));

        DirectoryEntry Part(int from)
        {
            var isLast = from + 3 >= all.Length;
            var values = all.Skip(from).Take(3).ToArray();
            return Entry("uid=x", $"memberOf;range={from}-{(isLast ? "*" : $"{from + 2}")}", values);
        }
    }

    [Fact]
    public void Identifiers_of_groups_are_read_from_the_account_and_looked_up()
    {
        var questions = new List<SearchQuestion>();
        var found = Reader("tokenGroups", depth: 5, max: 100, "ou=groups,dc=org")
            .Read(Entry("uid=x", "sAMAccountName", ["x"]), "x", question =>
        {
            questions.Add(question);
            return new SearchAnswer(
                question.Depth == SearchDepth.Base
                ? [Entry("uid=x", "tokenGroups", [@"\01\05", @"\01\06"])]
                : [Entry("cn=Devs,ou=groups,dc=org", "cn", ["Devs"])], false);
        });

        Assert.Equal(["ldap:Devs", "ldap:cn=Devs,ou=groups,dc=org"], Assert.Single(found.Groups).Spellings());
        Assert.Equal(
            [("uid=x", "(objectClass=*)"), ("ou=groups,dc=org", @"(|(objectSid=\01\05)(objectSid=\01\06))")],
            questions.Select(q => (q.BaseDn, q.Filter)));
    }

    private static IEnumerable<string?> Names(GroupFindings found) => found.Groups.Select(g => g.Name);

    private void Put(string group, params string[] holders) => memberOf[group] = holders;

    private GroupFindings Read(int depth, int max, params string[] direct)
    {
        return Reader("memberOf", depth, max, "dc=org").Read(Entry("uid=x", "memberOf", direct), "x", question =>
        {
            searches++;
            return new SearchAnswer(
                memberOf.TryGetValue(question.BaseDn, out var holders) ? [Entry(question.BaseDn, "memberOf", holders)] : [], false);
        });
    }

    private static GroupReader Reader(string via, int depth, int max, string groupsBase)
    {
        var options =
            new LdapDirectoryOptions { Name = "x", Servers = ["ldap://localhost"], AnonymousSearch = true, BaseDn = "dc=org",
                Groups = { Via = via, BaseDn = groupsBase, NestedDepth = depth, MaxGroups = max } };
        return new GroupReader(DirectorySettings.Read([options])[0]);
    }

    private static DirectoryEntry Entry(string dn, string attribute, string[] values) =>
        new(dn, new Dictionary<string, IReadOnlyList<string>>(StringComparer.OrdinalIgnoreCase) { [attribute] = values });
}
