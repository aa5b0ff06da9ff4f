using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>
/// The sample directory of <c>deploy/ldap</c> in its container, beside both servers as the profile <c>ldap</c> of <c>compose.yml</c>
/// starts them.
/// </summary>
public sealed class LdapContainerTests(RealParts parts)
{
    [Fact]
    public async Task The_sample_people_sign_in_and_get_what_their_groups_may_also_when_the_directory_was_made_anew()
    {
        RealParts.Require(SlapdServer.Obstacle());
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Folder("policies"), "policy.yaml"),
            """
            version: 1
            rules:
              - {id: platform, to: ["ldap:platform"], allow: [pull, push], on: ["platform/**"]}
              - {id: auditors, to: ["ldap:auditors"], allow: [pull], on: ["**"]}

            """,
            TestContext.Current.CancellationToken);
        await using var servers = await (await parts.ComposedAsync()).WithDirectoryAsync(folder["policies"]);
        var password = await PasswordAsync(servers, starts: 1);
        await AssertSampleAsync(servers);
        Assert.Equal(0, await BindAsync(servers, password));

        var alice = await LoginAsync(servers, "alice", password);
        var image = $"{servers.Host}/platform/sampled:1";
        var id = await alice.BuildAsync(image, 10_000);
        await alice.MustAsync("push", image);
        await alice.MustAsync("rmi", image);
        var carol = await LoginAsync(servers, "carol", password);
        await carol.MustAsync("pull", image);
        Assert.Equal(id, await carol.ImageIdAsync(image));
        var refused = await carol.RunAsync("push", image);
        Assert.Contains("no rule allows carol to push to platform/sampled", refused.Error, StringComparison.Ordinal);
        await carol.MustAsync("rmi", image);
        Assert.NotEqual(0, (await (await parts.DockerAsync()).LoginAsync(servers.Host, "bob", "another password")).ExitCode);

        // 45 s are given; killed, the status would be 137.
        var container = await servers.ContainerAsync("openldap");
        await servers.Docker.MustAsync("stop", "--time", "45", container);
        Assert.Equal("0", await servers.InspectAsync("openldap", "{{.State.ExitCode}}"));
        await servers.Docker.MustAsync("start", container);

        var anew = await PasswordAsync(servers, starts: 2);
        Assert.NotEqual(password, anew);
        await AssertSampleAsync(servers);
        Assert.Equal(0, await BindAsync(servers, anew));
        Assert.Equal(49, await BindAsync(servers, password)); // invalidCredentials
        var bob = await LoginAsync(servers, "bob", anew);
        await bob.MustAsync("pull", image);
        await bob.MustAsync("push", image);
        await bob.MustAsync("rmi", image);
    }

    /// <summary>Waits until the directory is healthy, and gives the password that its log told last.</summary>
    private static async Task<string> PasswordAsync(ComposedServers servers, int starts)
    {
        await servers.HealthyAsync("openldap");
        var told = (await servers.Docker.MustAsync("logs", await servers.ContainerAsync("openldap"))).Split("sign in with the password ");
        Assert.Equal(starts, told.Length - 1);
        return told[^1].Split('\n')[0];
    }

    private static async Task AssertSampleAsync(ComposedServers servers)
    {
        Assert.Equal(["uid: alice", "uid: bob", "uid: carol"], await SearchAsync("(objectClass=inetOrgPerson)", "uid"));
        Assert.Equal(
            ["cn: auditors", "cn: platform", "member: uid=alice,ou=people,dc=example,dc=org", "member: uid=bob,ou=people,dc=example,dc=org",
                "member: uid=carol,ou=people,dc=example,dc=org"],
            await SearchAsync("(objectClass=groupOfNames)", "cn", "member"));
        Assert.Empty(await SearchAsync("(userPassword=*)", "userPassword"));

        async Task<IEnumerable<string>> SearchAsync(string filter, params string[] attributes)
        {
            var found = await servers.Docker.MustAsync(
                ["exec", await servers.ContainerAsync("openldap"), "ldapsearch", "-x", "-LLL", "-o", "ldif-wrap=no", "-H",
                    "ldap://127.0.0.1:1389", "-b", "dc=example,dc=org", filter, .. attributes]);
            return found.Split('\n').Where(l => l.Length > 0 && !l.StartsWith("dn:", StringComparison.Ordinal))
                .Order(StringComparer.Ordinal);
        }
    }

    /// <summary>What the directory answers to alice with a password, as the status of its client.</summary>
    private static async Task<int> BindAsync(ComposedServers servers, string password) => (await servers.Docker.RunAsync(
        "exec", await servers.ContainerAsync("openldap"), "ldapsearch", "-x", "-H", "ldap://127.0.0.1:1389", "-D",
        "uid=alice,ou=people,dc=example,dc=org", "-w", password, "-s", "base", "-b", "", "1.1")).ExitCode;

    private async Task<DockerClient> LoginAsync(ComposedServers servers, string user, string password)
    {
        var docker = await parts.DockerAsync();
        var login = await docker.LoginAsync(servers.Host, user, password);
        Assert.True(login.ExitCode == 0, $"{login.All}\n{await servers.ComposeAsync("logs", "--no-color", "token-server")}");
        return docker;
    }
}
