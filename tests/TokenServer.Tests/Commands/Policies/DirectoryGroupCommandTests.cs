using System.CommandLine;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Commands.Policies;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Tests.Policies;

namespace AuthIndex.TokenServer.Tests.Commands.Policies;

/// <summary><c>policy check</c> and <c>policy explain</c> where rules name a directory's groups.</summary>
public sealed class DirectoryGroupCommandTests : IAsyncDisposable
{
    private const string GroupsBase = "ou=groups,dc=org";

    private readonly FakeDirectory directory = new();
    private readonly PolicyFolder folder = new();
    private readonly LdapDirectoryOptions options;

    public DirectoryGroupCommandTests()
    {
        options = new LdapDirectoryOptions
        {
            Name = "corp",
            Servers = [directory.Url],
            AnonymousSearch = true,
            BaseDn = "ou=people,dc=org",
            Groups = { Via = "memberOf", BaseDn = GroupsBase },
        };
        directory.OnSearch = search => search switch
        {
            { BaseDn: GroupsBase, Filter: "(cn=online)" } => [new FakeEntry($"cn=Online,{GroupsBase}", ("cn", ["Online"]))],
            { BaseDn: GroupsBase, Filter: "(cn=twice)" } =>
                [new FakeEntry($"cn=twice,{GroupsBase}", ("cn", ["twice"])),
                    new FakeEntry($"cn=twice,ou=deep,{GroupsBase}", ("cn", ["twice"]))],
            { BaseDn: "ou=people,dc=org" } s when s.Filter.Contains("(uid=alice)", StringComparison.Ordinal) =>
                [new FakeEntry("uid=alice,ou=people,dc=org", ("uid", ["alice"]), ("memberOf", [$"cn=online,{GroupsBase}"]))],
            _ => [],
        };
    }

    public async ValueTask DisposeAsync()
    {
        await directory.DisposeAsync();
        folder.Dispose();
    }

    [Fact]
    public void A_group_that_memberOf_finds_is_not_warned_of()
    {
        Write("ldap:online");

        Assert.Contains("0 warnings", Run("check", folder.Path).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_directory_that_gives_no_groups_has_none()
    {
        Write("ldap:online");
        options.Groups = new LdapGroupsOptions();

        Assert.Contains(
            "no directory has the group 'ldap:online' (asked: corp: groups.via is none)", Run("check", folder.Path).Output,
            StringComparison.Ordinal);
    }

    [Fact]
    public void A_name_of_several_groups_is_warned_of()
    {
        Write("ldap:twice");

        Assert.Contains(
            $"'ldap:twice' matches every group of that name (cn=twice,{GroupsBase} in corp; cn=twice,ou=deep,{GroupsBase} in corp)",
            Run("check", folder.Path).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void A_group_that_is_searched_only_below_the_base_is_not_found_elsewhere()
    {
        Write("ldap:cn=online,ou=elsewhere,dc=org");
        options.Groups.Via = "member";

        Assert.Contains(
            $"(asked: corp: it is not below groups.baseDn, {GroupsBase})", Run("check", folder.Path).Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_asks_the_directory_for_the_accounts_groups()
    {
        Write("ldap:online");

        var (status, output, error) = Run("explain", "--policies", folder.Path, "--user", "alice", "g/app:pull");

        Assert.Equal(0, status);
        Assert.Contains("pull granted to alice", output, StringComparison.Ordinal);
        Assert.Contains("groups of alice in the directory corp: ldap:online", error, StringComparison.Ordinal);
        Assert.Contains(
            "no directory has the account bob", Run("explain", "--policies", folder.Path, "--user", "bob", "g/app:pull").Error,
            StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_says_when_it_did_not_look_groups_up()
    {
        Write("ldap:online");
        options.Servers = ["ldap://127.0.0.1:1"];
        Assert.Contains(
            "groups were not looked up: directory corp: ", Run("explain", "--policies", folder.Path, "--user", "alice", "g/app:pull").Error,
            StringComparison.Ordinal);

        options.AnonymousSearch = false;
        options.UserDnTemplate = "uid={account},dc=org";
        Assert.Contains(
            "can be asked only with the account's password",
            Run("explain", "--policies", folder.Path, "--user", "alice", "g/app:pull").Error, StringComparison.Ordinal);
        Assert.Empty(Run("explain", "--policies", folder.Path, "--user", "alice", "--group", "ldap:x", "g/app:pull").Error);
    }

    [Theory]
    [InlineData("'pus' is not an action; did you mean 'push'?", "explain", "g/app:pus")]
    [InlineData("'pus' is not an action", "explain", "g/app:pull,pus")]
    [InlineData("'Team/app' is not a valid repository name", "explain", "Team/app:pull")]
    [InlineData("'Team/app' is not a valid repository name", "who-can", "pull", "Team/app")]
    [InlineData("--group: 'ldap:cn=a,b': it looks like a distinguished name", "explain", "--group", "ldap:cn=a,b", "g/app:pull")]
    public void What_nobody_could_mean_is_refused(string problem, string verb, params string[] arguments)
    {
        Write("ldap:online");

        var (status, _, error) = Run([verb, "--policies", folder.Path, .. arguments]);

        Assert.Equal(1, status);
        Assert.Contains(problem, error, StringComparison.Ordinal);
    }

    private void Write(string group) =>
        folder.Write("a.yaml", $"version: 1\nrules:\n  - {{ id: groups, to: [\"{group}\"], allow: [pull], on: [\"g/**\"] }}\n");

    private (int Status, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var command = PolicyCommand.Create(
            _ => "policies", _ => "audit.jsonl", TimeProvider.System, _ => new TokenServerOptions { Ldap = { options } });
        var status = command.Parse(arguments).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (status, output.ToString(), error.ToString());
    }
}
