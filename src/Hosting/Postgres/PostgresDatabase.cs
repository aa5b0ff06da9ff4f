using System.Data;
using System.Reflection;
using System.Security.Cryptography;
using AuthIndex.Hosting.Files;
using Dapper;
using Npgsql;

namespace AuthIndex.Hosting.Postgres;

/// <summary>
/// A PostgreSQL database that several processes use at once, with a bounded number of connections and a time limit on every statement.
/// Keeps nothing in a session but prepared statements, and not even those where a pooler lies between, which may be in transaction mode.
/// What goes wrong by the database's state comes out as <see cref="DatabaseUnavailableException"/>, and the next call tries again.
/// </summary>
public sealed class PostgresDatabase : IAsyncDisposable
{
    // Sent with the first statement of each transaction: a process that hangs in the middle must not keep the others waiting.
    private static readonly string Limits =
        $"SET LOCAL statement_timeout={(int)ConnectionText.StatementTimeout.TotalMilliseconds};"
        + $"SET LOCAL idle_in_transaction_session_timeout={(int)ConnectionText.StatementTimeout.TotalMilliseconds}";

    /// <summary>The token server, whose tables have the same names as some of the registry's.</summary>
    public const string TokenServer = "token server";

    /// <summary>The registry.</summary>
    public const string Registry = "registry";

    private const string NoLimits = "SET LOCAL statement_timeout=0;SET LOCAL idle_in_transaction_session_timeout=0";

    // Whoever waits for a table keeps everybody else waiting behind: shorter than a statement may take, so that they only wait.
    private const string LockLimit = "SET LOCAL lock_timeout=2000";

    // With the time that each waits, about a minute.
    private const int LockTries = 15;

    private static readonly TimeSpan LockPause = TimeSpan.FromSeconds(2);

    // How often work is done again that the database has rolled back.
    private const int MostAgain = 3;

    private static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(100), CopiesLast = TimeSpan.FromSeconds(5);

    // Statements that a connection keeps prepared, which spares the database planning them each time.
    private const int PreparedStatements = 100;

    /// <summary>How far a writer's clock may be from the database's, where it must agree at all.</summary>
    public static readonly TimeSpan ClocksDiffer = TimeSpan.FromMinutes(1);

    private readonly NpgsqlConnectionStringBuilder connectionString;
    private readonly string program;
    private readonly TimeProvider? clock;
    private volatile NpgsqlDataSource source;
    private volatile string? problem;
    private volatile string? clockProblem;

    private PostgresDatabase(NpgsqlConnectionStringBuilder connectionString, string program, TimeProvider? clock)
    {
        (this.connectionString, this.program, this.clock) = (connectionString, program, clock);
        source = new NpgsqlDataSourceBuilder(connectionString.ConnectionString).Build();
    }

    /// <summary>Why the database did not answer when it was last asked; null when it did. Names no host and no account.</summary>
    public string? Problem => problem;

    /// <summary>The database for its operators: its name and its server's.</summary>
    public string Name
    {
        get
        {
            var port = connectionString.Port == NpgsqlConnection.DefaultPort ? "" : $":{connectionString.Port}";
            return $"the PostgreSQL database {connectionString.Database ?? connectionString.Username} on {connectionString.Host}{port}";
        }
    }

    /// <summary>Why nothing is written, by the clocks; null when they agreed at the last write.</summary>
    public string? ClockProblem => clockProblem;

    /// <summary>Names a database; nothing is asked of it yet.</summary>
    /// <param name="connection">Npgsql's connection string or a postgres:// URL.</param>
    /// <param name="program">
    /// The program, such as <see cref="TokenServer"/>: the database lists connections under this name, and the schema is this program's.
    /// </param>
    /// <param name="listedAs">Another name under which the database lists the connections; null for the program's.</param>
    /// <param name="clock">
    /// A clock whose times are written down and judged by other processes: while it differs from the database's by more than
    /// <see cref="ClocksDiffer"/>, nothing is written. Null where that does not matter.
    /// </param>
    /// <param name="connections">The most connections; null for what the connection string or the default says.</param>
    /// <exception cref="OperatorException">It is neither.</exception>
    public static PostgresDatabase Create(
        string connection, string program, string? listedAs = null, TimeProvider? clock = null, int? connections = null)
    {
        var text = ConnectionText.Read(connection, listedAs ?? $"authindex {program}");
        if (connections is { } most) (text.MinPoolSize, text.MaxPoolSize) = (0, most);
        return new PostgresDatabase(text, program, clock);
    }

