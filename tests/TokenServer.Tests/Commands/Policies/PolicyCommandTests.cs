using System.CommandLine;
using System.Text.Json;
using AuthIndex.TokenServer.Commands.Policies;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Tests.Audit;
using AuthIndex.TokenServer.Tests.Policies;

namespace AuthIndex.TokenServer.Tests.Commands.Policies;

public sealed class PolicyCommandTests : IDisposable
{
    private const string Sample = """
        version: 1
        groups:
          platform: [alice, bob]
        rules:
          - id: team
            to: [group:platform, "ldap:platform"]
            allow: [pull, push]
            on: ["platform/**"]
            when: { ip: [10.0.0.0/8] }
          - id: own
            to: [authenticated]
            allow: ["*"]
            on: ["users/{account}/**"]
          - id: freeze
            to: [user:bob]
            deny: [push]
            on: ["platform/**"]
          - id: public
            to: [anyone]
            allow: [pull]
            on: ["public/**"]
        tests:
          - alice can push platform/api
          - bob cannot push platform/api
        """;

    private readonly PolicyFolder folder = new();
    private readonly Command policy = PolicyCommand.Create(_ => "policies", _ => "audit.jsonl", TimeProvider.System);

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Check_of_a_sound_policy_says_what_is_in_it()
    {
        folder.Write("a.yaml", Sample);
        var (status, output, _) = Run("check", folder.Path);
        Assert.Equal(0, status);
        Assert.Matches(@"^/.*: valid \(4 rules, 2 tests passed, 0 warnings\), revision [0-9a-f]{12}\n$", output);
    }

    [Fact]
    public void Check_shows_the_line_that_is_wrong_with_a_mark_under_it()
    {
        folder.Write("a.yaml", Sample.Replace("allow: [pull]", "alow: [pull]", StringComparison.Ordinal));
        var (status, output, _) = Run("check", folder.Path);
        Assert.Equal(1, status);
        Assert.Equal($"""
            {folder["a.yaml"]}:20:5: error: unknown key 'alow'; did you mean 'allow'?
                20 |     alow: [pull]
                   |     ^
            {folder.Path}: invalid (1 error, 0 warnings)

            """, output);
    }

    [Fact]
    public void Check_answers_in_JSON_where_a_script_wants_it()
    {
        folder.Write("a.yaml", Sample.Replace("[pull, push]", "[pull, puhs]", StringComparison.Ordinal));
        var (status, output, _) = Run("check", "--json", "--policies", folder.Path);
        Assert.Equal(1, status);
        using var json = JsonDocument.Parse(output);
        Assert.False(json.RootElement.GetProperty("valid").GetBoolean());
        var problem = json.RootElement.GetProperty("problems")[0];
        Assert.Equal(7, problem.GetProperty("line").GetInt32());
        Assert.Equal("'puhs' is not an action; did you mean 'push'?", problem.GetProperty("message").GetString());
    }

    [Fact]
    public void Check_of_one_file_reads_that_file_alone()
    {
        folder.Write("a.yaml", Sample);
        folder.Write("b.yaml", "version: 1\nrulez: []");
        var (status, output, _) = Run("check", folder["a.yaml"]);
        Assert.Equal(0, status);
        Assert.Contains(": valid (4 rules,", output, StringComparison.Ordinal);
        Assert.Equal(1, Run("check", folder["b.yaml"]).Status);
    }

    [Fact]
    public void Check_warns_of_a_service_that_the_configuration_does_not_name()
    {
        folder.Write("a.yaml", "version: 1\nrules: [{ id: a, to: [user:bob], deny: [pull], on: [x], when: { service: [regsitry] } }]");
        var command = PolicyCommand.Create(
            _ => folder.Path, _ => "audit.jsonl", TimeProvider.System,
            _ =>
                new TokenServerOptions { DataDirectory = folder["data"],
                    Services = [new ServiceOptions { Name = "registry" }, new ServiceOptions { Name = "other" }] });
        using var output = new StringWriter();
        Assert.Equal(0, command.Parse(["check"]).Invoke(new InvocationConfiguration { Output = output }));
        Assert.Contains(
            "warning: rule 'a': the configuration has no service 'regsitry'; did you mean 'registry'?", output.ToString(),
            StringComparison.Ordinal);
    }

    [Fact]
    public void Test_shows_every_test()
    {
        folder.Write("a.yaml", Sample + "\n  - alice can delete platform/api");
        var (status, output, _) = Run("test", folder.Path);
        var file = folder["a.yaml"];
        Assert.Equal(1, status);
        Assert.Equal($"""
            ok    {file}:23: alice can push platform/api
            ok    {file}:24: bob cannot push platform/api
            FAIL  {file}:25:5: the test 'alice can delete platform/api' fails: no rule allows alice to delete from platform/api
            2 of 3 tests passed

            """, output);
    }

