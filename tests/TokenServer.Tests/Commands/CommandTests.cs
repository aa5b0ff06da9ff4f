using System.Text.Json;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests.Commands;

/// <summary>The commands as a shell runs them.</summary>
public sealed class CommandTests : IDisposable
{
    private static readonly string Program = Path.Combine(AppContext.BaseDirectory, "TokenServer");

    private readonly TemporaryDirectory directory = new();

    private string Htpasswd => directory["data/htpasswd"];

    [Fact]
    public async Task Accounts_are_added_changed_listed_and_removed_and_every_other_line_stays()
    {
        await OkAsync("", "init");
        await File.AppendAllTextAsync(Htpasswd, "# the people\nold:{SHA}x\n", TestContext.Current.CancellationToken);
        var before = await File.ReadAllTextAsync(Htpasswd, TestContext.Current.CancellationToken);

        await OkAsync("first password\nsecond line\n", "users", "add", "alice");
        var added = await File.ReadAllTextAsync(Htpasswd, TestContext.Current.CancellationToken);
        Assert.StartsWith(before + "alice:$2y$10$", added, StringComparison.Ordinal);

        await OkAsync("other password\r\n", "users", "passwd", "alice");
        var changed = await File.ReadAllTextAsync(Htpasswd, TestContext.Current.CancellationToken);
        Assert.NotEqual(added, changed);
        using (var scratch = new TokenServer.Identity.Passwords.PasswordHash.Scratch())
        {
            Assert.True(
                scratch.Verify("other password", changed[(changed.IndexOf("alice:", StringComparison.Ordinal) + 6)..].TrimEnd('\n')));
        }

        Assert.Equal(
            """[{"name":"admin","canSignIn":true},{"name":"alice","canSignIn":true},{"name":"old","canSignIn":false,"problem":"it is unsalted SHA-1 ({SHA}), which is too weak"}]""" + "\n", (await OkAsync("", "users", "list", "--json")).Output);
        Assert.Contains(
            "old  (cannot sign in, its hash cannot be used: it is unsalted SHA-1 ({SHA}), which is too weak)\n",
            (await OkAsync("", "users", "list")).Output, StringComparison.Ordinal);
        await OkAsync("", "users", "remove", "alice");
        Assert.Equal(before, await File.ReadAllTextAsync(Htpasswd, TestContext.Current.CancellationToken));
        Assert.StartsWith("[{\"kid\":", (await OkAsync("", "keys", "list", "--json")).Output, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("pw\n", "already exists", "users", "add", "admin")]
    [InlineData("pw\n", "colon", "users", "add", "a:b")]
    [InlineData("\n", "empty", "users", "add", "bob")]
    [InlineData("a\0b\n", "NUL", "users", "add", "bob")]
    [InlineData("0123456789012345678901234567890123456789012345678901234567890123456789012\n", "72", "users", "add", "bob")]
    [InlineData("pw\n", "no account 'bob'", "users", "passwd", "bob")]
    [InlineData("", "no account 'bob'", "users", "remove", "bob")]
    [InlineData("", "--tls-host needs --tls", "init", "--tls-host", "x.example")]
    [InlineData("", "is not suspended", "accounts", "resume", "bob")]
    [InlineData("", "on one line", "accounts", "suspend", "bob", "--reason", "a\nb")]
    [InlineData("", "1 to 255 characters", "accounts", "suspend", "")]
    public async Task What_cannot_be_done_is_told_and_changes_nothing(string input, string message, params string[] arguments)
    {
        await OkAsync("", "init");
        var before = await File.ReadAllTextAsync(Htpasswd, TestContext.Current.CancellationToken);
        var result = await RunAsync(input, arguments);
        Assert.Equal(1, result.ExitCode);
        Assert.Contains(message, result.Error, StringComparison.Ordinal);
        Assert.StartsWith("error: ", result.Error, StringComparison.Ordinal);
        Assert.Equal(before, await File.ReadAllTextAsync(Htpasswd, TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task Keys_are_rotated_once_at_a_time_listed_and_certified()
    {
        await OkAsync("", "init");
        Assert.Matches("^\\S+  ES256  signing   since \\S+Z  /.+\\.pem\n$", (await OkAsync("", "keys", "list")).Output);
        var rotations = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => RunAsync("", "keys", "rotate", "--ahead", "30m")));
        Assert.Single(rotations, r => r.ExitCode == 0);
        Assert.All(
            rotations.Where(r => r.ExitCode != 0),
            r => Assert.Contains("there is already a next key for ES256", r.Error, StringComparison.Ordinal));

        using (var keys = JsonDocument.Parse((await OkAsync("", "keys", "list", "--json")).Output))
        {
            Assert.Equal(["next", "signing"], keys.RootElement.EnumerateArray().Select(k => k.GetProperty("state").GetString()));
            Assert.Equal(
                ["kid", "alg", "state", "signsFrom", "signsUntil", "publishedUntil", "file"],
                keys.RootElement[1].EnumerateObject().Select(m => m.Name));
            Assert.Equal(
                keys.RootElement[0].GetProperty("signsFrom").GetString(), keys.RootElement[1].GetProperty("signsUntil").GetString());
        }

        foreach (var wrong in new[] { "5m", "31d", "soon" })
        {
            Assert.Contains("between 6m and 30d", (await RunAsync("", "keys", "rotate", "--ahead", wrong)).Error, StringComparison.Ordinal);
        }

        Assert.Contains("--leaked", (await RunAsync("", "keys", "rotate", "--leaked", "--ahead", "30m")).Error, StringComparison.Ordinal);

        var bundle = (await OkAsync("", "keys", "certificates")).Output.Trim();
        Assert.StartsWith(
            "-----BEGIN CERTIFICATE-----", await File.ReadAllTextAsync(bundle, TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
        Assert.Equal(bundle, (await OkAsync("", "keys", "certificates")).Output.Trim());
        Assert.Contains("keys certificates", (await OkAsync("", "keys", "rotate", "--leaked")).Output, StringComparison.Ordinal);
        Assert.Single((await OkAsync("", "keys", "list")).Output.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Init_makes_what_the_services_need_and_nothing_twice()
    {
        string[] services = [
            "--set", "tokenServer.services.0.name=old", "--set", "tokenServer.services.0.algorithm=RS256", "--set",
                "tokenServer.services.0.keyHeader=x5c"];
        await OkAsync("", "init");
        var made = (await OkAsync("", ["init", .. services])).Output;
        Assert.Contains("created the signing key", made, StringComparison.Ordinal);
        Assert.Contains("rootcertbundle.pem", made, StringComparison.Ordinal);
        Assert.Equal("", (await OkAsync("", ["init", .. services])).Output);
        Assert.Contains("  RS256  signing ", (await OkAsync("", "keys", "list")).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Accounts_are_suspended_listed_and_resumed_without_a_server()
    {
        await OkAsync("", "init");
        var suspended = await OkAsync("", "accounts", "suspend", "admin", "--reason", "left the company");
        Assert.Equal("suspended admin; registries will refuse its tokens within a second\n", suspended.Output);
        Assert.Empty(suspended.Error);
        var listed = System.Text.Json.Nodes.JsonNode.Parse((await OkAsync("", "accounts", "list", "--json")).Output)![0]!;
        Assert.Equal(("admin", "left the company"), ((string)listed["account"]!, (string)listed["reason"]!));
        Assert.Contains("admin  since ", (await OkAsync("", "accounts", "list")).Output, StringComparison.Ordinal);

        var twice = await RunAsync("", "accounts", "suspend", "admin");
        Assert.Equal(1, twice.ExitCode);
        Assert.StartsWith("error: the account is already suspended: admin  since ", twice.Error, StringComparison.Ordinal);
        await OkAsync("", "accounts", "resume", "admin");
        Assert.Equal("[]\n", (await OkAsync("", "accounts", "list", "--json")).Output);
    }

    [Fact]
    public async Task Accounts_are_named_in_any_spelling_that_is_clear_and_nobody_is_suspended_in_vain()
    {
        await OkAsync("", "init");
        await using var people =
            new FakeDirectory { OnSearch = s => s.Filter.Contains("=jgross", StringComparison.OrdinalIgnoreCase)
                ? [new FakeEntry("uid=JGross,dc=org", ("uid", ["JGross"]))]
            : s.Filter.Contains("=boss@example.org", StringComparison.OrdinalIgnoreCase)
            ? [new FakeEntry("uid=Admin,dc=org", ("uid", ["Admin"]))]
            : [] };
        await File.WriteAllTextAsync(
            Path.Combine(directory.Folder("policies"), "p.yaml"), "version: 1\n", TestContext.Current.CancellationToken);
        string[] corp =
        [
            "--set", "tokenServer.ldap.0.name=corp", "--set", $"tokenServer.ldap.0.servers.0={people.Url}", "--set",
                "tokenServer.ldap.0.anonymousSearch=true",
            "--set", "tokenServer.ldap.0.baseDn=dc=org", "--set", "tokenServer.ldap.0.userFilter=(|(uid={account})(mail={account}))",
        ];
        var taken = await RunAsync("", ["accounts", "suspend", "boss@example.org", .. corp]);
        Assert.Equal(1, taken.ExitCode);
        Assert.Contains(
            "'Admin' of ldap:corp has the same name as the account 'admin' of htpasswd, which comes first", taken.Error,
            StringComparison.Ordinal);
        foreach (var (typed, account) in new[] { ("jgross@example.org", "JGross"), ("ADMIN", "admin") })
        {
            Assert.StartsWith(
                $"suspended {account};", (await OkAsync("", ["accounts", "suspend", typed, .. corp])).Output, StringComparison.Ordinal);
        }

        Assert.Equal("resumed JGross\n", (await OkAsync("", "accounts", "resume", "jgross")).Output);
        foreach (var (typed, reason) in new[]
        {
            ("amdin", "there is no account 'amdin'; did you mean 'admin'?; --force"), ("nobody", "there is no account 'nobody'"),
                ("robot:ci", "there is no robot 'ci'"), ("github:example/app", "no OIDC issuer is named 'github'"),
        })
        {
            var refused = await RunAsync(
                "", ["accounts", "suspend", typed, .. corp, "--set", $"tokenServer.policiesDirectory={directory["policies"]}"]);
            Assert.Equal(1, refused.ExitCode);
            Assert.Contains(reason, refused.Error, StringComparison.Ordinal);
            await OkAsync("", "accounts", "suspend", typed, "--force");
        }

        // A provider cannot be asked about its accounts.
        string[] provider =
        [
            "--set", "tokenServer.publicUrl=https://login.example.org", "--set", "tokenServer.portal.providers.0.name=sso",
            "--set", "tokenServer.portal.providers.0.issuer=https://sso.example.org",
            "--set", "tokenServer.portal.providers.0.clientId=authindex",
            "--set", "tokenServer.portal.providers.0.account={preferred_username}",
        ];
        Assert.StartsWith(
            "suspended sso:alice;", (await OkAsync("", ["accounts", "suspend", "sso:alice", .. provider])).Output,
            StringComparison.Ordinal);
        Assert.Equal("resumed sso:alice\n", (await OkAsync("", ["accounts", "resume", "sso:alice", .. provider])).Output);
        Assert.Contains(
            "no OIDC issuer is named 'ssoo'; did you mean 'sso'?",
            (await RunAsync("", ["accounts", "suspend", "ssoo:alice", .. provider])).Error, StringComparison.Ordinal);

        await OkAsync("", ["tokens", "create", "--account", "jgross", .. corp]);
        Assert.Contains(
            "added JGross; 1 tokens issued under this name were revoked",
            (await OkAsync("a good password\n", ["users", "add", "JGross", .. corp])).Output, StringComparison.Ordinal);
        Assert.Contains(
            "looks like a token", (await RunAsync("a good password\n", "users", "add", "aix_foo")).Error, StringComparison.Ordinal);

        Assert.Contains("did you mean 'amdin'?", (await RunAsync("", "accounts", "resume", "amdn")).Error, StringComparison.Ordinal);
        Assert.Contains(
            "there is no account 'nobodyelse'", (await RunAsync("", "tokens", "revoke", "--account", "nobodyelse")).Error,
            StringComparison.Ordinal);
        Assert.Equal("revoked 0 tokens of admin\n", (await OkAsync("", "tokens", "revoke", "--account", "Admin")).Output);

        await people.DisposeAsync();
        Assert.Contains(
            "cannot check whether there is an account 'jgross@example.org'",
            (await RunAsync("", ["accounts", "suspend", "jgross@example.org", .. corp])).Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_is_done_to_an_account_twice_is_not_done_to_another_that_is_spelled_like_it()
    {
        await OkAsync("", "init");
        var htpasswd = new TokenServerOptions { DataDirectory = directory["data"] }.HtpasswdPath;
        var line = await File.ReadAllTextAsync(htpasswd, TestContext.Current.CancellationToken);
        await File.AppendAllTextAsync(
            htpasswd, line.Replace("admin:", "Admin:", StringComparison.Ordinal), TestContext.Current.CancellationToken);
        foreach (var account in (string[])["admin", "Admin"]) await OkAsync("", "accounts", "suspend", account);
        await OkAsync("", "accounts", "resume", "admin");
        Assert.Contains("'admin' is not suspended", (await RunAsync("", "accounts", "resume", "admin")).Error, StringComparison.Ordinal);
        Assert.StartsWith("Admin  since ", (await OkAsync("", "accounts", "list")).Output, StringComparison.Ordinal);

        await OkAsync("", "accounts", "resume", "Admin");
        await OkAsync("", "tokens", "create", "--account", "Admin");
        Assert.Equal("revoked 0 tokens of admin\n", (await OkAsync("", "tokens", "revoke", "--account", "admin")).Output);
        Assert.Equal("revoked 1 tokens of Admin\n", (await OkAsync("", "tokens", "revoke", "--account", "Admin")).Output);
    }

    [Fact]
    public async Task The_doctor_of_a_directory_names_an_account_that_the_server_itself_holds_back_and_names_that_exist_twice()
    {
        await OkAsync("", "init");
        await File.WriteAllTextAsync(
            Path.Combine(directory.Folder("policies"), "p.yaml"), "version: 1\n", TestContext.Current.CancellationToken);
        await using var people = new FakeDirectory
        {
            OnSearch = s => s.Filter == "(objectClass=*)"
                ? [new FakeEntry(s.BaseDn, ("uid", ["Admin"]))]
                : s.Filter.Contains("(uid=admin)", StringComparison.OrdinalIgnoreCase)
                ? [new FakeEntry("uid=Admin,dc=org", ("uid", ["Admin"]))]
                : s.Filter.Contains("(uid=carol)", StringComparison.OrdinalIgnoreCase)
                ? [new FakeEntry("uid=Carol,dc=org", ("uid", ["Carol"]))]
                : s.Filter.Contains("(uid=twice)", StringComparison.OrdinalIgnoreCase)
                ? [new FakeEntry("uid=twice,dc=org", ("uid", ["twice"]), ("uid", ["two"]))]
                : [],
        };
        string[] DoctorOf(string user) =>
        [
            "ldap", "doctor", "--user", user, "--without-password", "--set", $"tokenServer.policiesDirectory={directory["policies"]}",
                "--set", "tokenServer.ldap.0.name=corp",
            "--set", $"tokenServer.ldap.0.servers.0={people.Url}", "--set", "tokenServer.ldap.0.anonymousSearch=true", "--set",
                "tokenServer.ldap.0.baseDn=dc=org", "--set", "tokenServer.ldap.0.groups.via=none",
        ];
        var doctor = DoctorOf("carol");
        Assert.Contains(
            "'admin' is an account of htpasswd and 'Admin' one of ldap:corp", (await OkAsync("", doctor)).Output, StringComparison.Ordinal);
        var refused = await RunAsync("", DoctorOf("admin"));
        Assert.Equal(1, refused.ExitCode);
        Assert.Contains(
            "'Admin' of ldap:corp has the same name as the account 'admin' of htpasswd, which comes first", refused.Output,
            StringComparison.Ordinal);
        var malformed = await RunAsync("", DoctorOf("twice"));
        Assert.Equal(1, malformed.ExitCode);
        Assert.Contains("sent an entry below dc=org that cannot be read", malformed.Output, StringComparison.Ordinal);

        Directory.CreateDirectory(directory["data/token-server"]);
        await using (var database = new StateDatabase(new TokenServerOptions { DataDirectory = directory["data"] }.DatabaseFile))
        {
            await new SqliteSignInHoldStore(database, TimeProvider.System).WriteAsync(
                [new HeldAccount("CAROL", DateTimeOffset.UtcNow.AddMinutes(5), "10 sign-ins have failed")]);
        }

        var told = await RunAsync("", doctor);
        Assert.Equal(1, told.ExitCode);
        Assert.Contains("10 sign-ins have failed; 'accounts unlock CAROL' releases it", told.Output, StringComparison.Ordinal);
        await OkAsync("", "accounts", "unlock", "carol");
        Assert.Contains("no problems found", (await OkAsync("", doctor)).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_policys_check_warns_of_accounts_that_nobody_has_or_has_otherwise_and_of_names_that_exist_twice()
    {
        await OkAsync("", "init");
        await File.WriteAllTextAsync(Path.Combine(directory.Folder("policies"), "p.yaml"), """
            version: 1
            groups:
              team: [user:Admin]
            rules:
              - { id: out, to: [user:jgross@example.org, user:jgross, user:frank, "user:github:example/app"], deny: [pull], on: ["uc/**"] }
              - { id: all, to: [group:team, user:admin], allow: [pull], on: ["uc/**"] }

            """, TestContext.Current.CancellationToken);
        await using var people = new FakeDirectory
        {
            OnSearch = s => s.Filter.Contains("=jgross", StringComparison.OrdinalIgnoreCase)
                ? [new FakeEntry("uid=JGross,dc=org", ("uid", ["JGross"]))]
                : s.Filter.Contains("(uid=admin)", StringComparison.OrdinalIgnoreCase)
                ? [new FakeEntry("uid=Admin,dc=org", ("uid", ["Admin"]))]
                : [],
        };
        string[] check =
        [
            "policy", "check", "--set", $"tokenServer.policiesDirectory={directory["policies"]}", "--set", "tokenServer.ldap.0.name=corp",
                "--set", $"tokenServer.ldap.0.servers.0={people.Url}",
            "--set", "tokenServer.ldap.0.anonymousSearch=true", "--set", "tokenServer.ldap.0.baseDn=dc=org", "--set",
                "tokenServer.ldap.0.userFilter=(|(uid={account})(mail={account}))",
        ];

        var told = (await OkAsync("", check)).Output;

        Assert.Contains(
            "no account is named 'jgross@example.org': signing in with it at ldap:corp gives the account 'JGross'; write 'user:JGross'",
            told, StringComparison.Ordinal);
        Assert.Contains("there is no account 'frank' (asked: htpasswd, ldap:corp)", told, StringComparison.Ordinal);
        Assert.Contains("no account is named 'Admin': htpasswd has 'admin', and letter case counts there", told, StringComparison.Ordinal);
        Assert.Contains("'admin' is an account of htpasswd and 'Admin' one of ldap:corp", told, StringComparison.Ordinal);
        Assert.Contains(", 4 warnings)", told, StringComparison.Ordinal);
        Assert.DoesNotContain("$2y$", told, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Local_accounts_that_differ_in_case_only_are_told_when_added_and_by_the_policys_check_and_the_directorys_doctor()
    {
        const string alike = "differs only in letter case or spaces from";
        await OkAsync("", "init");
        await File.WriteAllTextAsync(
            Path.Combine(directory.Folder("policies"), "p.yaml"), "version: 1\n", TestContext.Current.CancellationToken);
        await using var people =
            new FakeDirectory { OnSearch = s => s.Filter == "(objectClass=*)" ? [new FakeEntry(s.BaseDn, ("uid", ["eve"]))] : [] };
        string[] settings =
        [
            "--set", $"tokenServer.policiesDirectory={directory["policies"]}", "--set", "tokenServer.ldap.0.name=corp", "--set",
                $"tokenServer.ldap.0.servers.0={people.Url}",
            "--set", "tokenServer.ldap.0.anonymousSearch=true", "--set", "tokenServer.ldap.0.baseDn=dc=org", "--set",
                "tokenServer.ldap.0.groups.via=none",
        ];
        Assert.DoesNotContain(alike, (await OkAsync("", ["policy", "check", .. settings])).Output, StringComparison.Ordinal);
        Assert.Contains(
            $"warning: 'Admin' {alike} the account 'admin'", (await OkAsync("a long password\n", "users", "add", "Admin")).Error,
            StringComparison.Ordinal);
        var told = (await OkAsync("", ["policy", "check", .. settings])).Output;
        Assert.Contains($"the account 'admin' {alike} 'Admin'", told, StringComparison.Ordinal);
        Assert.DoesNotContain("$2y$", told, StringComparison.Ordinal);
        Assert.Contains(
            $"the account 'admin' {alike} 'Admin'", (await OkAsync("", ["ldap", "doctor", .. settings])).Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_suspension_in_a_folder_that_is_no_servers_is_refused()
    {
        var result = await RunAsync("", "accounts", "suspend", "alice");
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("contains no token server data", result.Error, StringComparison.Ordinal);
        Assert.False(Directory.Exists(directory["data"]));
    }

    [Fact]
    public async Task Editors_at_the_same_time_lose_nobodys_account()
    {
        await OkAsync("", "init");
        await Task.WhenAll(Enumerable.Range(0, 4).Select(i => OkAsync($"password {i}\n", "users", "add", $"user{i}")));
        var lines = await File.ReadAllLinesAsync(Htpasswd, TestContext.Current.CancellationToken);
        Assert.Equal(["admin", "user0", "user1", "user2", "user3"], lines.Select(l => l.Split(':')[0]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task An_account_that_gets_no_namespace_is_warned_about()
    {
        await OkAsync("", "init");
        Assert.Contains("warning: 'Bob'", (await OkAsync("pw\n", "users", "add", "Bob")).Error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x", true)]
    [InlineData("seven 7", true)]
    [InlineData("eight  8", false)]
    public async Task A_password_that_is_easily_guessed_is_taken_with_a_warning(string password, bool isWarned)
    {
        await OkAsync("", "init");
        Assert.Equal(
            isWarned, (await OkAsync(password + "\n", "users", "add", "bob")).Error.Contains(
                "warning: the password has fewer than 8 characters", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("keys", "run init")]
    [InlineData("htpasswd", "run init")]
    [InlineData("registry-credential", "run init")]
    [InlineData("../policies", "policies")]
    public async Task A_server_without_what_it_needs_does_not_start_and_says_what_is_missing(string missing, string message)
    {
        await PrepareAsync();
        var path = directory["data/" + missing];
        if (Directory.Exists(path)) Directory.Delete(path, recursive: true);
        else File.Delete(path);

        var result = await RunAsync("", ServeArguments());
        Assert.Equal(1, result.ExitCode);
        var error = Assert.Single(result.Error.Split('\n'), line => line.StartsWith("error: ", StringComparison.Ordinal));
        Assert.Contains(message, error, StringComparison.Ordinal);
        Assert.DoesNotContain("   at ", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_credential_that_others_can_read_keeps_the_server_from_starting()
    {
        await PrepareAsync();
        File.SetUnixFileMode(
            directory["data/registry-credential"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.OtherRead);
        var result = await RunAsync("", ServeArguments());
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("chmod 600", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_says_when_it_is_ready_and_ends_well_when_told_to()
    {
        await PrepareAsync();
        await using var server = ChildProcess.Start(Program, [.. ServeArguments(), "--data", directory["data"]]);
        using var watcher = new FileSystemWatcher(directory.Root) { EnableRaisingEvents = true };
        var url = await ReadyAsync(watcher, server);
        using var client = new HttpClient { BaseAddress = new Uri(url) };
        Assert.Contains(
            "\"token\"", await client.GetStringAsync("/token", TestContext.Current.CancellationToken), StringComparison.Ordinal);
        server.Terminate();
        Assert.Equal(0, (await server.ExitAsync(TimeSpan.FromMinutes(1))).ExitCode);
    }

    public void Dispose() => directory.Dispose();

    private async Task<string> ReadyAsync(FileSystemWatcher watcher, ChildProcess server)
    {
        var ready = new TaskCompletionSource();
        watcher.Renamed += (_, change) =>
        {
            if (change.Name == "ready") ready.TrySetResult();
        };
        if (!File.Exists(directory["ready"])) await Task.WhenAny(ready.Task, server.ExitAsync(TimeSpan.FromMinutes(1)));
        return (await File.ReadAllTextAsync(directory["ready"])).Trim();
    }

    private async Task PrepareAsync()
    {
        await OkAsync("", "init");
        await File.WriteAllTextAsync(
            Path.Combine(directory.Folder("policies"), "policy.yaml"), TokenServerHost.Policy, TestContext.Current.CancellationToken);
    }

    private string[] ServeArguments() =>
        ["serve", "--set", "tokenServer.listen=127.0.0.1:0", "--set", $"tokenServer.policiesDirectory={directory["policies"]}",
            "--ready-file", directory["ready"]];

    private async Task<ProcessResult> OkAsync(string input, params string[] arguments)
    {
        var result = await RunAsync(input, arguments);
        Assert.True(result.ExitCode == 0, result.ToString());
        return result;
    }

    private Task<ProcessResult> RunAsync(string input, params string[] arguments) =>
        ChildProcess.RunAsync(Program, [.. arguments, "--data", directory["data"]], input: input);
}