    /// <summary>
    /// From now on keeps statements prepared, unless a pooler lies between: then the next one may go to another connection. A pooler is
    /// told by its answer: the process that it names as the connection's own is not the one that answers.
    /// </summary>
    /// <exception cref="DatabaseUnavailableException">The database does not answer.</exception>
    public async Task PrepareStatementsAsync()
    {
        if (await ReadAsync(async db => db.ProcessID != await db.ExecuteScalarAsync<int>("SELECT pg_backend_pid()"))) return;
        var preparing = new NpgsqlConnectionStringBuilder(connectionString.ConnectionString)
        {
            MaxAutoPrepare = PreparedStatements,
            AutoPrepareMinUsages = 2,
        };
        var before = source;
        source = new NpgsqlDataSourceBuilder(preparing.ConnectionString).Build();
        await before.DisposeAsync();
    }

    /// <summary>
    /// Brings the schema to the newest version: the embedded resources whose names hold <paramref name="folder"/> and end in
    /// <c>.NNNN_name.sql</c>, each once, in order. A database without the schema gets all in one transaction; one that may be in use gets
    /// each in its own, so that none holds a table while the next waits for another. One process at a time does it, and lets requests of
    /// running servers through between tries for a table that somebody holds. A database of the newest schema is not written to.
    /// </summary>
    /// <param name="scripts">The assembly with the scripts.</param>
    /// <param name="folder">What is in the names of the scripts, such as <c>.Postgres.Schema.</c>.</param>
    /// <param name="tries">How often a script is tried while somebody holds a table that it changes.</param>
    /// <exception cref="OperatorException">
    /// The database is of a newer version than this program knows, has another program's tables, or somebody kept holding a table.
    /// </exception>
    /// <exception cref="DatabaseUnavailableException">The database does not answer.</exception>
    public async Task MigrateAsync(Assembly scripts, string folder, int tries = LockTries)
    {
        var names = Scripts(scripts, folder);
        var newest = names.Keys.Max();
        if (await ReadAsync(VersionAsync) is var found && found.IsNamed && found.Version == newest) return;
        if (found.Version > newest) throw Newer(found.Version, newest);
        if (found.Version == 0) await ReadAsync(DemandSuitableAsync);
        for (var tried = 1; ; tried++)
        {
            try
            {
                if (await WriteAsync(StepAsync, PostgresLock.Migration, isLong: true) == newest) return;
                tried = 0;
            }
            catch (DatabaseUnavailableException e) when (IsHeld(e))
            {
                if (tried >= tries)
                {
                    throw new OperatorException(
                        $"the database's schema cannot be brought to version {newest}: something holds a lock on a table that is to be "
                        + "changed, such as pg_dump or a long transaction (pg_locks lists it). Start again when it has ended",
                        e);
                }

                await Task.Delay(LockPause);
            }
        }

        async Task<int> StepAsync(NpgsqlConnection db)
        {
            await LimitLockWaitsAsync(db);
            var (current, isNamed) = await VersionAsync(db); // another process may have been first
            if (current > newest) throw Newer(current, newest);
            if (!isNamed)
            {
                await db.ExecuteAsync(
                    $"""
                    CREATE TABLE IF NOT EXISTS schema_version (version integer NOT NULL);
                    ALTER TABLE schema_version ADD COLUMN IF NOT EXISTS program text NOT NULL DEFAULT '{TokenServer}'
                    """);
            }

            var reached = current;
            foreach (var version in names.Keys.Where(v => v > current).Order().Take(current == 0 ? int.MaxValue : 1))
            {
                using var script = new StreamReader(EmbeddedFile.Open(scripts, names[version]));
                await db.ExecuteAsync(new CommandDefinition(await script.ReadToEndAsync(), commandTimeout: 0));
                reached = version;
            }

            await db.ExecuteAsync(
                "DELETE FROM schema_version; INSERT INTO schema_version (version, program) VALUES (@reached, @program)",
                new { reached, program });
            return reached;
        }
    }

    /// <summary>
    /// From now on, in this transaction, gives up waiting for a table or row after two seconds: whoever wants it meanwhile waits behind.
    /// </summary>
    public static Task LimitLockWaitsAsync(NpgsqlConnection db) => db.ExecuteAsync(LockLimit);