    [Fact]
    public void Explain_names_the_deciding_rule_with_its_file_and_line()
    {
        folder.Write("a.yaml", Sample);
        var (status, output, _) = Run(
            "explain", "--policies", folder.Path, "--user", "alice", "--ip", "10.1.2.3", "platform/api:pull,push");
        Assert.Equal(0, status);
        Assert.Equal($"""
            repository:platform/api:pull,push: pull,push granted to alice
              rule 'team' ({folder["a.yaml"]}:5) allows pull,push (from 10.0.0.0/8)

            """, output);
    }

    [Fact]
    public void Explain_of_a_refusal_names_the_nearest_rules_and_what_they_lack()
    {
        folder.Write("a.yaml", Sample);
        var (status, output, _) = Run(
            "explain", "--policies", folder.Path, "--user", "carol", "--ip", "192.0.2.1", "repository:platform/api:pull");
        Assert.Equal(0, status);
        Assert.Equal($"""
            repository:platform/api:pull: nothing is granted to carol
            refused pull: no rule allows carol to pull platform/api
            nearest rules:
              rule 'team' ({folder["a.yaml"]}:5) would allow pull,push, but the caller is not group:platform or ldap:platform; the request does not come from 10.0.0.0/8

            """, output);
    }

    [Fact]
    public void Explain_of_a_neighbouring_resource_says_what_the_rule_is_about()
    {
        folder.Write("a.yaml", Sample);
        var (_, output, _) = Run("explain", "--policies", folder.Path, "--user", "carol", "users/dave/app:push");
        Assert.EndsWith($"""
            nearest rules:
              rule 'own' ({folder["a.yaml"]}:10) would allow *, but it applies to users/{"{account}"}/**

            """, output, StringComparison.Ordinal);
    }

    [Fact]
    public void Explain_names_the_rule_that_denies()
    {
        folder.Write("a.yaml", Sample);
        var (_, output, _) = Run("explain", "--policies", folder.Path, "--user", "bob", "--json", "platform/api:pull,push");
        using var json = JsonDocument.Parse(output);
        Assert.Equal("pull", json.RootElement.GetProperty("granted")[0].GetString());
        Assert.Equal("rule 'freeze' denies push", json.RootElement.GetProperty("reason").GetString());
        Assert.Equal("freeze", json.RootElement.GetProperty("deniedBy")[0].GetProperty("rule").GetString());
        Assert.Equal(14, json.RootElement.GetProperty("deniedBy")[0].GetProperty("line").GetInt32());
    }

    [Theory]
    [InlineData("--ip", "10.0.1", "error: --ip: '10.0.1' is not an address\n")]
    [InlineData("--signed-in-by", "ladp", "error: --signed-in-by: 'ladp' is not a sign-in method; did you mean 'ldap'?\n")]
    [InlineData("--at", "soon", "error: --at: 'soon' is not a date; write it like 2027-01-31 or 2027-01-31T18:00+01:00\n")]
    public void Explain_refuses_what_it_cannot_read(string option, string value, string message)
    {
        folder.Write("a.yaml", Sample);
        var (status, _, error) = Run("explain", "--policies", folder.Path, option, value, "x:pull");
        Assert.Equal(1, status);
        Assert.Equal(message, error);
    }

    [Theory]
    [InlineData("push", "platform/api", """
        ldap:platform                    rule 'team' (FILE:5), from 10.0.0.0/8
        user:alice (in group:platform)   rule 'team' (FILE:5), from 10.0.0.0/8
        not user:bob (in group:platform): rule 'team' (FILE:5) allows it, rule 'freeze' (FILE:14) denies it

        """)]
    [InlineData("delete", "users/carol/app", "user:carol                       rule 'own' (FILE:10)\n")]
    [InlineData("pull", "public/x", "anyone                           rule 'public' (FILE:18)\n")]
    [InlineData("push", "public/x", "nobody may push public/x\n")]
    public void Who_can_lists_everybody_who_may(string action, string repository, string expected)
    {
        folder.Write("a.yaml", Sample);
        var (status, output, _) = Run("who-can", "--policies", folder.Path, action, repository);
        Assert.Equal(0, status);
        Assert.Equal(expected.Replace("FILE", folder["a.yaml"], StringComparison.Ordinal), output);
    }

