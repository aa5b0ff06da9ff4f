using AuthIndex.Hosting.Sqlite;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>The registry's SQLite file, and what every store in it needs: the identity of a repository.</summary>
internal sealed class RegistryDatabase(StorageDirectory directory, SpaceReserve reserve, TimeProvider clock) : IAsyncDisposable
{
    private const int SqliteFull = 13;
    private const int ShrinkPages = 500, KeptFreePages = 1000;

    // SQLite removes its journal when it is closed in peace: one that lies there before the file is opened tells of a crash.
    private readonly long? crashNoticedAt = File.Exists(directory.DatabaseFile + "-wal") ? clock.GetUtcNow().ToUnixTimeSeconds() : null;
    private readonly Database database = Database.Open(directory.DatabaseFile, typeof(RegistryDatabase).Assembly);

    /// <summary>Now, as the database writes it: Unix seconds.</summary>
    public long Now => clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The file itself.</summary>
    public Database Database => database;

    /// <summary>After a crash, until when touches may have been lost; null after a stop in peace.</summary>
    public long? TouchesLostUntil => crashNoticedAt;

    /// <inheritdoc cref="Database.WriteAsync{T}"/>
    public async Task<T> WriteAsync<T>(Func<SqliteConnection, T> work)
    {
        var result = await database.WriteAsync(db =>
        {
            var written = work(db);
            Fault.Pass(FaultPoint.BeforeCommit);
            return written;
        });
        Fault.Pass(FaultPoint.Committed);
        reserve.Take();
        return result;
    }

    /// <summary>
    /// The same for work that will give room back: on a full volume the reserve makes room for its journal, and what the journal
    /// holds already goes to where it belongs.
    /// </summary>
    public async Task<T> WriteFreeingAsync<T>(Func<SqliteConnection, T> work)
    {
        try
        {
            return await WriteAsync(work);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == SqliteFull && reserve.Release())
        {
            using var connection = Connect(SqliteOpenMode.ReadWrite);
            connection.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
            return await WriteAsync(work);
        }
    }

    /// <summary>Gives room of removed rows back to the file system, all but some pages, a part at a time so that writers come between. The file shrinks with the next checkpoint.</summary>
    public async Task ShrinkAsync(CancellationToken cancellationToken)
    {
        var free = Read(db => db.ExecuteScalar<long>("PRAGMA freelist_count"));
        for (; free >= KeptFreePages + ShrinkPages; free -= ShrinkPages)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await database.WriteAsync(db =>
            {
                SqliteException.ThrowExceptionForRC(SQLitePCL.raw.sqlite3_exec(db.Handle, $"PRAGMA incremental_vacuum({ShrinkPages})"), db.Handle);
                return true;
            });
        }
    }

    /// <inheritdoc cref="Database.Read{T}"/>
    public T Read<T>(Func<SqliteConnection, T> query) => database.Read(query);

    /// <summary>Writes a copy of the whole database as it is at this moment, beside readers and the writer.</summary>
    public void CopyTo(string path) => Database.CopyFile(directory.DatabaseFile, path);

    /// <summary>The repository's row, or null.</summary>
    public static long? FindRepository(SqliteConnection db, RepositoryName name) =>
        db.QuerySingleOrDefault<long?>("SELECT id FROM repositories WHERE name = @name", new { name = name.Value });

    /// <summary>The repository's row, made where it is missing. Only inside a write.</summary>
    public long EnsureRepository(SqliteConnection db, RepositoryName name) =>
        FindRepository(db, name)
        ?? db.ExecuteScalar<long>("INSERT INTO repositories (name, created_at) VALUES (@name, @now) RETURNING id", new { name = name.Value, now = Now });

    private SqliteConnection Connect(SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = directory.DatabaseFile, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        connection.Execute("PRAGMA busy_timeout=10000");
        return connection;
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => database.DisposeAsync();
}