    /// <summary>The version of the program's schema in the database, 0 for none. Nothing is written.</summary>
    /// <inheritdoc cref="MigrateAsync"/>
    public async Task<int> FindVersionAsync() => (await ReadAsync(VersionAsync)).Version;

    /// <summary>
    /// Refuses a database that no copy can be made in, before anything is written: it must have nothing at all, or the newest schema.
    /// </summary>
    /// <returns>Whether it has nothing at all.</returns>
    /// <inheritdoc cref="MigrateAsync"/>
    public Task<bool> DemandCopyTargetAsync(Assembly scripts, string folder) => ReadAsync(async db =>
    {
        var newest = Scripts(scripts, folder).Keys.Max();
        var (found, _) = await VersionAsync(db);
        if (found > newest) throw Newer(found, newest);
        if (found == newest) return false;
        if (found > 0)
        {
            throw new OperatorException(
                $"the database has schema version {found} of an older {program}: name an empty database. A copy that an older program has "
                + "begun is finished by that program");
        }

        await DemandSuitableAsync(db);
        var other = await db.ExecuteScalarAsync<string?>(
            """
            SELECT min(c.relname)::text FROM pg_catalog.pg_class c
            WHERE c.relnamespace = current_schema()::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
            AND NOT EXISTS (
                SELECT 1 FROM pg_catalog.pg_depend d
                WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype = 'e')
            """);
        return other is null ? true : throw new OperatorException(
            $"the database has tables of something else, such as {other}: name an empty database");
    }).AsTask();

    /// <summary>Refuses to go on while other processes use a database.</summary>
    /// <param name="db">A connection to it, listed under <see cref="CopyName"/>.</param>
    /// <param name="program">The program that they are.</param>
    /// <exception cref="OperatorException">There are some.</exception>
    public static async Task DemandUnusedAsync(NpgsqlConnection db, string program)
    {
        for (var left = CopiesLast / LookEvery; ; left--)
        {
            await db.ExecuteAsync("SELECT pg_stat_clear_snapshot()"); // or the list would be that of the transaction's first look
            var (programs, copies) = await db.QuerySingleAsync<(long, long)>(
                """
                SELECT count(*) FILTER (WHERE NOT starts_with(application_name, @copy)),
                       count(*) FILTER (WHERE starts_with(application_name, @copy))
                FROM pg_catalog.pg_stat_activity
                WHERE datname = current_database() AND starts_with(application_name, @name)
                AND application_name <> current_setting('application_name')
                """,
                new { name = $"authindex {program}", copy = CopyStart(program) });
            if (programs > 0)
            {
                throw new OperatorException(
                    $"a {program} still uses the database: stop all of them first. A pooler such as PgBouncer keeps their connections for "
                    + "a while: name the database itself in the connection file");
            }

            if (copies == 0) return;
            if (left <= 0) throw new OperatorException("another process copies this database at the moment: wait until it has finished");
            await Task.Delay(LookEvery); // the connections of a copy that was killed end with the statements that they run
        }
    }

    /// <summary>A name under which the database lists the connections of one process that copies it.</summary>
    public static string CopyName(string program) => $"{CopyStart(program)}{RandomNumberGenerator.GetHexString(8, lowercase: true)}";

    /// <summary>
    /// Runs queries, each of which sees what is committed when it begins. Where the connection turns out to be broken they are run once
    /// more on another.
    /// </summary>
    /// <exception cref="DatabaseUnavailableException">The database does not answer.</exception>
    public async ValueTask<T> ReadAsync<T>(Func<NpgsqlConnection, Task<T>> query)
    {
        try
        {
            return await AnsweredAsync(OnceMoreAsync(async () =>
            {
                await using var connection = await source.OpenConnectionAsync();
                return await query(connection);
            }));
        }
        catch (Exception e) when (DatabaseUnavailableException.Is(e))
        {
            throw Unavailable(e);
        }
        catch (Exception e) when (UnstorableTextException.Is(e))
        {
            throw new UnstorableTextException(e);
        }
    }