    [Fact]
    public void Robots_are_known_by_name_and_sign_in_by_token()
    {
        folder.Write("a.yaml", """
            version: 1
            robots: { ci: , old: { expires: 2020-01-01 } }
            rules:
              - { id: r, to: [robot:ci, robot:old], allow: [pull], on: [x], when: { signedInBy: [token] } }
              - { id: s, to: [robot:ci], allow: [pull], on: [y] }
              - { id: t, to: [authenticated], deny: [pull], on: [y], when: { signedInBy: [token] } }
            """);
        Assert.Contains(
            "pull granted to robot:ci", Run("explain", "--policies", folder.Path, "--user", "robot:ci", "x:pull").Output,
            StringComparison.Ordinal);
        Assert.Contains(
            "nothing is granted to robot:ci", Run("explain", "--policies", folder.Path, "--user", "robot:ci", "y:pull").Output,
            StringComparison.Ordinal);
        var (status, _, error) = Run("explain", "--policies", folder.Path, "--user", "robot:cy", "x:pull");
        Assert.Equal((1, "error: there is no robot 'cy'; did you mean 'ci'?\n"), (status, error));
        var who = Run("who-can", "--policies", folder.Path, "pull", "x").Output;
        Assert.StartsWith("robot:ci ", who, StringComparison.Ordinal);
        Assert.DoesNotContain("robot:old", who, StringComparison.Ordinal);
        Assert.StartsWith("nobody may pull y", Run("who-can", "--policies", folder.Path, "pull", "y").Output, StringComparison.Ordinal);
    }

    [Fact]
    public void Diff_shows_what_an_edit_gives_and_takes()
    {
        using var edited = new PolicyFolder();
        folder.Write("a.yaml", Sample);
        edited.Write(
            "a.yaml", Sample.Replace("deny: [push]", "deny: [pull, push]", StringComparison.Ordinal)
            .Replace("[\"public/**\"]", "[\"public/**\", \"free/**\"]", StringComparison.Ordinal));
        var (status, output, _) = Run("diff", folder.Path, edited.Path);
        Assert.Equal(0, status);
        Assert.Contains("- bob: pull on platform/** (tried with platform/sample)", output, StringComparison.Ordinal);
        Assert.Contains("+ anonymous callers: pull on free/** (tried with free/sample)", output, StringComparison.Ordinal);
        Assert.Equal("no grant changes\n", Run("diff", folder.Path, folder.Path).Output);
    }

    [Fact]
    public void Diff_asks_again_what_was_recorded_and_shows_which_answers_differ()
    {
        using var edited = new PolicyFolder();
        folder.Write("a.yaml", Sample);
        edited.Write(
            "a.yaml", Sample.Replace("to: [user:bob]", "to: [anyone]", StringComparison.Ordinal)
            .Replace("alice can", "alice cannot", StringComparison.Ordinal));
        var entry = AuditText.Sample with { Address = "10.1.2.3", Asked = ["repository:platform/api:pull,push"] };
        edited.Write("audit.jsonl", entry.Line() + "\nno entry\n");
        edited.Write("audit.jsonl.1", entry.Line() + "\n" + (entry with { Account = "bob" }).Line() + "\n");

        var (status, output, error) = Run("diff", folder.Path, edited.Path, "--decisions", edited.Path, "--at", "2027-02-01");
        Assert.Equal(0, status);
        Assert.StartsWith($"warning: {edited["audit.jsonl"]}:2: the line is skipped", error, StringComparison.Ordinal);
        Assert.EndsWith("""
            2 of 3 recorded decisions would differ if asked at 2027-02-01 00:00:00 UTC
            - alice: push on repository:platform/api, asked 2 times
                such as AM63PJQ2 (2027-01-31 10:00:00 UTC from 10.1.2.3), AM63PJQ2 (2027-01-31 10:00:00 UTC from 10.1.2.3)

            """, output, StringComparison.Ordinal);

        using var json = JsonDocument.Parse(Run("diff", folder.Path, edited.Path, "--decisions", edited["audit.jsonl"], "--json").Output);
        var decisions = json.RootElement.GetProperty("decisions");
        Assert.Equal(1, decisions.GetProperty("decisions").GetInt32());
        Assert.Equal("push", decisions.GetProperty("changes")[0].GetProperty("lost")[0].GetString());
    }

    [Theory]
    [InlineData("error: there is no audit log nowhere.jsonl\n", "--decisions", "nowhere.jsonl")]
    [InlineData("error: --at: 'soon' is not a date; write it like 2027-01-31 or 2027-01-31T18:00+01:00\n", "--decisions", "x", "--at", "soon")]
    [InlineData("error: --at is the time for --decisions, which is not given\n", "--at", "2027-01-31")]
    public void Diff_refuses_what_it_cannot_read(string message, params string[] options)
    {
        folder.Write("a.yaml", Sample);
        var (status, _, error) = Run(["diff", folder.Path, folder.Path, .. options]);
        Assert.Equal(1, status);
        Assert.Equal(message, error);
    }

