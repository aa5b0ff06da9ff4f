using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.Acceptance;

/// <summary>Commands and docker with a real domain controller and a real 389 Directory Server.</summary>
public sealed class RealDirectoryCommandTests(RealDirectories directories, RealParts parts)
{
    [Fact]
    public async Task The_doctor_reads_password_settings_objects_and_names_with_commas()
    {
        var domain = await directories.SambaAsync();
        await domain.AddUserAsync("doctor");
        await domain.AddLockoutAsync("doctor", 2);
        await domain.ModifyAsync(
            $"dn: CN=Sales\\, Europe,{SambaDomain.Groups}\nchangetype: add\nobjectClass: group\nsAMAccountName: Sales Europe\nmember: "
            + $"{SambaDomain.DnOf("doctor")}\n\n");
        using var folder = new TemporaryDirectory();
        var configuration = await ConfigureAsync(folder, await directories.SambaOptionsAsync());

        var before = await DoctorAsync(configuration, "doctor");
        Assert.True(before.ExitCode == 0, before.ToString());
        Assert.Contains("password settings objects cannot be read", before.Output, StringComparison.Ordinal);
        Assert.Contains("'Sales, Europe'", before.Output, StringComparison.Ordinal);
        Assert.DoesNotContain(@"\u00", before.Output, StringComparison.Ordinal);

        await domain.GrantAsync(SambaDomain.PasswordSettings, "(A;CI;GR;;;{0})");
        await domain.GrantAsync($"CN=lockout of doctor,{SambaDomain.PasswordSettings}", "(A;;GR;;;{0})");
        var after = await DoctorAsync(configuration, "doctor");
        Assert.Contains(
            $"lockout.failures is 3, but CN=lockout of doctor,{SambaDomain.PasswordSettings} locks accounts after 2 failures "
            + $"(msDS-LockoutThreshold)", after.Output, StringComparison.Ordinal);
        Assert.Contains("lockout.within is 00:15:00", after.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_names_the_state_that_it_cannot_read()
    {
        var domain = await directories.SambaAsync();
        await domain.AddUserAsync("secretive");
        await domain.HideAsync("secretive", new Guid("4c164200-20c0-11d0-a768-00aa006e0529"));
        var server = await directories.Directory389Async();
        await server.AddUserAsync("secretive");
        using var folder = new TemporaryDirectory();

        var ad = await DoctorAsync(await ConfigureAsync(folder, await directories.SambaOptionsAsync()), "secretive");
        Assert.Equal(1, ad.ExitCode);
        Assert.Contains(
            "cannot read userAccountControl, msDS-User-Account-Control-Computed, accountExpires, pwdLastSet", ad.Output,
            StringComparison.Ordinal);

        var options = await directories.Directory389OptionsAsync();
        options.BindDn = Directory389.Blind;
        var ds = await DoctorAsync(await ConfigureAsync(folder, options), "secretive");
        Assert.True(ds.ExitCode == 0, ds.ToString());
        Assert.Contains("cannot read nsAccountLock, accountUnlockTime, passwordExpirationTime", ds.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_doctor_reads_the_password_policies_of_389_Directory_Server()
    {
        var server = await directories.Directory389Async();
        await server.AddPolicyAsync("strict", "passwordLockout: on", "passwordMaxFailure: 2", "passwordResetFailureCount: 3600");
        using var folder = new TemporaryDirectory();

        var doctor = await DoctorAsync(await ConfigureAsync(folder, await directories.Directory389OptionsAsync()), null);
        Assert.True(doctor.ExitCode == 0, doctor.ToString());
        Assert.Contains("the password policy in cn=config cannot be read", doctor.Output, StringComparison.Ordinal);
        Assert.Contains(
            $"lockout.failures is 3, but cn=strict,ou=policies,{Directory389.Suffix} locks accounts after 2 failures (passwordMaxFailure)",
            doctor.Output, StringComparison.Ordinal);
        Assert.Contains("forgets failures only after 01:00:00 (passwordResetFailureCount)", doctor.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Policy_check_says_where_a_group_is_that_lies_outside_the_base_of_groups()
    {
        await directories.SambaAsync();
        using var folder = new TemporaryDirectory();
        var configuration = await ConfigureAsync(folder, await directories.SambaOptionsAsync());
        await File.WriteAllTextAsync(
            Path.Combine(folder["policies"], "policy.yaml"),
            "version: 1\nrules:\n  - {id: all, to: [\"ldap:Domain Users\"], allow: [pull], on: [\"**\"]}\n",
            TestContext.Current.CancellationToken);

        var check = await AuthIndexUp.RunAsync("policy", "check", "--config", configuration);
        Assert.Contains(
            $"CN=Domain Users,CN=Users,{SambaDomain.Domain} has that name but is not below groups.baseDn, {SambaDomain.Groups}",
            check.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Docker_logs_in_with_an_account_of_Active_Directory_by_each_name_and_not_with_one_that_may_not()
    {
        var docker = await parts.DockerAsync();
        var domain = await directories.SambaAsync();
        foreach (var account in (string[])["jane", "outsider", "disabled", "expired", "locked"])
        {
            await domain.AddUserAsync(account, $"userPrincipalName: {account}@corp.example.com", $"mail: {account}.doe@example.org");
        }

        await domain.AddGroupAsync("Registry", [.. ((string[])["jane", "disabled", "expired", "locked"]).Select(SambaDomain.DnOf)]);
        await domain.SetAsync("disabled", ("userAccountControl", "514"));
        await domain.SetAsync("expired", ("accountExpires", "130000000000000000"));
        await domain.AddLockoutAsync("locked", 2);
        var options = await directories.SambaOptionsAsync();
        options.AllowGroups = ["Registry"];
        using var folder = new TemporaryDirectory();
        await using var up = await AuthIndexUp.StartAsync("--config", await ConfigureAsync(folder, options));

        foreach (var name in (string[])["jane", "jane@corp.example.com", @"CORP\jane", "jane.doe@example.org"])
        {
            var login = await docker.LoginAsync(up.Host, name, SambaDomain.Password);
            Assert.True(login.ExitCode == 0, $"{name}: {login}\n{up.Log}");
        }

        for (var i = 0; i < 2; i++) await docker.LoginAsync(up.Host, "locked", $"wrong {i}");
        foreach (var name in (string[])["outsider", "disabled", "expired", "locked"])
        {
            Assert.NotEqual(0, (await docker.LoginAsync(up.Host, name, SambaDomain.Password)).ExitCode);
        }

        foreach (var reason in (string[])["allowGroups", "disabled", "expired", "locked out"])
        {
            Assert.Contains(reason, up.Log, StringComparison.Ordinal);
        }
    }

    private static Task<ProcessResult> DoctorAsync(string configuration, string? user) =>
        AuthIndexUp.RunAsync(
            ["ldap", "doctor", "--config", configuration, .. user is null
                ? Array.Empty<string>()
                : ["--user", user, "--without-password"]]);

    private static async Task<string> ConfigureAsync(TemporaryDirectory folder, LdapDirectoryOptions options)
    {
        await File.WriteAllTextAsync(
            Path.Combine(folder.Folder("policies"), "policy.yaml"),
            "version: 1\nrules:\n  - {id: all, to: [authenticated], allow: [pull], on: [\"**\"]}\n");
        await File.WriteAllTextAsync(folder["authindex.yaml"], $$"""
            tokenServer:
              policiesDirectory: policies
              ldap:
                - name: {{options.Name}}
                  servers: ["{{options.Servers[0]}}"]
                  startTls: {{(options.StartTls ? "true" : "false")}}
                  caFile: {{options.CaFile}}
                  bindDn: "{{options.BindDn}}"
                  bindPasswordFile: {{options.BindPasswordFile}}
                  baseDn: "{{options.BaseDn}}"
                  domain: CORP
                  userFilter: "{{options.UserFilter}}"
                  accountAttribute: {{options.AccountAttribute}}
                  accountCase: {{options.AccountCase}}
                  groups: { via: {{options.Groups.Via}}, baseDn: "{{options.Groups.BaseDn}}" }
                  allowGroups: [{{string.Join(", ", options.AllowGroups)}}]

            """);
        return folder["authindex.yaml"];
    }
}
