using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary>docker with an account of a directory, from login to pull.</summary>
public sealed class LdapDockerTests(RealParts parts, SlapdParts directory) : IClassFixture<SlapdParts>
{
    [Fact]
    public async Task Somebody_of_the_company_pushes_and_pulls_what_a_rule_for_their_group_allows()
    {
        var docker = await parts.DockerAsync();
        var slapd = await directory.ServerAsync();
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Folder("policies"), "policy.yaml"),
            "version: 1\nrules:\n  - {id: engineers, to: [\"ldap:Engineering\"], allow: [pull, push], on: [\"platform/**\"], when: "
            + "{signedInBy: [ldap]}}\n",
            TestContext.Current.CancellationToken);
        await File.WriteAllTextAsync(folder["authindex.yaml"], $$"""
            tokenServer:
              policiesDirectory: policies
              ldap:
                - name: corp
                  servers: [{{slapd.TlsUrl}}]
                  caFile: {{slapd.Certificates.CaFile}}
                  bindDn: {{LdapPeople.Reader}}
                  bindPasswordFile: {{directory.ReaderPasswordFile()}}
                  baseDn: {{LdapPeople.People}}
                  userFilter: "(&(objectClass=inetOrgPerson)(uid={account}))"
                  groups: { via: member, baseDn: "{{LdapPeople.Groups}}", filter: (objectClass=groupOfNames) }

            """, TestContext.Current.CancellationToken);
        await using var up = await AuthIndexUp.StartAsync("--config", folder["authindex.yaml"]);
        var image = $"{up.Host}/platform/app:1";
        var id = await docker.BuildAsync(image, 10_000);

        Assert.NotEqual(0, (await docker.LoginAsync(up.Host, "alice", "bob's password")).ExitCode);
        var login = await docker.LoginAsync(up.Host, "alice", "alice's password");
        Assert.True(login.ExitCode == 0, $"{login}\n{up.Log}");
        await docker.MustAsync("push", image);
        await docker.MustAsync("rmi", image);
        await docker.MustAsync("pull", image);
        Assert.Equal(id, await docker.ImageIdAsync(image));

        // Bob is in the directory, but not in the group.
        var bob = await parts.DockerAsync();
        Assert.Equal(0, (await bob.LoginAsync(up.Host, "bob", "bob's password")).ExitCode);
        var refused = await bob.RunAsync("push", image);
        Assert.Contains("no rule allows bob to pull or push to platform/app", refused.Error, StringComparison.Ordinal);
        await docker.MustAsync("rmi", image);
        Assert.DoesNotContain("password of the reader", up.Log, StringComparison.Ordinal);
    }
}