    [Fact]
    public void Fmt_rewrites_what_is_not_canonical_and_keeps_the_mode_of_the_file()
    {
        folder.Write("a.yaml", "rules:\n- { to: [anyone], id: a, on: [x], allow: [pull] } # all\nversion: 1\n");
        folder.Write("b.yaml", Sample + "\n");
        File.SetUnixFileMode(folder["a.yaml"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead);

        Assert.Equal((1, $"{folder["a.yaml"]}: not in canonical form\n", ""), Run("fmt", folder.Path, "--check"));
        Assert.StartsWith("rules:", File.ReadAllText(folder["a.yaml"]), StringComparison.Ordinal);

        Assert.Equal((0, $"{folder["a.yaml"]}: rewritten\n", ""), Run("fmt", folder.Path));
        Assert.Equal(
            "version: 1\nrules:\n  - id: a # all\n    to: [anyone]\n    allow: [pull]\n    on: [x]\n", File.ReadAllText(folder["a.yaml"]));
        Assert.Equal(Sample + "\n", File.ReadAllText(folder["b.yaml"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead, File.GetUnixFileMode(folder["a.yaml"]));

        Assert.Equal((0, "", ""), Run("fmt", "--check", "--policies", folder.Path));
    }

    [Fact]
    public void Fmt_leaves_a_file_with_errors_alone_and_names_it()
    {
        const string broken = "rulez:    []\nversion:   1\n";
        folder.Write("a.yaml", broken);
        folder.Write("b.yaml", "version:   1\n");
        var (status, output, error) = Run("fmt", folder.Path);
        Assert.Equal(1, status);
        Assert.Equal($"{folder["b.yaml"]}: rewritten\n", output);
        Assert.StartsWith($"{folder["a.yaml"]}:1:1: error: unknown key 'rulez'", error, StringComparison.Ordinal);
        Assert.Equal(broken, File.ReadAllText(folder["a.yaml"]));
    }

    [Fact]
    public void Import_writes_a_sound_policy_and_the_users_for_their_owner_alone()
    {
        folder.Write(
            "auth.yml",
            "users: { admin: { password: \"$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC\" } }\nacl: [{ match: { account: "
            + "admin }, actions: [\"*\"], comment: all }]\n");
        var (status, output, _) = Run("import", "docker-auth", folder["auth.yml"], "--htpasswd", folder["htpasswd"]);
        Assert.Equal(0, status);
        Assert.Equal("admin:$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC\n", File.ReadAllText(folder["htpasswd"]));
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(folder["htpasswd"]));
        folder.Write("a.yaml", output);
        Assert.Equal(0, Run("check", folder.Path).Status);
    }

    [Fact]
    public void Import_of_what_cannot_be_expressed_writes_nothing()
    {
        folder.Write(
            "auth.yml",
            "users: { admin: { password: \"$2y$05$LO.vzwpWC5LZGqThvEfznu8qhb5SGqvBSWY1J3yZ4AxtMRZ3kN5jC\" } }\nacl: [{ match: { account: "
            + "/a+/ }, actions: [pull] }]\n");
        var (status, output, error) = Run("import", "docker-auth", folder["auth.yml"], "--htpasswd", folder["htpasswd"]);
        Assert.Equal(1, status);
        Assert.Empty(output);
        Assert.Contains("the account '/a+/' is a pattern", error, StringComparison.Ordinal);
        Assert.False(File.Exists(folder["htpasswd"]));
    }

    [Theory]
    [InlineData("explain", "x:pull")]
    [InlineData("who-can", "pull", "x")]
    [InlineData("test")]
    public void Nothing_is_answered_from_files_that_are_not_sound(params string[] verb)
    {
        folder.Write("a.yaml", "version: 1\nrulez: []");
        var (status, output, error) = Run([.. verb, "--policies", folder.Path]);
        Assert.Equal(1, status);
        Assert.Empty(output);
        Assert.Contains("unknown key 'rulez'", error, StringComparison.Ordinal);
    }

    private (int Status, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter { NewLine = "\n" };
        using var error = new StringWriter { NewLine = "\n" };
        var root = new RootCommand { policy };
        var status = root.Parse(["policy", .. arguments])
            .Invoke(new InvocationConfiguration { Output = output, Error = error, EnableDefaultExceptionHandler = false });
        return (status, output.ToString(), error.ToString());
    }
}
