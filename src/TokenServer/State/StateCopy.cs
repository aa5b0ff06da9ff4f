using System.Data;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
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

    /// <summary>Copies into PostgreSQL.</summary>
    /// <returns>How many rows of each table were copied.</returns>
    /// <exception cref="OperatorException">
    /// One of the two cannot be used, a server still uses the file, or the database has state already.
    /// </exception>
    public async Task<IReadOnlyList<(string Table, int Rows)>> ToPostgresAsync()
    {
        var connection = Connection();
        if (!File.Exists(options.DatabaseFile)) throw new OperatorException($"nothing to copy: {options.DatabaseFile} is missing");
        using var held = DataDirectory.Hold(options.StatePath);
        await using var file = new StateDatabase(options.DatabaseFile);
        await (await StateFactory.OpenSharedAsync(connection, time)).DisposeAsync(); // brings the schema to the newest version
        await using var shared = PostgresDatabase.Create(DatabaseOptions.Read(connection), PostgresDatabase.TokenServer);
        return await AnsweredAsync(connection, () => shared.WriteAsync(
            async db =>
            {
                var copied = new List<(string, int)>();
                foreach (var table in Tables)
                {
                    if (await db.ExecuteScalarAsync<bool>(table.Exists)) throw NotEmpty("the database", table);
                    var rows = file.Read(sqlite => Read(sqlite.ExecuteReader(table.Select)));
                    await ImportAsync(db, table, rows);
                    Compare(table, rows, await ReadAsync(db, table));
                    copied.Add((table.Name, rows.Count));
                }

                await db.ExecuteAsync(
                    "UPDATE revocation_count SET last = greatest(last, (SELECT coalesce(max(sequence), 0) FROM revocations))");
                return copied;
            },
            PostgresLock.Revocation,
            isLong: true));
    }

    /// <summary>Copies back into a SQLite file, which is created.</summary>
    /// <returns>How many rows of each table were copied.</returns>
    /// <exception cref="OperatorException">
    /// One of the two cannot be used, a server uses the data directory or the database, or the file has state already.
    /// </exception>
    public async Task<IReadOnlyList<(string Table, int Rows)>> ToSqliteAsync()
    {
        var connection = Connection();
        using var held = DataDirectory.Hold(options.StatePath);
        await (await StateFactory.OpenSharedAsync(connection, time)).DisposeAsync();
        await using var shared = PostgresDatabase.Create(DatabaseOptions.Read(connection), PostgresDatabase.TokenServer);
        var tables = await AnsweredAsync(connection, () => shared.WriteAsync(
            async db =>
            {
                var read = new List<(Table Table, List<object[]> Rows)>();
                foreach (var table in Tables) read.Add((table, await ReadAsync(db, table)));
                return read;
            },
            PostgresLock.Revocation, // nothing ends meanwhile
            isLong: true));
        await using var file = new StateDatabase(options.DatabaseFile);
        return await file.WriteAsync(db =>
        {
            foreach (var (table, rows) in tables)
            {
                if (db.ExecuteScalar<bool>(table.Exists)) throw NotEmpty(options.DatabaseFile, table);
                Insert(db, table, rows);
                Compare(table, rows, Read(db.ExecuteReader(table.Select)));
            }

            return tables.ConvertAll(t => (t.Table.Name, t.Rows.Count));
        });
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
