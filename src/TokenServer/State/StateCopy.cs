using System.Data;
using System.Reflection;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.State.Postgres;
using Dapper;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AuthIndex.TokenServer.State;

/// <summary>
/// Copies the server's state from the SQLite file to the PostgreSQL database of the configuration, or back: grants, revocations,
/// suspensions, sessions, people of OpenID Connect providers and the times of pulls. The rest of the catalog comes again from the
/// registries. All or nothing: what was copied is compared before the commit.
/// </summary>
internal sealed class StateCopy(TokenServerOptions options, TimeProvider time)
{
    // Revocations come before sessions, which the end of an account ends.
    private static readonly Table[] Tables =
    [
        new("revocations", ["sequence", "kind", "value", "issued_before", "expires"], Key: "sequence"),
        new(
            "grants",
            [
                "id", "kind", "hash", "account", "name", "service", "client", "created_at", "expires_at", "used_at", "used_from",
                "repositories", "actions", "addresses", "given_from", "source", "entry_id", "password_set",
            ],
            Key: "id"),
        new("suspensions", ["account", "since", "by", "reason"], Key: "account"),
        new(
            "sessions",
            ["hash", "id", "account", "source", "entry_id", "password_set", "created_at", "used_at", "address"],
            Key: "hash"),
        new("people", ["account", "provider", "subject", "member_of", "signed_in_at"], Key: "account"),
        new("pulls", ["service", "repository", "digest", "pulled_at"], Key: "service, repository, digest"),
    ];

    /// <summary>The command that moves the state, which texts name.</summary>
    public const string Command = "state";

    /// <summary>
    /// Copies into PostgreSQL. Just before that is committed, the file notes that the state was moved, and no server uses it any more.
    /// </summary>
    /// <returns>How many rows of each table were copied.</returns>
    /// <exception cref="OperatorException">
    /// One of the two cannot be used, a server still uses one, the database has state already, or the state was moved elsewhere.
    /// </exception>
    public async Task<IReadOnlyList<(string Table, int Rows)>> ToPostgresAsync()
    {
        var connection = Connection();
        DemandFile();
        using var held = DataDirectory.Hold(options.StatePath);
        await using var shared = Shared(connection);
        return await AnsweredAsync(connection, async () =>
        {
            var here = StateDatabase.NameOf(options.DatabaseFile);
            await shared.DemandCopyTargetAsync(Scripts, PostgresState.SchemaFolder);
            await using var file = new StateDatabase(options.DatabaseFile, mayBeMoved: true);
            if (file.Read(db => db.QuerySingleOrDefault<Move>(Move.FindUnfinished)) is not null)
            {
                throw new OperatorException(
                    $"{options.DatabaseFile} is an unfinished copy itself: finish it with '{Command} copy --to sqlite'");
            }

            var moved = file.Read(db => db.QuerySingleOrDefault<Move>(Move.FindAway));
            if (moved is not null && moved.Place != shared.Name) throw moved.Refusal(here, Command);
            await shared.MigrateAsync(Scripts, PostgresState.SchemaFolder);
            return await shared.WriteAsync(
                async db =>
                {
                    await PostgresDatabase.DemandUnusedAsync(db, PostgresDatabase.TokenServer);
                    var copied = new List<(string, int)>();
                    foreach (var table in Tables)
                    {
                        if (await db.ExecuteScalarAsync<bool>(table.Exists))
                        {
                            throw moved?.MovedAlready(here, Command) ?? NotEmpty("the database", table);
                        }

                        var rows = file.Read(sqlite => Read(sqlite.ExecuteReader(table.Select)));
                        await ImportAsync(db, table, rows);
                        Compare(table, rows, await ReadAsync(db, table));
                        copied.Add((table.Name, rows.Count));
                    }

                    await db.ExecuteAsync(
                        "UPDATE revocation_count SET last = greatest(last, (SELECT coalesce(max(sequence), 0) FROM revocations))");
                    await file.WriteWithReserveAsync(sqlite => sqlite.Execute(Move.Note, new Move(Move.Away, shared.Name, Now)));
                    return copied;
                },
                PostgresLock.Revocation,
                isLong: true);
        });
    }

