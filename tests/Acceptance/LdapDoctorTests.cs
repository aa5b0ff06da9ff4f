using AuthIndex.TestKit;

namespace AuthIndex.Acceptance;

/// <summary><c>authindex ldap doctor</c> against a real directory.</summary>
public sealed class LdapDoctorTests(SlapdParts directory) : IClassFixture<SlapdParts>
{
    [Fact]
    public async Task A_sign_in_that_works_is_walked_through_to_what_the_policy_allows()
    {
        var slapd = await directory.ServerAsync();
        using var folder = new TemporaryDirectory();
        var configuration = await ConfigureAsync(folder, slapd.Certificates.CaFile);

        var end = await DoctorAsync(configuration, "alice's password\n", "--directory", "corp", "--user", "alice@example.org");

        Assert.True(end.ExitCode == 0, end.ToString());
        foreach (var step in (string[])[
            "resolve", "connect", "tls", "StartTLS", "service bind", "search", "account state", "password", "groups", "nested groups",
                "admission"])
        {
            Assert.Matches($@"(?m)^  (ok|warn) +[0-9.]+ ms  {step} ", end.Output);
        }

        Assert.Contains("Alice, Alice Example, alice@example.org", end.Output, StringComparison.Ordinal);
        Assert.Contains("groups         1: devs", end.Output, StringComparison.Ordinal);
        Assert.Contains("nested groups  3: devs, engineering, staff", end.Output, StringComparison.Ordinal);
        Assert.Contains("engineers allows pull push on platform/**", end.Output, StringComparison.Ordinal);
        Assert.DoesNotContain("alice's password", end.All, StringComparison.Ordinal);
        Assert.DoesNotContain(LdapPeople.ReaderPassword, end.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("alice", "not her password", "FAIL", "password", "wrong")]
    [InlineData("locked", "locked's password", "FAIL", "account state", "pwdAccountLockedTime")]
    [InlineData("nobody", "x", "FAIL", "search", "matches")]
    [InlineData("twin@example.org", "x", "FAIL", "search", "several entries")]
    public async Task A_sign_in_that_fails_is_told_where(string user, string password, string mark, string step, string text)
    {
        var slapd = await directory.ServerAsync();
        using var folder = new TemporaryDirectory();

        var end = await DoctorAsync(await ConfigureAsync(folder, slapd.Certificates.CaFile), password, "--user", user);

        Assert.Equal(1, end.ExitCode);
        Assert.Contains(
            end.Output.Split('\n'),
            l => l.Contains(mark, StringComparison.Ordinal)
            && l.Contains($"  {step} ", StringComparison.Ordinal)
            && l.Contains(text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_certificate_of_another_CA_is_shown_with_what_is_wrong()
    {
        var slapd = await directory.ServerAsync();
        using var folder = new TemporaryDirectory();

        var end = await DoctorAsync(await ConfigureAsync(folder, slapd.Certificates.OtherCaFile), "");

        Assert.Equal(1, end.ExitCode);
        Assert.Contains("CN=directory by CN=test directory CA", end.Output, StringComparison.Ordinal);
        Assert.True(
            end.Output.Split('\n')
            .Any(l => l.StartsWith("  FAIL", StringComparison.Ordinal) && l.Contains("  tls ", StringComparison.Ordinal)), end.Output);
        Assert.DoesNotContain("service bind", end.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_directory_that_is_not_configured_is_named()
    {
        var slapd = await directory.ServerAsync();
        using var folder = new TemporaryDirectory();

        var end = await DoctorAsync(await ConfigureAsync(folder, slapd.Certificates.CaFile), "", "--directory", "crop");

        Assert.Equal(1, end.ExitCode);
        Assert.Contains("there is no directory 'crop'; did you mean 'corp'?", end.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policy_check_warns_of_groups_that_the_directory_does_not_have()
    {
        var slapd = await directory.ServerAsync();
        using var folder = new TemporaryDirectory();
        var configuration = await ConfigureAsync(folder, slapd.Certificates.CaFile);
        const string rules = """
            version: 1
            groups: { builders: ["ldap:bilders"] }
            rules:
              - {id: by-name, to: ["ldap:Engineering"], allow: [pull], on: ["platform/**"]}
              - {id: by-dn, to: ["ldap:cn=devs,DN"], allow: [pull], on: ["dev/**"]}
              - {id: misspelt, to: ["ldap:enginering"], allow: [pull], on: ["lab/**"]}
              - {id: elsewhere, to: ["ldap:cn=nobodies,DN"], allow: [pull], on: ["none/**"]}
              - {id: through-a-group, to: [group:builders], allow: [pull], on: ["build/**"]}

            """;
        await File.WriteAllTextAsync(
            Path.Combine(folder["policies"], "policy.yaml"), rules.Replace("DN", LdapPeople.Groups, StringComparison.Ordinal),
            TestContext.Current.CancellationToken);

        var check = await AuthIndexUp.RunAsync("policy", "check", "--config", configuration);

        Assert.True(check.ExitCode == 0, check.ToString());
        Assert.Contains("no directory has the group 'ldap:enginering' (asked: corp)", check.Output, StringComparison.Ordinal);
        Assert.Contains($"no directory has the group 'ldap:cn=nobodies,{LdapPeople.Groups}'", check.Output, StringComparison.Ordinal);
        Assert.Contains("no directory has the group 'ldap:bilders'", check.Output, StringComparison.Ordinal);
        Assert.Contains("policy.yaml:6", check.Output, StringComparison.Ordinal);
        Assert.Contains("3 warnings", check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policy_check_says_when_the_directory_cannot_be_asked()
    {
        using var folder = new TemporaryDirectory();
        var slapd = await directory.ServerAsync();
        var configuration = await ConfigureAsync(folder, slapd.Certificates.OtherCaFile);

        var check = await AuthIndexUp.RunAsync("policy", "check", "--config", configuration);

        Assert.True(check.ExitCode == 0, check.ToString());
        Assert.Contains("cannot check whether the directories have the groups", check.Output, StringComparison.Ordinal);
    }

    private static Task<ProcessResult> DoctorAsync(string configuration, string input, params string[] arguments) =>
        ChildProcess.RunAsync(
            AuthIndexUp.Script, ["ldap", "doctor", "--config", configuration, .. arguments], input: input,
            timeout: TimeSpan.FromMinutes(5));

    private async Task<string> ConfigureAsync(TemporaryDirectory folder, string caFile)
    {
        var slapd = await directory.ServerAsync();
        await File.WriteAllTextAsync(
            Path.Combine(folder.Folder("policies"), "policy.yaml"),
            "version: 1\nrules:\n  - {id: engineers, to: [\"ldap:engineering\"], allow: [pull, push], on: [\"platform/**\"]}\n");
        await File.WriteAllTextAsync(folder["authindex.yaml"], $$"""
            tokenServer:
              policiesDirectory: policies
              ldap:
                - name: corp
                  servers: ["{{slapd.TlsUrl}}", "{{slapd.Url}}"]
                  startTls: true
                  caFile: {{caFile}}
                  bindDn: {{LdapPeople.Reader}}
                  bindPasswordFile: {{directory.ReaderPasswordFile()}}
                  baseDn: {{LdapPeople.People}}
                  userFilter: "(&(objectClass=inetOrgPerson)(|(uid={account})(mail={account})))"
                  groups: { via: member, baseDn: "{{LdapPeople.Groups}}", filter: (objectClass=groupOfNames) }

            """);
        return folder["authindex.yaml"];
    }
}
