using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Postgres;
using Dapper;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>An installation moves from SQLite to PostgreSQL and back, and loses nothing.</summary>
public sealed class StateCopyTests(SharedPostgres postgres) : IDisposable
{
    private readonly TemporaryDirectory folder = new();

    private static TimeProvider Time => TimeProvider.System;

    [Fact]
    public async Task Tokens_revocations_suspensions_and_sessions_survive_the_move_and_the_way_back()
    {
        var options = await OptionsAsync("old");
        await FillAsync(options);
        var before = await TellAsync(options, isShared: false);

        Assert.Equal(
            "1 revocations, 2 grants, 1 suspensions, 0 sessions, 0 people, 0 pulls",
            Text(await new StateCopy(options, Time).ToPostgresAsync()));
        Assert.Equal(before, await TellAsync(options, isShared: true));
        await RefusedAsync("was moved to the PostgreSQL database", () => OpenAsync(options, isShared: false));
        await RefusedAsync("the copy there can be used", new StateCopy(options, Time).ToPostgresAsync);

        // New revocations go on after those that were copied.
        await using (var shared = await StateFactory.OpenAsync(options, Time))
        {
            await shared.Grants.EndAllAsync("carol");
            Assert.Equal(2, (await shared.Revocations.LookAsync()).Revocation);
        }

        var back = await OptionsAsync("new", options.Database.ConnectionFile);
        await new StateCopy(back, Time).ToSqliteAsync();
        await RefusedAsync($"was moved to the state in {back.DatabaseFile}", () => OpenAsync(options, isShared: true));
        var elsewhere = await OptionsAsync("elsewhere", options.Database.ConnectionFile);
        await RefusedAsync("was moved to", new StateCopy(elsewhere, Time).ToSqliteAsync);
        Assert.False(File.Exists(elsewhere.DatabaseFile));

        // The documented way back.
        Assert.Contains("can be used again", await new StateCopy(options, Time).ReopenAsync(), StringComparison.Ordinal);
        Assert.Equal(await TellAsync(options, isShared: true), await TellAsync(back, isShared: false));
        options.Database.ConnectionFile = null;
        Assert.Contains("can be used again", await new StateCopy(options, Time).ReopenAsync(), StringComparison.Ordinal);
        Assert.Equal(before, await TellAsync(options, isShared: false));
        await RefusedAsync("was not moved away", new StateCopy(options, Time).ReopenAsync);
    }

    [Fact]
    public async Task Interrupted_after_one_of_both_was_marked_a_move_is_finished_by_another_run()
    {
        // To PostgreSQL: the file is marked, and the transaction was not committed.
        var options = await OptionsAsync("old");
        await FillAsync(options);
        var before = await TellAsync(options, isShared: false);
        await using var shared = PostgresDatabase.Create(
            DatabaseOptions.Read(options.Database.ConnectionFile!), PostgresDatabase.TokenServer, "test");
        await ExecuteAsync(options, Move.Note, new Move(Move.Away, shared.Name, 1));
        await RefusedAsync("run it again", () => OpenAsync(options, isShared: false));
        var other = await OptionsAsync("old.other");
        other.DataDirectory = options.DataDirectory;
        await RefusedAsync("was moved to", new StateCopy(other, Time).ToPostgresAsync);
        await new StateCopy(options, Time).ToPostgresAsync();
        Assert.Equal(before, await TellAsync(options, isShared: true));

        // To SQLite: the file is complete and still unfinished, and the database is marked or not.
        foreach (var isMarked in (bool[])[false, true])
        {
            var back = await OptionsAsync($"new-{isMarked}", options.Database.ConnectionFile);
            await new StateCopy(back, Time).ToSqliteAsync();
            await ExecuteAsync(
                back, $"{Move.Note}; DELETE FROM suspensions", new Move(Move.Unfinished, PostgresState.NameOf(shared), 1));
            if (!isMarked) await new StateCopy(options, Time).ReopenAsync();
            await RefusedAsync("is an unfinished copy of", () => OpenAsync(back, isShared: false));
            await RefusedAsync("is an unfinished copy", new StateCopy(back, Time).ToPostgresAsync);
            await new StateCopy(back, Time).ToSqliteAsync();
            Assert.Equal(before, await TellAsync(back, isShared: false));
            await RefusedAsync("was moved to", () => OpenAsync(options, isShared: true));
            await new StateCopy(options, Time).ReopenAsync();
        }
    }

    [Fact]
    public async Task Two_states_are_never_merged_and_a_failed_copy_leaves_nothing()
    {
        var options = await OptionsAsync("old");
        await FillAsync(options);
        await using (var shared = await StateFactory.OpenAsync(options, Time))
        {
            await shared.Suspensions.SuspendAsync("dave", "root", "", Time.GetUtcNow());
        }

        var refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToPostgresAsync());
        Assert.Contains("already", refused.Message, StringComparison.Ordinal);
        await using (var shared = await StateFactory.OpenAsync(options, Time)) Assert.Empty(await shared.Grants.ListAsync(null));

        refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToSqliteAsync());
        Assert.Contains("already", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("dave", await TellAsync(options, isShared: false), StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_stands_in_the_way_is_told()
    {
        var options = await OptionsAsync("old");
        var refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToPostgresAsync());
        Assert.Contains("index.db is missing", refused.Message, StringComparison.Ordinal);

        await FillAsync(options);
        using (DataDirectory.Hold(options.StatePath))
        {
            refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToPostgresAsync());
            Assert.Contains("in use by another process", refused.Message, StringComparison.Ordinal);
        }

        // A server that runs there, whatever its connection file names it.
        await using (var other = PostgresDatabase.Create(
            DatabaseOptions.Read(options.Database.ConnectionFile!) + ";Application Name=mine", PostgresDatabase.TokenServer))
        {
            await other.ReadAsync(db => db.ExecuteAsync("SELECT 1")); // and its connection stays in the pool
            await RefusedAsync("a token server still uses", new StateCopy(options, Time).ToPostgresAsync);
            var back = await OptionsAsync("back", options.Database.ConnectionFile);
            await RefusedAsync("a token server still uses", new StateCopy(back, Time).ToSqliteAsync);
        }

        // Another program's database is not written to.
        var foreign = await OptionsAsync("foreign");
        foreign.DataDirectory = options.DataDirectory;
        await using (var database = PostgresDatabase.Create(DatabaseOptions.Read(foreign.Database.ConnectionFile!), "other"))
        {
            await database.WriteAsync(db => db.ExecuteAsync("CREATE TABLE invoices (id bigint)"));
            await RefusedAsync("such as invoices", new StateCopy(foreign, Time).ToPostgresAsync);
            Assert.Equal(1, await database.ReadAsync(db => db.ExecuteScalarAsync<long>(
                "SELECT count(*) FROM pg_class WHERE relnamespace = 'public'::regnamespace")));
        }

        options.Database.ConnectionFile = null;
        refused = await Assert.ThrowsAsync<OperatorException>(() => new StateCopy(options, Time).ToPostgresAsync());
        Assert.Contains("tokenServer.database.connectionFile is not set", refused.Message, StringComparison.Ordinal);
    }

    /// <inheritdoc/>
    public void Dispose() => folder.Dispose();

    private async Task<TokenServerOptions> OptionsAsync(string name, string? connection = null)
    {
        if (connection is null)
        {
            connection = folder[$"{name}.connection"];
            await File.WriteAllTextAsync(connection, await (await postgres.ServerAsync()).CreateDatabaseAsync());
            File.SetUnixFileMode(connection, DurableFile.OwnerOnly);
        }

        return new TokenServerOptions { DataDirectory = folder[name], Database = { ConnectionFile = connection } };
    }

    private static async Task FillAsync(TokenServerOptions options)
    {
        await using var state = await OpenAsync(options, isShared: false);
        var now = Time.GetUtcNow();
        var limits = GrantLimits.Of(options);
        var factory = new GrantFactory(state.Grants, limits, Time);
        await factory.MakeAccessAsync("alice", new AccountOrigin("htpasswd", null, null), "ünï \"quoted\"", TimeSpan.FromDays(1), TokenRestriction.None);
        await factory.MakeAccessAsync("bob", new AccountOrigin("ldap:corp", "entry", "2026"), "ci", TimeSpan.FromDays(1), TokenRestriction.None);
        await state.Suspensions.SuspendAsync("mallory", "root", "a reason", now);
    }

    private static async Task<IState> OpenAsync(TokenServerOptions options, bool isShared)
    {
        var connection = options.Database.ConnectionFile;
        if (!isShared) options.Database.ConnectionFile = null;
        try
        {
            return await StateFactory.OpenAsync(options, Time);
        }
        finally
        {
            options.Database.ConnectionFile = connection;
        }
    }

    private static async Task RefusedAsync(string reason, Func<Task> work) =>
        Assert.Contains(reason, (await Assert.ThrowsAsync<OperatorException>(work)).Message, StringComparison.Ordinal);

    /// <summary>Writes into the file, as an interrupted copy leaves it.</summary>
    private static async Task ExecuteAsync(TokenServerOptions options, string sql, object values)
    {
        await using var file = new StateDatabase(options.DatabaseFile, mayBeMoved: true);
        await file.WriteAsync(db => db.Execute(sql, values));
    }

    private static async Task<string> TellAsync(TokenServerOptions options, bool isShared)
    {
        await using var state = await OpenAsync(options, isShared);
        var grants = await state.Grants.ListAsync(null);
        var revoked = await state.Revocations.AfterAsync(0, 100);
        return string.Join(
            '\n',
            [
                .. grants.OrderBy(g => g.Id, StringComparer.Ordinal).Select(g => $"{g with { Narrowing = TokenRestriction.None }}"),
                .. revoked.Items.Select(r => $"{r}"),
                .. (await state.Suspensions.AllAsync()).Select(s => $"{s}"),
            ]);
    }

    private static string Text(IReadOnlyList<(string Table, int Rows)> copied) =>
        string.Join(", ", copied.Select(c => $"{c.Rows} {c.Table}"));
}