    /// <summary>
    /// Runs <paramref name="work"/> in a transaction and returns once it is committed. Work that throws is rolled back, and the exception
    /// comes out here; work that the database rolled back, because it stood in another's way, is done again, up to three times.
    /// </summary>
    /// <param name="work">The work; it does nothing but SQL, and may be run several times.</param>
    /// <param name="alone">What nobody else may do meanwhile, in any process; null for nothing.</param>
    /// <param name="isShared">Whether others that share it may run meanwhile, but none that wants it alone.</param>
    /// <param name="isLong">Whether it may take as long as it likes, its wait for others included.</param>
    /// <exception cref="DatabaseUnavailableException">
    /// The database does not answer, or its clock differs too much. Whether the work was committed is not known when the connection
    /// broke in the commit.
    /// </exception>
    public async Task<T> WriteAsync<T>(Func<NpgsqlConnection, Task<T>> work, long? alone = null, bool isShared = false, bool isLong = false)
    {
        try
        {
            for (var again = 0; ; again++)
            {
                try
                {
                    return await TryWriteAsync(work, alone, isShared, isLong);
                }
                catch (PostgresException e) when (again < MostAgain && DatabaseUnavailableException.IsRolledBack(e))
                {
                    // Nothing of it was done.
                }
            }
        }
        catch (Exception e) when (DatabaseUnavailableException.Is(e))
        {
            throw Unavailable(e);
        }
        catch (Exception e) when (UnstorableTextException.Is(e))
        {
            throw new UnstorableTextException(e);
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => source.DisposeAsync();

    private async Task<T> TryWriteAsync<T>(Func<NpgsqlConnection, Task<T>> work, long? alone, bool isShared, bool isLong)
    {
        var (connection, transaction) = await OnceMoreAsync(() => BeginAsync(alone, isShared, isLong)); // nothing is done yet
        await using (connection)
        await using (transaction)
        {
            var result = await work(connection);
            await transaction.CommitAsync();
            problem = null;
            return result;
        }
    }

    private async Task<(NpgsqlConnection Connection, NpgsqlTransaction Transaction)> BeginAsync(long? alone, bool isShared, bool isLong)
    {
        var connection = await source.OpenConnectionAsync();
        try
        {
            var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted);
            var sql = isLong ? NoLimits : Limits;
            var taking = alone is null ? null : $"pg_advisory_xact_lock{(isShared ? "_shared" : "")}(@alone)";
            if (clock is null)
            {
                await connection.ExecuteAsync(Command(taking is null ? sql : $"{sql};SELECT {taking}"));
            }
            else
            {
                var before = clock.GetUtcNow();
                var time = await connection.ExecuteScalarAsync<DateTime>(
                    Command($"{sql};SELECT clock_timestamp(){(taking is null ? "" : $", {taking}")}"));
                DemandClock(new DateTimeOffset(time), before, clock.GetUtcNow());
            }

            return (connection, transaction);

            CommandDefinition Command(string text) => new(text, new { alone }, commandTimeout: isLong ? 0 : null);
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    /// <summary>Refuses a database whose clock shows a time that is neither before nor after it was asked, nor anything between.</summary>
    private void DemandClock(DateTimeOffset time, DateTimeOffset before, DateTimeOffset after)
    {
        var (behind, ahead) = (before - time, time - after);
        if (behind <= ClocksDiffer && ahead <= ClocksDiffer)
        {
            clockProblem = null;
            return;
        }

        clockProblem = behind > ClocksDiffer
            ? $"this machine's clock is {behind.TotalSeconds:F0} s ahead of the database's: synchronize both"
            : $"this machine's clock is {ahead.TotalSeconds:F0} s behind the database's: synchronize both";
        throw new DatabaseUnavailableException(clockProblem);
    }

    private async Task<T> OnceMoreAsync<T>(Func<Task<T>> ask)
    {
        try
        {
            return await ask();
        }
        catch (Exception e) when (DatabaseUnavailableException.IsBroken(e))
        {
            source.Clear(); // they lay in the pool while the server was restarted
            return await ask();
        }
    }

    private async Task<T> AnsweredAsync<T>(Task<T> asking)
    {
        var answer = await asking;
        problem = null;
        return answer;
    }

    private DatabaseUnavailableException Unavailable(Exception e)
    {
        // A server that is silently gone: the other connections in the pool lead there as well.
        if (e is NpgsqlException { InnerException: TimeoutException }) source.Clear();
        problem = e is PostgresException { SqlState: var state }
            ? $"it refuses what it is asked (SQLSTATE {state})"
            : "it cannot be reached, or does not answer in time";
        return new DatabaseUnavailableException($"the database is not available: {e.Message}", e);
    }

    /// <summary>The version of the schema, 0 for none, and whether it is noted whose it is.</summary>
    /// <exception cref="OperatorException">It is another program's, or another account's that keeps it to itself.</exception>
    private async Task<(int Version, bool IsNamed)> VersionAsync(NpgsqlConnection db)
    {
        // Asked of the catalog's rows: by its name a connection may remember that there was no such table, also after a wait for a lock.
        // The information schema would leave out what this account may not see, whose name is taken all the same.
        var found = (await db.QueryAsync<(string Column, bool MayRead, string Owner)>(
            """
            SELECT a.attname::text, has_table_privilege(c.oid, 'SELECT'), pg_get_userbyid(c.relowner)::text
            FROM pg_catalog.pg_class c
            JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
            JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
            WHERE c.relname = 'schema_version' AND n.nspname = ANY(current_schemas(false))
            """)).AsList();
        if (found.Count == 0) return default;
        if (found.Find(f => !f.MayRead) is { Owner: { } other })
        {
            throw new OperatorException(
                $"the database has tables of this schema that belong to the account {other} and that this account may not read: use that "
                + "account, another database, or give each its own account with its own schema");
        }

        var columns = found.ConvertAll(f => f.Column);

        // Before programs were named there was the token server's alone.
        var isNamed = columns.Contains("program", StringComparer.Ordinal);
        var (version, owner) = await db.QueryFirstOrDefaultAsync<(int, string?)>(
            $"SELECT version, {(isNamed ? "program" : $"'{TokenServer}'")} FROM schema_version ORDER BY version DESC LIMIT 1");
        return owner is null || owner == program
            ? (version, isNamed)
            : throw new OperatorException(
                $"the database has the tables of the {owner}, whose names are also those of the {program}: use another database, or give "
                + $"each its own account with its own schema (CREATE SCHEMA …; ALTER ROLE … IN DATABASE … SET search_path = …)");
    }

    private static bool IsHeld(DatabaseUnavailableException e) => e.InnerException is PostgresException
    {
        SqlState: PostgresErrorCodes.LockNotAvailable or PostgresErrorCodes.DeadlockDetected,
    };

    private static string CopyStart(string program) => $"authindex {program} copy ";

    private static Dictionary<int, string> Scripts(Assembly scripts, string folder) =>
        scripts.GetManifestResourceNames().Where(n => n.Contains(folder, StringComparison.Ordinal))
            .ToDictionary(n => int.Parse(n.AsSpan(n.IndexOf(folder, StringComparison.Ordinal) + folder.Length, 4)), n => n);

    /// <summary>Refuses a database in which the first tables cannot be made, or could not hold every text.</summary>
    private static async Task<bool> DemandSuitableAsync(NpgsqlConnection db)
    {
        var (encoding, schema, mayCreate, account) = await db.QuerySingleAsync<(string, string?, bool?, string)>(
            """
            SELECT current_setting('server_encoding'), current_schema()::text, has_schema_privilege(current_schema(), 'CREATE'),
                current_user::text
            """);
        if (encoding != "UTF8")
        {
            throw new OperatorException(
                $"the database's encoding is {encoding}, which cannot hold every text: create it with ENCODING 'UTF8' TEMPLATE template0");
        }

        if (mayCreate != true)
        {
            throw new OperatorException(
                schema is null
                    ? $"no schema of the account {account}'s search_path exists in the database: create one, or set search_path"
                    : $"the account {account} may not create tables in the schema {schema}: GRANT CREATE ON SCHEMA {schema} TO {account}");
        }

        return true;
    }

    private static OperatorException Newer(int found, int newest) => new(
        $"the database has schema version {found}; this program knows versions up to {newest}: run the newer program, "
        + "or restore a backup made by this one");
}

/// <summary>What at most one transaction does at a time, in all processes of a database: keys of advisory locks.</summary>
public static class PostgresLock
{
    /// <summary>Held while the schema is changed: one process migrates, the others wait.</summary>
    public const long Migration = 0x4175_7468_0001;

    /// <summary>Ending what accounts were given: revocations are numbered in the order of their commits.</summary>
    public const long Revocation = 0x4175_7468_0002;

    /// <summary>Numbering and removing what a registry has still to tell the index.</summary>
    public const long Outbox = 0x4175_7468_0003;
}
