using System.Data.Common;
using AuthIndex.Hosting;
using Microsoft.Data.Sqlite;
using Npgsql;
using NpgsqlTypes;

namespace AuthIndex.RegistryCore.Storage.Copying;

/// <summary>
/// A table that both databases have: its rows are read, written and compared one after another, so that memory does not grow with them.
/// Values are those of SQLite: truth is 0 or 1.
/// </summary>
internal sealed class CopiedTable
{
    private readonly List<(string Name, NpgsqlDbType Type)> columns = [];
    private readonly string key;

    private CopiedTable(string name, string key, string numbers = "", string texts = "", string flags = "", string bytes = "")
    {
        (Name, this.key) = (name, key);
        Add(numbers, NpgsqlDbType.Bigint);
        Add(texts, NpgsqlDbType.Text);
        Add(flags, NpgsqlDbType.Boolean);
        Add(bytes, NpgsqlDbType.Bytea);

        void Add(string names, NpgsqlDbType type) =>
            columns.AddRange(names.Split(", ", StringSplitOptions.RemoveEmptyEntries).Select(n => (n, type)));
    }

    /// <summary>Blobs, without where their bytes lie and whether they are damaged: both are others in a copy.</summary>
    public static CopiedTable Blobs { get; } = new("blobs", "digest", numbers: "size, stored_at, verified_at", texts: "digest");

    /// <summary>All others whose rows are the same in both databases, each after those that it refers to.</summary>
    public static IReadOnlyList<CopiedTable> All { get; } =
    [
        new("repositories", "id", numbers: "id, created_at", texts: "name"),
        new("blob_links", "repository, digest", numbers: "repository, linked_at", texts: "digest"),
        new("manifest_contents", "digest", numbers: "damaged_at", texts: "digest", bytes: "bytes"),
        new(
            "manifests", "repository, digest", numbers: "repository, size, pushed_at, touched_at",
            texts: "digest, media_type, artifact_type, subject, annotations, pushed_by"),
        new("manifest_uses", "repository, digest", numbers: "repository, used_at", texts: "digest"),
        new("manifest_references", "repository, manifest, target", numbers: "repository", texts: "manifest, target", flags: "is_required"),
        new("tags", "repository, name", numbers: "repository, moved_at", texts: "name, digest, moved_by"),
        new("tag_history", "id", numbers: "id, repository, at", texts: "name, old_digest, new_digest, by"),
        new("outbox", "sequence", numbers: "sequence, size, at", texts: "id, kind, repository, tag, digest, media_type, account"),
        new("upstream_prefixes", "prefix", texts: "prefix"),
        new("recent_pulls", "repository, digest", numbers: "pulled_at", texts: "repository, digest"),
    ];

    /// <summary>The table's name.</summary>
    public string Name { get; }

    /// <summary>The names of the columns that are copied.</summary>
    public IEnumerable<string> ColumnNames => columns.Select(c => c.Name);

    private string Names => string.Join(", ", ColumnNames);

    /// <summary>Copies all rows into an empty table of the other database, in the transaction that its connection has.</summary>
    /// <param name="from">The database that is copied.</param>
    /// <param name="to">The other.</param>
    /// <param name="into">The table, if it has another name there.</param>
    /// <param name="cancellationToken">Ends it.</param>
    public Task CopyAsync(DbConnection from, DbConnection to, CancellationToken cancellationToken, string? into = null) => to switch
    {
        NpgsqlConnection postgres => ImportAsync(from, postgres, into ?? Name, cancellationToken),
        SqliteConnection sqlite => InsertAsync(from, sqlite, cancellationToken),
        _ => throw new ArgumentException("Neither of the two databases.", nameof(to)),
    };

    /// <summary>Reads both tables row by row.</summary>
    /// <returns>How many rows they have.</returns>
    /// <exception cref="OperatorException">They differ.</exception>
    public async Task<long> CompareAsync(DbConnection from, DbConnection to, CancellationToken cancellationToken)
    {
        await using var ones = ReadAsync(from, cancellationToken).GetAsyncEnumerator(cancellationToken);
        await using var others = ReadAsync(to, cancellationToken).GetAsyncEnumerator(cancellationToken);
        for (var rows = 0L; ; rows++)
        {
            var (hasOne, hasOther) = (await ones.MoveNextAsync(), await others.MoveNextAsync());
            if (!hasOne && !hasOther) return rows;
            if (!hasOne || !hasOther || !ones.Current.Zip(others.Current).All(v => IsSame(v.First, v.Second)))
            {
                throw new OperatorException(
                    $"row {rows + 1} of the table {Name} differs between the registry and its copy, which is not declared complete: run it "
                    + "again, and tell the makers if that does not help");
            }
        }
    }

    /// <summary>All rows of a database in the order of the key.</summary>
    private async IAsyncEnumerable<object[]> ReadAsync(
        DbConnection db, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var command = db.CreateCommand();
        var names = columns.Select(c => c.Type == NpgsqlDbType.Boolean && db is NpgsqlConnection ? $"{c.Name}::int::bigint" : c.Name);
        command.CommandText = $"SELECT {string.Join(", ", names)} FROM {Name} ORDER BY {key}";
        command.CommandTimeout = 0;
        await using var reader = await command.ExecuteReaderAsync(cancellationToken);
        while (await reader.ReadAsync(cancellationToken))
        {
            var row = new object[columns.Count];
            reader.GetValues(row);
            for (var i = 0; i < row.Length; i++)
            {
                // SQLite holds what PostgreSQL's texts cannot; a registry on PostgreSQL would have replaced it.
                if (row[i] is string text) row[i] = text.Replace('\0', '\uFFFD');
            }

            yield return row;
        }
    }

    private async Task ImportAsync(DbConnection from, NpgsqlConnection to, string into, CancellationToken cancellationToken)
    {
        await using var writer = await to.BeginBinaryImportAsync($"COPY {into} ({Names}) FROM STDIN (FORMAT BINARY)", cancellationToken);
        writer.Timeout = TimeSpan.FromHours(1);
        await foreach (var row in ReadAsync(from, cancellationToken))
        {
            await writer.StartRowAsync(cancellationToken);
            for (var i = 0; i < row.Length; i++)
            {
                if (row[i] is DBNull) await writer.WriteNullAsync(cancellationToken);
                else if (columns[i].Type == NpgsqlDbType.Boolean) await writer.WriteAsync((long)row[i] != 0, cancellationToken);
                else await writer.WriteAsync(row[i], columns[i].Type, cancellationToken);
            }
        }

        await writer.CompleteAsync(cancellationToken);
    }

    private async Task InsertAsync(DbConnection from, SqliteConnection to, CancellationToken cancellationToken)
    {
        await using var insert = new SqliteCommand(
            $"INSERT INTO {Name} ({Names}) VALUES ({string.Join(", ", columns.Select((_, i) => $"@p{i}"))})", to);
        var values = columns.Select((_, i) => insert.Parameters.Add(new SqliteParameter($"@p{i}", null))).ToList();
        await foreach (var row in ReadAsync(from, cancellationToken))
        {
            for (var i = 0; i < row.Length; i++) values[i].Value = row[i];
            insert.ExecuteNonQuery();
        }
    }

    private static bool IsSame(object one, object other) =>
        one is byte[] bytes ? other is byte[] others && bytes.AsSpan().SequenceEqual(others) : Equals(one, other);
}
