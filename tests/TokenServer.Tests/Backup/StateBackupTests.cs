using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Backup;
using AuthIndex.TokenServer.Commands;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.State;
using Dapper;

namespace AuthIndex.TokenServer.Tests.Backup;

/// <summary>The server's state is saved while it serves, and put back whole or not at all.</summary>
public sealed class StateBackupTests : IDisposable
{
    private const UnixFileMode ForOwner = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private static readonly CancellationToken None = CancellationToken.None;

    private readonly TemporaryDirectory folder = new();
    private readonly FakeTimeProvider clock = new(TokenServerHost.Start);

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task What_a_serving_server_knows_is_there_after_a_restore_with_the_modes_it_had()
    {
        await using var server = await TokenServerHost.StartAsync();
        await RecordPullAsync(server, 1);
        File.SetUnixFileMode(server.HtpasswdPath, ForOwner | UnixFileMode.GroupRead);

        var content = new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        await RecordPullAsync(server, 2);

        var restored = Elsewhere(server.Options);
        Assert.Equal(content.MadeAt, new StateRestore(restored).Run(folder["backup"], withKeys: true).MadeAt);
        Assert.Equal(ForOwner | UnixFileMode.GroupRead, File.GetUnixFileMode(restored.HtpasswdPath));
        Assert.Equal(await File.ReadAllBytesAsync(server.HtpasswdPath, None), await File.ReadAllBytesAsync(restored.HtpasswdPath, None));
        Assert.Equal(
            await File.ReadAllBytesAsync(server.Options.CredentialPath, None), await File.ReadAllBytesAsync(restored.CredentialPath, None));
        Assert.Equal(KeyDirectory.Load(server.Options.KeysPath)[0].Key.Id, KeyDirectory.Load(restored.KeysPath)[0].Key.Id);
        Assert.Equal(ForOwner, File.GetUnixFileMode(KeyDirectory.List(restored.KeysPath)[0]));
        Assert.Equal(UnixFileMode.None, File.GetUnixFileMode(restored.KeysPath) & ~(ForOwner | UnixFileMode.UserExecute));
        Assert.False(File.Exists(restored.ProcessIdPath));
        Assert.False(Directory.Exists(restored.PoliciesDirectory));
        await using var database = new StateDatabase(restored.DatabaseFile);
        Assert.Equal([1], database.Read(db => db.Query<long>("SELECT pulled_at FROM pulls")));
        Assert.Empty(Directory.EnumerateFiles(restored.DataDirectory, "*.tmp", SearchOption.AllDirectories));
        Assert.False(RestoreMarker.IsIn(restored.DataDirectory));
    }