    /// <summary>
    /// Copies back into a SQLite file, which is created and used by no server until the database has noted that the state was moved.
    /// </summary>
    /// <returns>How many rows of each table were copied.</returns>
    /// <exception cref="OperatorException">
    /// One of the two cannot be used, a server uses the data directory or the database, the file has state already, or the state was moved
    /// elsewhere.
    /// </exception>
    public async Task<IReadOnlyList<(string Table, int Rows)>> ToSqliteAsync()
    {
        var connection = Connection();
        using var held = DataDirectory.Hold(options.StatePath);
        await using var shared = Shared(connection);
        return await AnsweredAsync(connection, async () =>
        {
            if (await shared.FindVersionAsync() == 0) throw new OperatorException($"nothing to copy: {shared.Name} has no state");
            await shared.ReadAsync(async db =>
            {
                await PostgresDatabase.DemandUnusedAsync(db, PostgresDatabase.TokenServer);
                return true;
            });
            await shared.MigrateAsync(Scripts, PostgresState.SchemaFolder);
            var moved = await shared.ReadAsync(db => db.QuerySingleOrDefaultAsync<Move>(Move.FindAway));
            var source = PostgresState.NameOf(shared);
            if (moved is not null && !FileOwnership.Exists(options.DatabaseFile)) throw moved.Refusal(source, Command);
            await using var file = new StateDatabase(options.DatabaseFile, mayBeMoved: true);
            var copied = await shared.WriteAsync(db => ToFileAsync(db, source, file), PostgresLock.Revocation, isLong: true);
            await file.WriteAsync(db => db.Execute(Move.ForgetUnfinished));
            return copied;
        });
    }

    /// <summary>Allows servers to use a state again that was moved away, at the place that the configuration names.</summary>
    /// <returns>What was done, for people.</returns>
    /// <exception cref="OperatorException">It was not moved away, or cannot be opened.</exception>
    public async Task<string> ReopenAsync()
    {
        if (options.Database.ConnectionFile is { } connection)
        {
            await using var shared = Shared(connection);
            var away = await AnsweredAsync(connection, async () =>
            {
                await shared.MigrateAsync(Scripts, PostgresState.SchemaFolder);
                return await shared.WriteAsync(async db =>
                {
                    var found = await db.QuerySingleOrDefaultAsync<Move>(Move.FindAway);
                    await db.ExecuteAsync(Move.ForgetAway);
                    return found;
                });
            });
            return Reopened(PostgresState.NameOf(shared), away);
        }

        DemandFile();
        using var held = DataDirectory.Hold(options.StatePath);
        await using var file = new StateDatabase(options.DatabaseFile, mayBeMoved: true);
        var moved = file.Read(db => db.QuerySingleOrDefault<Move>(Move.FindAway));
        await file.WriteWithReserveAsync(db => db.Execute(Move.ForgetAway));
        return Reopened(StateDatabase.NameOf(options.DatabaseFile), moved);
    }

    private void DemandFile()
    {
        if (!FileOwnership.Exists(options.DatabaseFile))
        {
            throw new OperatorException($"there is no state: {options.DatabaseFile} is missing; name the data directory with --data");
        }
    }

    private static string Reopened(string here, Move? moved) => moved is null
        ? throw new OperatorException($"{here} was not moved away: there is nothing to reopen")
        : $"{moved.Describe(here)} and can be used again: start no server at the other place any more";

    private static Assembly Scripts => typeof(PostgresState).Assembly;

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    private static PostgresDatabase Shared(string connection) => PostgresDatabase.Create(
        DatabaseOptions.Read(connection), PostgresDatabase.TokenServer, PostgresDatabase.CopyName(PostgresDatabase.TokenServer));

