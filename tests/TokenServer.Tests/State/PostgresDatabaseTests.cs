using System.Diagnostics;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State.Postgres;
using Dapper;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>What is PostgreSQL's alone: commits out of order, schemas, a database that goes away.</summary>
public sealed class PostgresDatabaseTests(SharedPostgres postgres)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task No_follower_of_revocations_skips_one_whose_transaction_commits_late()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var state = await PostgresState.OpenAsync(connection, TimeProvider.System);
        await using var slow = PostgresDatabase.Create(connection, "test");
        var (isIn, goOn) = (NewSource(), NewSource());
        var late = slow.WriteAsync(
            async db =>
            {
                var now = TimeProvider.System.GetUtcNow();
                await PostgresEndings.RevokeAsync(db, RevocationKind.Account, "late", now, now);
                isIn.SetResult();
                await goOn.Task;
                return 0;
            },
            PostgresLock.Revocation);
        await isIn.Task;
        var other = state.Grants.EndAllAsync("other");

        // The other one waits for it in the database: nobody can be told of the second before the first.
        await AnAdvisoryLockIsAwaitedAsync(slow);
        var page = await state.Revocations.AfterAsync(0, 10);
        Assert.Equal((0, 0), (page.Sequence, page.Items.Count));
        goOn.SetResult();
        await late;
        await other;
        Assert.Equal(
            ["late", "other"], (await state.Revocations.AfterAsync(page.Sequence, 10)).Items.Select(i => i.Value));
    }

    [Fact]
    public async Task Nobody_waits_for_the_end_of_what_does_not_exist()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var state = await PostgresState.OpenAsync(connection, TimeProvider.System);
        await using var other = PostgresDatabase.Create(connection, "test");
        await HoldingRevocationAsync(other, async () =>
        {
            Assert.Null(await state.Grants.EndAsync(TokenSecret.New(TokenKind.Refresh).Hash));
            Assert.Null(await state.Grants.EndAsync("unknown", "alice"));
        });
    }

    [Fact]
    public async Task Who_is_suspended_is_seen_while_requests_hold_all_connections()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var state = await PostgresState.OpenAsync(connection + ";Maximum Pool Size=1", TimeProvider.System);
        await using var other = PostgresDatabase.Create(connection, "test");
        Task waiting = Task.CompletedTask;
        await HoldingRevocationAsync(other, async () =>
        {
            waiting = state.Grants.EndAllAsync("alice"); // with the only connection of requests
            await AnAdvisoryLockIsAwaitedAsync(other);
            Assert.Equal(0, (await state.Revocations.LookAsync()).Revocation);
            Assert.Empty(await state.Suspensions.LookAsync());
            Assert.Equal(0, await state.Revocations.NewestOfAccountsAsync());
            Assert.Empty(await state.Revocations.AccountsAheadAsync());
            Assert.False(waiting.IsCompleted);
            Assert.Equal(HealthStatus.Ok, state.CheckHealth().Status);
        });
        await waiting;
        Assert.Equal(1, (await state.Revocations.LookAsync()).Revocation);
    }

    [Fact]
    public async Task Pages_that_wait_for_the_database_keep_no_server_from_looking_and_are_seen_in_its_readiness()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var state = await PostgresState.OpenAsync(connection, TimeProvider.System);
        await using var other = PostgresDatabase.Create(connection, "test");
        await other.WriteAsync(
            async db =>
            {
                await db.ExecuteAsync("LOCK TABLE suspensions IN ACCESS EXCLUSIVE MODE");
                var page = state.Suspensions.AllAsync().AsTask();
                await Eventually.TrueAsync(
                    async () => await other.ReadAsync(reader => reader.ExecuteScalarAsync<bool>(
                        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE relation = 'suspensions'::regclass AND NOT granted)")),
                    Patience, () => "the page does not wait");
                Assert.Equal(0, await state.Revocations.NewestOfAccountsAsync());
                Assert.False(page.IsCompleted);
                await Assert.ThrowsAsync<DatabaseUnavailableException>(() => page);
                Assert.Equal(HealthStatus.Degraded, state.CheckHealth().Status); // not failed: who looks has an answer
                return 0;
            },
            isLong: true);
        Assert.Empty(await state.Suspensions.AllAsync());
        Assert.Equal(HealthStatus.Ok, state.CheckHealth().Status);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task Statements_are_kept_prepared_unless_a_pooler_lies_between(bool isPooled)
    {
        var server = await postgres.ServerAsync();
        var port = isPooled ? (await postgres.PoolerAsync()).Port : server.Port;
        await using var database = PostgresDatabase.Create(server.ConnectionString(await server.CreateAsync(), port), "test");
        await database.PrepareStatementsAsync();
        var prepared = await database.ReadAsync(async db =>
        {
            for (var i = 0; i < 5; i++) await db.ExecuteScalarAsync<int>("SELECT 1");
            return await db.QueryAsync<string>("SELECT statement FROM pg_prepared_statements");
        });
        Assert.Equal(isPooled ? [] : ["SELECT 1"], prepared);
    }

    [Theory]
    [InlineData(600, "s ahead of the database's")]
    [InlineData(-600, "s behind the database's")]
    [InlineData(20, null)]
    [InlineData(-20, null)]
    public async Task Nothing_is_written_by_a_clock_that_differs_from_the_databases(int seconds, string? problem)
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        var clock = new FakeTimeProvider(TimeProvider.System.GetUtcNow().AddSeconds(seconds));
        await using var database = PostgresDatabase.Create(connection, "test", clock: clock);
        var writing = database.WriteAsync(db => db.ExecuteAsync("CREATE TABLE things (name text)"), PostgresLock.Revocation);
        if (problem is null)
        {
            await writing;
            return;
        }

        var refused = await Assert.ThrowsAsync<DatabaseUnavailableException>(() => writing);
        Assert.Contains(problem, refused.Message, StringComparison.Ordinal);
        Assert.False(await database.ReadAsync(db => db.ExecuteScalarAsync<bool>("SELECT to_regclass('things') IS NOT NULL")));
        Assert.Equal((null, refused.Message), (database.Problem, database.ClockProblem)); // what only reads goes on
        await using var mended = PostgresDatabase.Create(connection, "test", clock: TimeProvider.System);
        await mended.WriteAsync(db => db.ExecuteAsync("CREATE TABLE things (name text)"));
        Assert.Null(mended.ClockProblem);
    }

    [Fact]
    public async Task A_prepared_statement_survives_that_a_newer_program_changes_its_table()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var database = PostgresDatabase.Create(connection + ";Maximum Pool Size=1", "test");
        await using var newer = PostgresDatabase.Create(connection, "test");
        await database.PrepareStatementsAsync();
        await newer.WriteAsync(db => db.ExecuteAsync("CREATE TABLE things (name text); INSERT INTO things VALUES ('one')"));
        for (var i = 0; i < 5; i++) await ReadAsync();
        await newer.WriteAsync(db => db.ExecuteAsync("ALTER TABLE things ADD COLUMN size bigint"));
        Assert.Equal("one", await ReadAsync());
        await newer.WriteAsync(db => db.ExecuteAsync("ALTER TABLE things ADD COLUMN colour text"));
        Assert.Equal("one", await database.WriteAsync(db => db.QuerySingleAsync<string>("SELECT * FROM things")));

        Task<string> ReadAsync() => database.ReadAsync(db => db.QuerySingleAsync<string>("SELECT * FROM things")).AsTask();
    }

    [Fact]
    public async Task A_schema_of_a_newer_version_is_refused()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using (await PostgresState.OpenAsync(connection, TimeProvider.System))
        {
        }

        await using (var database = PostgresDatabase.Create(connection, "test"))
        {
            await database.WriteAsync(db => db.ExecuteAsync("UPDATE schema_version SET version = version + 1"));
        }

        var refused = await Assert.ThrowsAsync<OperatorException>(() => PostgresState.OpenAsync(connection, TimeProvider.System));
        Assert.Contains("run the newer program", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_schema_from_before_it_said_whose_it_is_goes_on_being_the_token_servers()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using (var state = await PostgresState.OpenAsync(connection, TimeProvider.System)) await state.Grants.EndAllAsync("alice");
        await using var database = PostgresDatabase.Create(connection, "test");
        await database.WriteAsync(db => db.ExecuteAsync("ALTER TABLE schema_version DROP COLUMN program"));
        await using (var state = await PostgresState.OpenAsync(connection, TimeProvider.System))
        {
            Assert.Equal(1, (await state.Revocations.LookAsync()).Revocation);
        }

        Assert.Equal(
            PostgresDatabase.TokenServer,
            await database.ReadAsync(db => db.ExecuteScalarAsync<string>("SELECT program FROM schema_version")));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Another_programs_tables_are_refused_and_each_may_have_a_schema_of_its_own(bool isNamed)
    {
        var server = await postgres.ServerAsync();
        var connection = await server.CreateDatabaseAsync();
        await using (await PostgresState.OpenAsync(connection, TimeProvider.System))
        {
        }

        await using var database = PostgresDatabase.Create(connection, PostgresDatabase.Registry);
        if (!isNamed) await database.WriteAsync(db => db.ExecuteAsync("ALTER TABLE schema_version DROP COLUMN program"));
        var refused = await Assert.ThrowsAsync<OperatorException>(MigrateAsync(database));
        Assert.Contains("has the tables of the token server", refused.Message, StringComparison.Ordinal);

        // An account may have a schema of its own.
        var account = isNamed ? "registry_named" : "registry_unnamed";
        await database.WriteAsync(db => db.ExecuteAsync(
            $"""
            CREATE ROLE {account} LOGIN SUPERUSER PASSWORD 'secret';
            CREATE SCHEMA other AUTHORIZATION {account};
            DO $$ BEGIN EXECUTE format('ALTER ROLE {account} IN DATABASE %I SET search_path = other', current_database()); END $$
            """));
        var own = new Npgsql.NpgsqlConnectionStringBuilder(connection) { Username = account, Password = "secret" };
        await using var apart = PostgresDatabase.Create(own.ConnectionString, PostgresDatabase.Registry);
        await MigrateAsync(apart)();
        Assert.Equal(0, await apart.ReadAsync(db => db.ExecuteScalarAsync<long>("SELECT count(*) FROM other.copies")));

        static Func<Task> MigrateAsync(PostgresDatabase database) =>
            () => database.MigrateAsync(typeof(PostgresState).Assembly, ".State.Postgres.Schema.");
    }

    [Fact]
    public async Task Without_the_extension_for_parts_of_names_searches_read_the_names_until_somebody_makes_it()
    {
        var server = await postgres.ServerAsync();
        var name = await server.CreateAsync();
        await server.QueryAsync(
            $"CREATE ROLE plain LOGIN PASSWORD 'secret'; CREATE SCHEMA plain AUTHORIZATION plain; "
            + $"ALTER ROLE plain IN DATABASE {name} SET search_path = plain", name);
        var own = new Npgsql.NpgsqlConnectionStringBuilder(server.ConnectionString(name)) { Username = "plain", Password = "secret" };
        Assert.False(await IsIndexedAsync());
        await server.QueryAsync("CREATE EXTENSION pg_trgm SCHEMA public", name);
        Assert.False(await IsIndexedAsync()); // it lies where the account does not look
        await server.QueryAsync("ALTER EXTENSION pg_trgm SET SCHEMA plain", name);
        Assert.True(await IsIndexedAsync());
        Assert.True(await IsIndexedAsync());

        async Task<bool> IsIndexedAsync()
        {
            await using var state = await PostgresState.OpenAsync(own.ConnectionString, TimeProvider.System, NullLogger.Instance);
            var pushed = new RegistryEvent
            {
                Sequence = 0, Id = "1", Kind = EventKind.ManifestPushed, Repository = "public/app", Tag = null, Digest = "sha256:1",
                MediaType = "type", Size = 2, Account = "alice", Time = 1,
            };
            await state.Catalog.TakeAsync("registry", new SnapshotReport("e", 0, IsLast: true, new EventPosition(0, ""), [pushed]));
            Assert.Equal([("public/app", "registry")], await state.Catalog.NamesAsync("app", "", "", "z", 10));
            Assert.Equal(
                await state.Catalog.NameAfterAsync("", "z", 0) is not null, await state.Catalog.FindRareAsync("app", "", 10) is [_]);
            return await state.Catalog.FindRareAsync("app", "", 10) is not null;
        }
    }

    [Theory]
    [InlineData("0A000")] // not on the list of what a hosted server allows
    [InlineData("58P01")] // its files are missing
    [InlineData("53100")] // the volume is full
    [InlineData("25006")] // a standby, or read-only
    [InlineData("55P03")] // somebody holds the table
    [InlineData("42723")] // a function of its has been there before
    [InlineData("P0001")] // a trigger of the hosting
    public async Task A_database_that_refuses_the_extension_for_parts_of_names_is_used_without_it(string state)
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var database = PostgresDatabase.Create(connection, "test");
        await database.WriteAsync(db => db.ExecuteAsync(
            $"""
            CREATE FUNCTION refuse() RETURNS event_trigger LANGUAGE plpgsql AS
                $$ BEGIN RAISE EXCEPTION 'extensions are refused' USING ERRCODE = '{state}'; END $$;
            CREATE EVENT TRIGGER refusing ON ddl_command_start WHEN TAG IN ('CREATE EXTENSION') EXECUTE FUNCTION refuse()
            """));
        using var log = new LogRecorder();
        await using var server = await PostgresState.OpenAsync(connection, TimeProvider.System, log.For<PostgresState>());
        Assert.Null(await server.Catalog.FindRareAsync("app", "", 10));
        Assert.Single(log.Lines, l => l.Contains($"{state}: extensions are refused", StringComparison.Ordinal));
        Assert.Equal(HealthStatus.Ok, server.CheckHealth().Status);
    }

    [Fact]
    public async Task Only_a_server_makes_the_index_of_parts_of_names_and_waits_for_nobody_who_holds_the_table()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var command = await PostgresState.OpenAsync(connection, TimeProvider.System);
        await using var database = PostgresDatabase.Create(connection, "test");
        Assert.False(await IsMadeAsync());
        using var log = new LogRecorder();
        await database.WriteAsync(async db =>
        {
            await db.ExecuteAsync("LOCK TABLE repositories IN ROW EXCLUSIVE MODE");
            await using var waiting = await PostgresState.OpenAsync(connection, TimeProvider.System, log.For<PostgresState>());
            return 0;
        });
        Assert.Single(log.Lines, l => l.Contains("55P03", StringComparison.Ordinal));
        Assert.False(await IsMadeAsync());
        await using var server = await PostgresState.OpenAsync(connection, TimeProvider.System, log.For<PostgresState>());
        Assert.True(await IsMadeAsync());
        Assert.Single(log.Lines);

        ValueTask<bool> IsMadeAsync() => database.ReadAsync(
            db => db.ExecuteScalarAsync<bool>("SELECT to_regclass('repositories_by_part') IS NOT NULL"));
    }

    [Fact]
    public async Task Tables_that_another_account_keeps_to_itself_are_named()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using (var owner = await PostgresState.OpenAsync(connection, TimeProvider.System))
        {
        }

        await using var database = PostgresDatabase.Create(connection, PostgresDatabase.TokenServer);
        await database.WriteAsync(db => db.ExecuteAsync(
            "CREATE ROLE stranger LOGIN PASSWORD 'secret'; GRANT ALL ON SCHEMA public TO stranger"));
        var own = new Npgsql.NpgsqlConnectionStringBuilder(connection) { Username = "stranger", Password = "secret" };
        await using var apart = PostgresDatabase.Create(own.ConnectionString, PostgresDatabase.TokenServer);
        var refused = await Assert.ThrowsAsync<OperatorException>(
            () => apart.MigrateAsync(typeof(PostgresState).Assembly, ".State.Postgres.Schema."));
        Assert.Contains("belong to the account postgres", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Of_two_transactions_that_wait_for_each_other_the_one_that_is_rolled_back_is_done_again()
    {
        await using var database = PostgresDatabase.Create(await (await postgres.ServerAsync()).CreateDatabaseAsync(), "test");
        await database.WriteAsync(db => db.ExecuteAsync("CREATE TABLE n (id int PRIMARY KEY, n int); INSERT INTO n VALUES (1, 0), (2, 0)"));
        var (both, runs) = (new[] { NewSource(), NewSource() }, 0);
        await Task.WhenAll(TurnAsync(0, 1, 2), TurnAsync(1, 2, 1));
        Assert.InRange(runs, 3, 5); // done again, it can meet the other once more
        Assert.Equal(4, await database.ReadAsync(db => db.ExecuteScalarAsync<long>("SELECT sum(n) FROM n")));

        Task TurnAsync(int self, int first, int second) => database.WriteAsync(async db =>
        {
            Interlocked.Increment(ref runs);
            await db.ExecuteAsync("UPDATE n SET n = n + 1 WHERE id = @first", new { first });
            both[self].TrySetResult();
            await both[1 - self].Task;
            return await db.ExecuteAsync("UPDATE n SET n = n + 1 WHERE id = @second", new { second });
        });
    }

    [Fact]
    public async Task Several_processes_that_start_at_once_make_one_schema()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        var states = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => PostgresState.OpenAsync(connection, TimeProvider.System)));
        foreach (var state in states)
        {
            Assert.Equal(0, (await state.Revocations.LookAsync()).Revocation);
            await state.DisposeAsync();
        }
    }

    [Fact]
    public async Task A_connection_that_breaks_before_the_commit_is_never_a_success()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var database = PostgresDatabase.Create(connection, "test");
        await database.WriteAsync(db => db.ExecuteAsync("CREATE TABLE notes (text text)"));
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => database.WriteAsync(async db =>
        {
            var process = await db.ExecuteScalarAsync<int>("INSERT INTO notes VALUES ('lost') RETURNING pg_backend_pid()");
            await database.ReadAsync(other => other.ExecuteScalarAsync<bool>("SELECT pg_terminate_backend(@process)", new { process }));
            return 0;
        }));
        Assert.NotNull(database.Problem);
        Assert.Equal(0, await database.ReadAsync(db => db.ExecuteScalarAsync<long>("SELECT count(*) FROM notes")));
        Assert.Null(database.Problem);
    }

    [Fact]
    public async Task A_transaction_that_hangs_is_ended_by_the_database_so_that_others_go_on()
    {
        var connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        await using var state = await PostgresState.OpenAsync(connection, TimeProvider.System);
        await using var hung = PostgresDatabase.Create(connection, "test");
        var (isIn, never) = (NewSource(), NewSource());
        var hanging = hung.WriteAsync(
            async _ =>
            {
                isIn.SetResult();
                await never.Task;
                return 0;
            },
            PostgresLock.Revocation);
        await isIn.Task;
        await Eventually.TrueAsync(
            async () =>
            {
                try
                {
                    return await state.Grants.EndAllAsync("alice") == 0;
                }
                catch (DatabaseUnavailableException)
                {
                    return false; // it waited for as long as a statement may
                }
            },
            Patience, () => "the lock is held for ever");
        never.SetResult();
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => hanging);
    }

    [Fact]
    public async Task A_statement_that_takes_too_long_is_given_up()
    {
        await using var database = PostgresDatabase.Create(await (await postgres.ServerAsync()).CreateDatabaseAsync(), "test");
        var time = Stopwatch.StartNew();
        await Assert.ThrowsAsync<DatabaseUnavailableException>(
            async () => await database.ReadAsync(db => db.ExecuteAsync("SELECT pg_sleep(60)")));
        Assert.InRange(time.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(20));
    }

    [Fact]
    public async Task A_database_that_comes_back_is_used_again_without_a_restart()
    {
        SharedPostgres.Require(PostgresServer.Obstacle());
        await using var server = await PostgresServer.StartAsync();
        await using var state = await PostgresState.OpenAsync(await server.CreateDatabaseAsync(), TimeProvider.System);
        await state.Grants.EndAllAsync("alice");

        // Restarted between two requests: the connections in the pool are dead, and nobody notices.
        await server.StopAsync();
        await server.StartAgainAsync();
        Assert.Equal(1, (await state.Revocations.LookAsync()).Revocation);
        await server.StopAsync();
        await server.StartAgainAsync();
        await state.Grants.EndAllAsync("bob");

        await server.StopAsync();
        await Assert.ThrowsAsync<DatabaseUnavailableException>(async () => await state.Revocations.LookAsync());
        await Assert.ThrowsAsync<DatabaseUnavailableException>(() => state.Grants.EndAllAsync("carol"));
        Assert.Equal(HealthStatus.Failed, state.CheckHealth().Status);
        await server.StartAgainAsync();
        Assert.Equal(2, (await state.Revocations.LookAsync()).Revocation);
        Assert.Equal(HealthStatus.Degraded, state.CheckHealth().Status); // what requests asked last was not answered
        await state.Grants.EndAllAsync("carol");
        Assert.Equal(HealthStatus.Ok, state.CheckHealth().Status);
    }

    [Theory]
    [InlineData("postgres://index:p%40ss@db.example.com:5433/index?sslmode=verify-full", "index", "p@ss", "db.example.com:5433")]
    [InlineData("postgresql://db1:5432,db2:5432/index?target_session_attrs=read-write", null, null, "db1:5432,db2:5432")]
    [InlineData("Host=db.example.com;Username=index;Password=p@ss\n", "index", "p@ss", "db.example.com")]
    public void A_database_is_named_by_a_URL_or_by_a_connection_string(string text, string? user, string? password, string host)
    {
        var read = ConnectionText.Read(text, "test");
        Assert.Equal((user, password, host), (read.Username, read.Password, read.Host));
        Assert.Equal((ConnectionText.DefaultConnections, 0, 5), (read.MaxPoolSize, read.MaxAutoPrepare, read.CommandTimeout));
    }

    [Theory]
    [InlineData("postgres://pooler:pool@pgpool.example.com/pool", ConnectionText.DefaultConnections)]
    [InlineData("Host=pooler;Password=pool size", ConnectionText.DefaultConnections)]
    [InlineData("Host=db;Maximum Pool Size=7", 7)]
    [InlineData("Host=db;MaxPoolSize=7", 7)]
    public void Connections_are_bounded_where_the_text_does_not_say_how_many(string text, int most) =>
        Assert.Equal(most, ConnectionText.Read(text, "test").MaxPoolSize);

    [Theory]
    [InlineData("")]
    [InlineData("secret")]
    [InlineData("mysql://secret@db/index")]
    [InlineData("postgres://user:secret@db/index?unknown=1")]
    [InlineData("Username=index;Password=secret")]
    [InlineData("Host=db;Unknown=secret")]
    public void What_names_no_database_is_refused_without_being_told(string text) => Assert.DoesNotContain(
        "secret", Assert.Throws<OperatorException>(() => ConnectionText.Read(text, "test")).ToString(), StringComparison.Ordinal);

    /// <summary>Does something while another process holds the lock of all that ends.</summary>
    private static async Task HoldingRevocationAsync(PostgresDatabase other, Func<Task> work)
    {
        var (isIn, goOn) = (NewSource(), NewSource());
        var holding = other.WriteAsync(
            async _ =>
            {
                isIn.SetResult();
                await goOn.Task;
                return 0;
            },
            PostgresLock.Revocation);
        await isIn.Task;
        try
        {
            await work();
        }
        finally
        {
            goOn.SetResult();
            await holding;
        }
    }

    private static Task AnAdvisoryLockIsAwaitedAsync(PostgresDatabase database) => Eventually.TrueAsync(
        async () => await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
            """
            SELECT EXISTS (
                SELECT 1 FROM pg_locks JOIN pg_database d ON d.oid = database
                WHERE locktype = 'advisory' AND NOT granted AND d.datname = current_database())
            """)),
        Patience, () => "nobody waits");

    private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
}