    [Fact]
    public async Task A_backup_is_for_its_owner_alone_and_holds_the_policies_but_neither_locks_nor_the_audit_log()
    {
        await using var server = await TokenServerHost.StartAsync();
        (await server.GetAsync("/token?service=registry", "admin", TokenServerHost.AdminPassword)).Dispose();
        await Eventually.TrueAsync(
            () => File.Exists(server.Options.AuditPath) && new FileInfo(server.Options.AuditPath).Length > 0, TimeSpan.FromSeconds(20),
            () => "no audit log");
        await File.AppendAllTextAsync(server.Options.AuditPath, "half a li", None);

        var content = new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        Assert.Equal(
            [
                "data/htpasswd", $"data/keys/{Path.GetFileName(KeyDirectory.List(server.Options.KeysPath)[0])}", "data/registry-credential",
                "data/token-server/index.db", "policies/policy.yaml",
            ],
            content.Files.Select(f => f.Path).Order(StringComparer.Ordinal));
        Assert.All(
            Directory.EnumerateFiles(folder["backup"], "*", SearchOption.AllDirectories),
            f => Assert.Equal(ForOwner, File.GetUnixFileMode(f)));
        Assert.All(
            Directory.EnumerateDirectories(folder["backup"], "*", SearchOption.AllDirectories).Append(folder["backup"]),
            d => Assert.Equal(ForOwner | UnixFileMode.UserExecute, File.GetUnixFileMode(d)));

        var withLog = new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: true);
        var log = await File.ReadAllTextAsync(Path.Combine(folder["backup"], withLog.State, "data/token-server/audit.jsonl"), None);
        Assert.EndsWith("}\n", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_newer_backup_takes_the_place_of_the_older_and_of_what_an_interrupted_one_left()
    {
        await using var server = await TokenServerHost.StartAsync();
        var backup = new StateBackup(server.Options, clock);
        var first = backup.Run(folder["backup"], withAuditLog: false);
        await File.AppendAllTextAsync(server.HtpasswdPath, "# a comment\n", None);
        Directory.CreateDirectory(Path.Combine(folder["backup"], "state-interrupted", "data"));
        Assert.Equal(first.State, BackupFolder.Read(folder["backup"])!.State);

        var second = backup.Run(folder["backup"], withAuditLog: false);
        Assert.NotEqual(first.State, second.State);
        Assert.Equal([second.State], Directory.GetDirectories(folder["backup"]).Select(d => Path.GetFileName(d)));
        var restored = Elsewhere(server.Options);
        new StateRestore(restored).Run(folder["backup"], withKeys: true);
        Assert.EndsWith("# a comment\n", await File.ReadAllTextAsync(restored.HtpasswdPath, None), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Accounts_that_change_while_they_are_copied_are_copied_as_they_were_at_one_moment()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var enough = new CancellationTokenSource();
        string[] states = [TokenServerHost.Accounts, TokenServerHost.Accounts + new string('#', 300_000) + "\n"];
        var editing = Task.Run(() =>
        {
            for (var i = 0; !enough.IsCancellationRequested; i++)
            {
                Hosting.Files.DurableFile.Replace(server.HtpasswdPath, System.Text.Encoding.ASCII.GetBytes(states[i % 2]));
            }
        }, None);
        try
        {
            for (var i = 0; i < 20; i++)
            {
                var content = new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
                Assert.Contains(await File.ReadAllTextAsync(Path.Combine(folder["backup"], content.State, "data/htpasswd"), None), states);
            }
        }
        finally
        {
            await enough.CancelAsync();
            await editing;
        }
    }

    [Fact]
    public async Task Keys_and_accounts_that_lie_elsewhere_are_saved_and_go_back_there()
    {
        await using var server = await TokenServerHost.StartAsync(o =>
        {
            Directory.Move(o.KeysPath, folder["my-keys"]);
            File.Move(o.HtpasswdPath, folder["people"]);
            (o.KeysDirectory, o.HtpasswdFile) = (folder["my-keys"], folder["people"]);
        });
        var content = new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        Assert.Contains("htpasswd", content.Files.Select(f => f.Path));

        var restored = Elsewhere(server.Options);
        (restored.KeysDirectory, restored.HtpasswdFile) = (folder["other/keys"], folder["other/people"]);
        new StateRestore(restored).Run(folder["backup"], withKeys: true);
        Assert.Equal(KeyDirectory.Load(folder["my-keys"])[0].Key.Id, KeyDirectory.Load(folder["other/keys"])[0].Key.Id);
        Assert.Equal(TokenServerHost.Accounts, await File.ReadAllTextAsync(folder["other/people"], None));

        (restored = Elsewhere(server.Options, "third")).HtpasswdFile = folder["people"];
        await File.AppendAllTextAsync(folder["people"], "# changed\n", None);
        Assert.Contains(
            "never replaces",
            Assert.Throws<OperatorException>(() => new StateRestore(restored).Run(folder["backup"], withKeys: true)).Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_the_keys_init_makes_new_ones_and_the_rest_is_as_it_was()
    {
        await using var server = await TokenServerHost.StartAsync();
        new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        var restored = Elsewhere(server.Options);
        new StateRestore(restored).Run(folder["backup"], withKeys: false);
        Assert.Empty(KeyDirectory.List(restored.KeysPath));

        await new Initialization(restored, clock).RunAsync(null, TextWriter.Null, None);
        Assert.NotEqual(KeyDirectory.Load(server.Options.KeysPath)[0].Key.Id, KeyDirectory.Load(restored.KeysPath)[0].Key.Id);
        Assert.Equal(TokenServerHost.Accounts, await File.ReadAllTextAsync(restored.HtpasswdPath, None));
    }

    [Fact]
    public async Task An_interrupted_restore_keeps_servers_away_and_goes_on_where_it_was()
    {
        await using var server = await TokenServerHost.StartAsync();
        new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        var restored = Elsewhere(server.Options);
        new StateRestore(restored).Run(folder["backup"], withKeys: true);

        // As a crash leaves it: the note, a part of the files, and half of one.
        RestoreMarker.Write(restored.DataDirectory);
        File.Delete(restored.DatabaseFile);
        File.Move(restored.HtpasswdPath, restored.HtpasswdPath + ".tmp");
        foreach (var begin in (Action[])[
            () => TokenServerApp.Create(restored, clock),
                () => new Initialization(restored, clock).RunAsync(null, TextWriter.Null, None).GetAwaiter().GetResult(),
                    () => new StateBackup(restored, clock).Run(folder["of-half"], false)])
        {
            Assert.Contains("is not finished", Assert.Throws<OperatorException>(begin).Message, StringComparison.Ordinal);
        }

        new StateRestore(restored).Run(folder["backup"], withKeys: true);
        Assert.True(File.Exists(restored.DatabaseFile));
        Assert.True(File.Exists(restored.HtpasswdPath));
        Assert.Empty(Directory.EnumerateFiles(restored.DataDirectory, "*.tmp", SearchOption.AllDirectories));
        new StateRestore(restored).Run(folder["backup"], withKeys: true); // and once more changes nothing
    }

    [Fact]
    public async Task Nothing_is_made_up_while_a_restore_of_the_registry_is_not_finished()
    {
        await using var server = await TokenServerHost.StartAsync();
        var restored = Elsewhere(server.Options);
        Directory.CreateDirectory(Path.Combine(restored.DataDirectory, "registry"));
        var note = Path.Combine(restored.DataDirectory, "registry", "restoring");
        await File.WriteAllTextAsync(note, "", None);

        Assert.Contains(
            "is not finished",
            (await Assert.ThrowsAsync<OperatorException>(
                () => new Initialization(restored, clock).RunAsync(null, TextWriter.Null, None))).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(restored.KeysPath));
        File.Delete(note);
        await new Initialization(restored, clock).RunAsync(null, TextWriter.Null, None);
    }

    [Fact]
    public async Task A_restore_replaces_nothing_and_needs_the_server_stopped()
    {
        await using var server = await TokenServerHost.StartAsync();
        new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        Assert.Contains(
            "in use", Assert.Throws<OperatorException>(
                () => new StateRestore(server.Options).Run(folder["backup"], withKeys: true)).Message, StringComparison.Ordinal);

        var other = Elsewhere(server.Options);
        Directory.CreateDirectory(other.DataDirectory);
        await File.WriteAllTextAsync(other.HtpasswdPath, "somebody:else\n", None);
        Assert.Contains(
            "never replaces", Assert.Throws<OperatorException>(() => new StateRestore(other).Run(folder["backup"], withKeys: true)).Message,
            StringComparison.Ordinal);
        Assert.Equal("somebody:else\n", await File.ReadAllTextAsync(other.HtpasswdPath, None));
        Assert.False(Directory.Exists(other.KeysPath));

        var beside = Elsewhere(server.Options, "beside"); // the registry's part is restored by the registry, before or after
        Directory.CreateDirectory(Path.Combine(beside.DataDirectory, "registry"));
        await File.WriteAllTextAsync(Path.Combine(beside.DataDirectory, "registry", "registry.db"), "", None);
        new StateRestore(beside).Run(folder["backup"], withKeys: true);
    }

    [Theory]
    [InlineData("changed")]
    [InlineData("missing")]
    [InlineData("database changed")]
    public async Task A_damaged_backup_is_named_and_nothing_of_it_restored(string damage)
    {
        await using var server = await TokenServerHost.StartAsync();
        var content = new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        var file = Path.Combine(
            folder["backup"], content.State, damage.StartsWith("database", StringComparison.Ordinal)
            ? "data/token-server/index.db"
            : "data/htpasswd");
        if (damage == "missing") File.Delete(file);
        else await File.AppendAllTextAsync(file, "x", None);

        var restored = Elsewhere(server.Options);
        var refused = Assert.Throws<OperatorException>(() => new StateRestore(restored).Run(folder["backup"], withKeys: true));
        Assert.Contains(file, refused.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(restored.DataDirectory));
    }

    [Theory]
    [InlineData("data/htpasswd", "data/../../escaped")]
    [InlineData("data/htpasswd", "/etc/escaped")]
    [InlineData("data/htpasswd", "elsewhere/x")]
    [InlineData("\"600\"", "\"66666\"")]
    [InlineData("\"format\": 1", "\"format\": 2")]
    [InlineData("\"state\": \"state-", "\"state\": \"../state-")]
    [InlineData("{", "")]
    public async Task A_list_of_files_that_was_edited_leads_nowhere(string from, string to)
    {
        await using var server = await TokenServerHost.StartAsync();
        new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        var list = Path.Combine(folder["backup"], "backup.json");
        await File.WriteAllTextAsync(list, (await File.ReadAllTextAsync(list, None)).Replace(from, to, StringComparison.Ordinal), None);

        var refused = Assert.Throws<OperatorException>(
            () => new StateRestore(Elsewhere(server.Options)).Run(folder["backup"], withKeys: true));
        Assert.Contains("backup.json is damaged", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_restore_gives_no_file_the_rights_of_its_owner_to_whoever_runs_it()
    {
        await using var server = await TokenServerHost.StartAsync();
        new StateBackup(server.Options, clock).Run(folder["backup"], withAuditLog: false);
        var list = Path.Combine(folder["backup"], "backup.json");
        await File.WriteAllTextAsync(
            list, (await File.ReadAllTextAsync(list, None)).Replace("\"600\"", "\"7640\"", StringComparison.Ordinal), None);

        var restored = Elsewhere(server.Options);
        new StateRestore(restored).Run(folder["backup"], withKeys: true);
        Assert.Equal(ForOwner | UnixFileMode.GroupRead, File.GetUnixFileMode(restored.HtpasswdPath));
    }

    [Fact]
    public async Task A_place_that_is_none_for_a_backup_is_refused()
    {
        await using var server = await TokenServerHost.StartAsync();
        var backup = new StateBackup(server.Options, clock);
        Assert.Contains(
            "is in the data directory", Refusal(Path.Combine(server.Options.DataDirectory, "backup")), StringComparison.Ordinal);
        await File.WriteAllTextAsync(Path.Combine(folder.Folder("full"), "file"), "", None);
        Assert.Contains("is not empty and does not contain a token server backup", Refusal(folder["full"]), StringComparison.Ordinal);
        Assert.Contains(
            "does not contain a finished token server backup",
            Assert.Throws<OperatorException>(() => new StateRestore(Elsewhere(server.Options)).Run(folder["full"], withKeys: true)).Message,
            StringComparison.Ordinal);
        Assert.Contains(
            "there is no token server",
            Assert.Throws<OperatorException>(() => new StateBackup(Elsewhere(server.Options), clock).Run(folder["backup"], false)).Message,
            StringComparison.Ordinal);

        string Refusal(string target) => Assert.Throws<OperatorException>(() => backup.Run(target, withAuditLog: false)).Message;
    }

    private TokenServerOptions Elsewhere(TokenServerOptions options, string name = "restored") =>
        new() { DataDirectory = folder[name], PoliciesDirectory = folder[$"{name}-policies"], Listen = options.Listen };

    private static Task<int> RecordPullAsync(TokenServerHost server, long time) => server.Service<StateDatabase>().WriteAsync(db =>
        db.Execute(
            "INSERT INTO pulls VALUES ('registry', 'team/app', 'sha256:x', @time) ON CONFLICT DO UPDATE SET pulled_at = @time",
            new { time }));
}