    /// <summary>
    /// Copies all rows, while nobody writes to the database, into a file that is still marked as unfinished when the database notes that
    /// the state was moved there.
    /// </summary>
    private async Task<IReadOnlyList<(string Table, int Rows)>> ToFileAsync(NpgsqlConnection db, string source, StateDatabase file)
    {
        var place = StateDatabase.NameOf(options.DatabaseFile);

        // First what a server reads that starts: one that did so before is seen, and one that comes later waits and is refused.
        await db.ExecuteAsync("LOCK TABLE moves IN ACCESS EXCLUSIVE MODE");
        await PostgresDatabase.DemandUnusedAsync(db, PostgresDatabase.TokenServer);
        var (away, unfinished) = file.Read(sqlite =>
            (sqlite.QuerySingleOrDefault<Move>(Move.FindAway), sqlite.QuerySingleOrDefault<Move>(Move.FindUnfinished)));
        if (away is not null) throw away.Refusal(place, Command);
        if (unfinished is not null && unfinished.Place != source)
        {
            throw new OperatorException($"{options.DatabaseFile} is an unfinished copy of {unfinished.Place}, and this is {source}");
        }

        if (await db.QuerySingleOrDefaultAsync<Move>(Move.FindAway) is { } moved && (moved.Place != place || unfinished is null))
        {
            throw moved.Refusal(source, Command);
        }

        var read = new List<(Table Table, List<object[]> Rows)>();
        foreach (var table in Tables) read.Add((table, await ReadAsync(db, table)));
        await file.WriteAsync(sqlite =>
        {
            sqlite.Execute(Move.Note, new Move(Move.Unfinished, source, Now));
            foreach (var (table, rows) in read)
            {
                if (unfinished is not null) sqlite.Execute($"DELETE FROM {table.Name}"); // what an earlier run has copied
                if (sqlite.ExecuteScalar<bool>(table.Exists)) throw NotEmpty(options.DatabaseFile, table);
                Insert(sqlite, table, rows);
                Compare(table, rows, Read(sqlite.ExecuteReader(table.Select)));
            }

            return true;
        });
        await db.ExecuteAsync(Move.Note, new Move(Move.Away, place, Now));
        return read.ConvertAll(t => (t.Table.Name, t.Rows.Count));
    }

    private string Connection() => options.Database.ConnectionFile
        ?? throw new OperatorException("tokenServer.database.connectionFile is not set: it names the PostgreSQL database");

    private static async Task<T> AnsweredAsync<T>(string connection, Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (DatabaseUnavailableException e)
        {
            throw new OperatorException(
                $"tokenServer.database.connectionFile ({connection}): {e.Message}; nothing was copied, run it again", e);
        }
    }

    private static OperatorException NotEmpty(string target, Table table) => new(
        $"{target} has {table.Name} already, and nothing was copied: two states cannot be merged. Name an empty one");

    private static async Task<List<object[]>> ReadAsync(NpgsqlConnection db, Table table) =>
        Read(await db.ExecuteReaderAsync(new CommandDefinition(table.Select, commandTimeout: 0)));

    private static List<object[]> Read(IDataReader reader)
    {
        using (reader)
        {
            var rows = new List<object[]>();
            while (reader.Read())
            {
                var row = new object[reader.FieldCount];
                reader.GetValues(row);

                // SQLite keeps what PostgreSQL's texts cannot hold: earlier versions took any name of a client.
                for (var i = 0; i < row.Length; i++)
                {
                    if (row[i] is string text) row[i] = text.Replace('\0', '\uFFFD');
                }

                rows.Add(row);
            }

            return rows;
        }
    }

    private static async Task ImportAsync(NpgsqlConnection db, Table table, List<object[]> rows)
    {
        await using var writer = await db.BeginBinaryImportAsync($"COPY {table.Name} ({table.Columns}) FROM STDIN (FORMAT BINARY)");
        writer.Timeout = TimeSpan.FromHours(1);
        foreach (var row in rows) await writer.WriteRowAsync(default, row);
        await writer.CompleteAsync();
    }

    private static void Insert(SqliteConnection db, Table table, List<object[]> rows)
    {
        var names = table.ColumnNames.Select((_, i) => $"@p{i}").ToList();
        foreach (var row in rows)
        {
            var values = new DynamicParameters();
            for (var i = 0; i < row.Length; i++) values.Add(names[i], row[i] is DBNull ? null : row[i]);
            db.Execute($"INSERT INTO {table.Name} ({table.Columns}) VALUES ({string.Join(", ", names)})", values);
        }
    }

    private static void Compare(Table table, List<object[]> from, List<object[]> to)
    {
        var isSame = from.Count == to.Count && from.Zip(to).All(pair => pair.First.Zip(pair.Second).All(v => IsSame(v.First, v.Second)));
        if (!isSame) throw new OperatorException($"the copy of {table.Name} differs from what was copied; nothing was kept");
    }

    private static bool IsSame(object one, object other) =>
        one is byte[] bytes ? other is byte[] others && bytes.AsSpan().SequenceEqual(others) : Equals(one, other);

    private sealed record Table(string Name, string[] ColumnNames, string Key)
    {
        public string Columns { get; } = string.Join(", ", ColumnNames);

        public string Exists { get; } = $"SELECT EXISTS (SELECT 1 FROM {Name})";

        public string Select { get; } = $"SELECT {string.Join(", ", ColumnNames)} FROM {Name} ORDER BY {Key}";
    }
}
