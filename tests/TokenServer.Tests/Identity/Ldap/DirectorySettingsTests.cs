using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Yaml;
using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.TokenServer.Tests.Identity.Ldap;

public sealed class DirectorySettingsTests
{
    private const string Sound = """
        name: corp
        servers: [ldaps://one.example.org, ldaps://two.example.org:1636]
        bindDn: cn=reader,dc=example,dc=org
        bindPasswordFile: /run/secrets/ldap
        baseDn: ou=people,dc=example,dc=org
        """;

    [Fact]
    public void A_sound_directory_is_read()
    {
        var settings = Assert.Single(DirectorySettings.Read([Bind(Sound)]));

        Assert.Equal(["ldaps://one.example.org:636", "ldaps://two.example.org:1636"], settings.Servers.Select(s => s.ToString()));
    }

    [Theory]
    [InlineData("servers: [http://one]", "tokenServer.ldap[0].servers: must be a list")]
    [InlineData("servers: []", "tokenServer.ldap[0].servers: must be a list")]
    [InlineData("servers: [ldaps://one/dc=org]", "tokenServer.ldap[0].servers: must be a list")]
    [InlineData("userFilter: uid={account}", "tokenServer.ldap[0].userFilter: must be a complete search filter")]
    [InlineData("userFilter: (uid=alice)", "containing {account}")]
    [InlineData("baseDn: people", "tokenServer.ldap[0].baseDn: must be a distinguished name")]
    [InlineData("accountAttribute: \"uid)(\"", "tokenServer.ldap[0].accountAttribute: must be the name of an attribute")]
    [InlineData("scope: deep", "tokenServer.ldap[0].scope: must be one of base, one, sub")]
    [InlineData("groups: { via: memberof }", "tokenServer.ldap[0].groups.via: must be one of")]
    [InlineData("groups: { nestedDepth: 100 }", "tokenServer.ldap[0].groups.nestedDepth: must be between 0 and 20")]
    [InlineData("bindPassword: secret", "no such key; did you mean 'bindPasswordFile'?")]
    [InlineData("rememberFor: 2h", "tokenServer.ldap[0].rememberFor: must be between 0s and 1h")]
    [InlineData("name: The Corp", "tokenServer.ldap[0].name: must consist of lower-case letters")]
    public void A_key_at_fault_is_named_with_its_line(string line, string problem)
    {
        var problems = new List<SourceProblem>();
        Bind(Sound.Split('\n').Where(l => l.Split(':')[0] != line.Split(':')[0]).Append(line), problems);

        var found = Assert.Single(problems);
        Assert.Contains(problem, found.Message, StringComparison.Ordinal);
        Assert.True(found.At.Line > 0);
    }

    [Theory]
    [InlineData("servers: [ldap://one.example.org]", "would send passwords unencrypted")]
    [InlineData("startTls: true", "startTls: needs an ldap:// server")]
    [InlineData("anonymousSearch: true", "anonymousSearch: cannot be combined with bindDn")]
    [InlineData("userDnTemplate: uid={account},dc=org", "userDnTemplate: cannot be combined with bindDn")]
    [InlineData("bindPasswordFile:", "bindPasswordFile: is required with bindDn")]
    [InlineData("baseDn:", "baseDn: is required")]
    [InlineData("caFile: /no/such/file", "caFile: the file /no/such/file is missing")]
    [InlineData("allowGroups: [staff]", "groups.via: allowGroups and denyGroups require groups")]
    [InlineData("groups: { via: memberOf, filter: (objectClass=group) }", "groups.filter: has no effect")]
    [InlineData("groups: { via: memberOf }", "groups.baseDn: is required with groups.via")]
    [InlineData("groups: { via: member }", "groups.baseDn: is required with groups.via")]
    [InlineData(
        "denyGroups: [\"cn=Ops, Night,dc=org\"]",
        "denyGroups: 'cn=Ops, Night,dc=org': it looks like a distinguished name but cannot be read")]
    [InlineData("outageGrace: 10s", "outageGrace: must be longer than rememberFor")]
    public void What_does_not_fit_together_stops_the_start(string line, string problem)
    {
        var options = Bind(Sound.Split('\n').Where(l => l.Split(':')[0] != line.Split(':')[0]).Append(line), []);

        var refused = Assert.Throws<OperatorException>(() => DirectorySettings.Read([options]));
        Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
        Assert.StartsWith("tokenServer.ldap[0].", refused.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("servers: [ldap://one.example.org]\nstartTls: true")]
    [InlineData("servers: [ldap://one.example.org]\nallowPlaintext: true")]
    [InlineData("servers: [ldap://127.0.0.1:1389, ldap://localhost]")]
    public void Plain_text_is_for_this_machine_for_StartTLS_or_for_who_asks_for_it(string lines) =>
        DirectorySettings.Read(
            [Bind(Sound.Split('\n').Where(l => !l.StartsWith("servers", StringComparison.Ordinal)).Concat(lines.Split('\n')), [])]);

    [Fact]
    public void Two_directories_need_two_names_and_one_that_binds_directly_comes_last()
    {
        var direct = Bind(["name: corp", "servers: [ldaps://three.example.org]", "userDnTemplate: \"uid={account},dc=org\""], []);

        DirectorySettings.Read([Bind(Sound.Replace("corp", "first", StringComparison.Ordinal)), direct]);
        var refused = Assert.Throws<OperatorException>(() => DirectorySettings.Read([direct, Bind(Sound)]));
        Assert.Contains("tokenServer.ldap[0].userDnTemplate: such a directory cannot tell", refused.Message, StringComparison.Ordinal);
        Assert.Contains("tokenServer.ldap[1].name: the name", refused.Message, StringComparison.Ordinal);
    }

    private static LdapDirectoryOptions Bind(string yaml)
    {
        var problems = new List<SourceProblem>();
        var options = Bind(yaml.Split('\n'), problems);
        Assert.Empty(problems);
        return options;
    }

    private static LdapDirectoryOptions Bind(IEnumerable<string> lines, List<SourceProblem> problems)
    {
        var yaml = "ldap:\n" + string.Join('\n', lines.Select((l, i) => (i == 0 ? "  - " : "    ") + l));
        var options = new TokenServerOptions();
        OptionsBinder.Bind(
            YamlSource.Read("test.yaml", System.Text.Encoding.UTF8.GetBytes(yaml), problems), options, "tokenServer", problems);
        return options.Ldap.FirstOrDefault() ?? new LdapDirectoryOptions { Name = "" };
    }
}
