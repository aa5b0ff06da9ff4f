using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Npgsql;

namespace AuthIndex.TestKit;

/// <summary>
/// What the previous release knows of a program's PostgreSQL database: its schema with some rows (<c>schema.sql</c>), and the statements it
/// runs (<c>statements.sql</c>). During a rolling upgrade it goes on with the schema of the next one. Both files are renewed with each
/// release: the schema is the text of all its scripts, and the statements are what its tests run, which a <see cref="Recorder"/> writes.
/// </summary>
/// <param name="tests">The folder of both files, below <c>tests</c>.</param>
public sealed partial class PreviousRelease(string tests)
{
    private const string Between = "\n;;\n";

    private static readonly string Root = Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "tests");

    /// <summary>Makes the schema of the previous release, with its rows, in an empty database.</summary>
    public async Task CreateAsync(string connection)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await using var command = source.CreateCommand(await File.ReadAllTextAsync(Path.Combine(Root, tests, "schema.sql")));
        await command.ExecuteNonQueryAsync();
    }

    /// <summary>Every row of the tables and columns that a database of the previous release has.</summary>
    /// <param name="connection">The database to read, of either release.</param>
    /// <param name="previous">A database of the previous release.</param>
    public static async Task<string> RowsAsync(string connection, string previous)
    {
        await using var old = NpgsqlDataSource.Create(previous);
        await using var source = NpgsqlDataSource.Create(connection);
        var rows = new List<string>();
        foreach (var columns in (await ReadAsync(old, Columns)).Where(c => c[0] != "schema_version").GroupBy(c => c[0], StringComparer.Ordinal))
        {
            var names = string.Join(", ", columns.Select(c => $"t.{c[1]}"));
            rows.AddRange((await ReadAsync(source, $"SELECT ROW({names})::text FROM {columns.Key} t ORDER BY 1"))
                .Select(r => $"{columns.Key} {r[0]}"));
        }

        return string.Join('\n', rows);
    }

    /// <summary>What of the previous release does not work on the newest schema; empty when all does.</summary>
    /// <param name="previous">A database of the previous release.</param>
    /// <param name="newest">One of the newest schema.</param>
    public async Task<IReadOnlyList<string>> ProblemsAsync(string previous, string newest)
    {
        await using var old = NpgsqlDataSource.Create(previous);
        await using var current = NpgsqlDataSource.Create(newest);
        var problems = new List<string>();
        var (before, now) = (await ReadAsync(old, Columns), await ReadAsync(current, Columns));
        var tables = before.Select(c => c[0]).ToHashSet(StringComparer.Ordinal);
        problems.AddRange(
            from column in before
            where !now.Exists(c => c.AsSpan(0, 3).SequenceEqual(column.AsSpan(0, 3)) && (column[3] == "NO" || c[3] == "YES"))
            select $"{column[0]}.{column[1]} is gone, of another type, or not null");
        problems.AddRange(
            from column in now
            where tables.Contains(column[0]) && !before.Exists(c => c.AsSpan(0, 2).SequenceEqual(column.AsSpan(0, 2)))
            where column[3] == "NO" && column[4] == "NO"
            select $"{column[0]}.{column[1]} is new and needs a value, which the previous release does not give");
        var rules = await ReadAsync(old, Rules);
        problems.AddRange(
            from rule in await ReadAsync(current, Rules)
            where tables.Contains(rule[0]) && !rules.Exists(r => r.SequenceEqual(rule))
            select $"{rule[0]} has a new rule: {rule[1]}");
        var prepared = 0;
        var statements = (await File.ReadAllTextAsync(Path.Combine(Root, tests, "statements.sql"))).Split(Between);
        foreach (var statement in statements)
        {
            // What cannot be prepared without the types of its parameters is the same on both.
            var (one, other) = (await PrepareAsync(old, statement), await PrepareAsync(current, statement));
            if (one != other) problems.Add($"{other ?? one}: {statement}");
            if (one is null && other is null) prepared++;
        }

        if (prepared < statements.Length * 9 / 10) problems.Add($"only {prepared} of {statements.Length} statements say anything");
        return problems;
    }

    private const string Columns =
        """
        SELECT table_name, column_name, data_type, is_nullable,
            CASE WHEN column_default IS NOT NULL OR is_identity = 'YES' OR is_generated = 'ALWAYS' THEN 'YES' ELSE 'NO' END
        FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2
        """;

    private const string Rules =
        """
        SELECT conrelid::regclass::text, pg_get_constraintdef(oid) FROM pg_constraint WHERE connamespace = 'public'::regnamespace
        UNION SELECT tablename::text, indexdef FROM pg_indexes WHERE schemaname = 'public' AND indexdef LIKE 'CREATE UNIQUE%'
        """;

    private static async Task<List<string[]>> ReadAsync(NpgsqlDataSource source, string sql)
    {
        await using var command = source.CreateCommand(sql);
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<string[]>();
        while (await reader.ReadAsync())
        {
            rows.Add([.. Enumerable.Range(0, reader.FieldCount).Select(i => reader.IsDBNull(i) ? "" : reader.GetString(i))]);
        }

        return rows;
    }

    /// <summary>Has the server look at a statement without running it.</summary>
    /// <returns>What it says against it; null when nothing.</returns>
    private static async Task<string?> PrepareAsync(NpgsqlDataSource source, string statement)
    {
        await using var connection = await source.OpenConnectionAsync();
        await using var command = new NpgsqlCommand($"PREPARE statement AS {statement}", connection);
        try
        {
            await command.ExecuteNonQueryAsync();
            command.CommandText = "DEALLOCATE statement";
            await command.ExecuteNonQueryAsync();
            return null;
        }
        catch (PostgresException e)
        {
            return e.MessageText;
        }
    }

    /// <summary>
    /// Writes the statements that run on PostgreSQL in this process while it lives, each once, into the file that the environment variable
    /// <c>AUTHINDEX_RECORD_STATEMENTS</c> names; does nothing without it. The tests of a release are run with it when that is made.
    /// </summary>
    public sealed class Recorder : IDisposable
    {
        private readonly string? file = Environment.GetEnvironmentVariable("AUTHINDEX_RECORD_STATEMENTS");
        private readonly ConcurrentDictionary<string, bool> seen = new(StringComparer.Ordinal);
        private readonly ActivityListener? listener;

        /// <summary>Begins.</summary>
        public Recorder()
        {
            if (file is null) return;
            listener = new ActivityListener
            {
                ShouldListenTo = source => source.Name == "Npgsql",
                Sample = (ref _) => ActivitySamplingResult.AllData,
                ActivityStopped = activity => Note(activity.GetTagItem("db.query.text") as string),
            };
            ActivitySource.AddActivityListener(listener);
        }

        /// <inheritdoc/>
        public void Dispose()
        {
            if (file is null || listener is null) return;
            listener.Dispose();
            File.WriteAllText(file, string.Join(Between, seen.Keys.Order(StringComparer.Ordinal)) + "\n");
        }

        private void Note(string? text)
        {
            foreach (var statement in (text ?? "").Split(';').Select(s => s.Trim()).Where(s => Prepared().IsMatch(s)))
            {
                var names = new List<string>();
                seen.TryAdd(
                    Parameter().Replace(statement, m =>
                    {
                        if (!names.Contains(m.Value)) names.Add(m.Value);
                        return $"${names.IndexOf(m.Value) + 1}";
                    }),
                    true);
            }
        }
    }

    [GeneratedRegex("^(SELECT|INSERT|UPDATE|DELETE|WITH)\\b", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Prepared();

    [GeneratedRegex(@"(?<![@\w])@\w+", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Parameter();
}
