using System.Collections.Concurrent;
using System.Reflection;
using AuthIndex.Hosting.Files;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.Hosting.Sqlite;

/// <summary>
/// One SQLite file: many readers, one writer. Writes that wait while another commits are committed together (group commit), each
/// in a savepoint of its own, so that one that fails takes nobody with it. <c>synchronous=FULL</c>: a write that has been
/// answered survives power loss.
/// </summary>
public sealed class Database : IAsyncDisposable
{
    private const int MaxGroup = 512;
    private const int Corrupt = 11, NotADatabase = 26; // SQLITE_CORRUPT, _NOTADB
    private const int NoPermission = 3, ReadOnly = 8, CannotOpen = 14; // SQLITE_PERM, _READONLY, _CANTOPEN
    private const int InputOutput = 10, Full = 13; // SQLITE_IOERR, _FULL

    private readonly string path;
    private readonly SpaceReserve? reserve;
    private readonly BlockingCollection<Write> queue = [];
    private readonly ConcurrentBag<CachingConnection> readers = [];
    private readonly CachingConnection writer;
    private readonly Thread thread;
    private int disposed;
    private volatile string? damage;

    private Database(string path, CachingConnection writer, SpaceReserve? reserve)
    {
        (this.path, this.reserve) = (path, reserve);
        this.writer = writer;
        thread = new Thread(WriteLoop) { Name = $"writer of {Path.GetFileName(path)}", IsBackground = true };
        thread.Start();
    }

    /// <summary>
    /// What was wrong when a part of the file could not be read; null while nothing is known against it. Stays until the file is
    /// opened again: what is malformed does not heal.
    /// </summary>
    public string? Damage => damage;

    /// <summary>
    /// Opens or creates the file and brings it to the newest schema: the embedded resources of <paramref name="migrations"/> named
    /// <c>….Migrations.NNNN_name.sql</c>, each once, in order, each in a transaction. Before an upgrade a copy is kept beside the file.
    /// A file of the newest schema is not written to, so that a server starts on a full volume.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="migrations">The assembly with the schema.</param>
    /// <param name="reserve">Room to give up for opening the file and for <see cref="WriteWithReserveAsync{T}"/>; null for none.</param>
    /// <param name="demandNew">Called before a file that is missing or empty is made; throws where there must have been one.</param>
    /// <exception cref="OperatorException">The file is lost, of a newer version, damaged, or cannot be opened.</exception>
    public static Database Open(string path, Assembly migrations, SpaceReserve? reserve = null, Action? demandNew = null)
    {
        try
        {
            // One after another: who came upon a file half made would take it for one to upgrade, and two copying it would meet in the
            // copy.
            using var alone = FileLock.TakeFolder(ParentFolder.Of(Path.GetFullPath(path)));
            try
            {
                return new Database(path, OpenWriter(path, migrations, demandNew), reserve);
            }
            catch (SqliteException e) when (e.SqliteErrorCode is Full or InputOutput or CannotOpen && reserve?.Release() == true)
            {
                return new Database(path, OpenWriter(path, migrations, demandNew), reserve); // its shared memory needs some pages
            }
        }
        catch (SqliteException e)
        {
            var isRefused = e.SqliteErrorCode is NoPermission or CannotOpen or ReadOnly;
            var whose = isRefused && FileOwnership.Of(path) is { } ownership ? $"; it {ownership}" : "";
            throw new OperatorException($"the database {path} cannot be opened: {e.Message}{whose}", e);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new OperatorException($"the database {path} cannot be opened: {e.Message}", e);
        }
    }

    /// <summary>
    /// Runs <paramref name="work"/> on the writer's connection and returns once it is committed. Work that throws is rolled back, and
    /// the exception comes out here. Work must be quick and do nothing but SQL: everyone waits for it.
    /// </summary>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> work)
    {
        var write = new Write<T>(work);
        queue.Add(write);
        return write.Task;
    }

    /// <summary>
    /// The same for work that will give room back, or that must not wait for room: on a full volume the reserve makes room for its
    /// journal, and what the journal holds already goes to where it belongs.
    /// </summary>
    public async Task<T> WriteWithReserveAsync<T>(Func<SqliteConnection, T> work)
    {
        try
        {
            return await WriteAsync(work);
        }
        catch (SqliteException e) when (e.SqliteErrorCode == Full && reserve?.Release() == true)
        {
            using (var connection = Connect(path, SqliteOpenMode.ReadWrite)) connection.Execute("PRAGMA wal_checkpoint(TRUNCATE)");
            return await WriteAsync(work);
        }
    }

    /// <summary>Runs a query against the last committed state.</summary>
    public T Read<T>(Func<SqliteConnection, T> query)
    {
        if (!readers.TryTake(out var connection))
        {
            connection = Connect(path, SqliteOpenMode.ReadWrite);
            connection.Execute("PRAGMA query_only=1");
        }

        try
        {
            var result = query(connection);
            readers.Add(connection); // not after an exception: a connection that failed is closed by its finaliser
            return result;
        }
        catch (SqliteException e)
        {
            NoteDamage(e);
            throw;
        }
    }

    /// <summary>The last committed state, to read more than once.</summary>
    public Snapshot OpenSnapshot() => new(Connect(path, SqliteOpenMode.ReadWrite));

    /// <summary>
    /// Writes a copy of a whole database as it is at this moment, beside readers and a writer in any process. Not yet durable.
    /// </summary>
    /// <exception cref="SqliteException">The database cannot be read, or the copy not be written.</exception>
    public static void CopyFile(string path, string copy)
    {
        using var connection = Connect(path, SqliteOpenMode.ReadWrite);
        connection.Execute("VACUUM INTO @copy", new { copy });
    }

    /// <summary>Finishes what is queued and closes the file.</summary>
    public async ValueTask DisposeAsync()
    {
        if (Interlocked.Exchange(ref disposed, 1) != 0) return;
        queue.CompleteAdding();
        await Task.Factory.StartNew(thread.Join, CancellationToken.None, TaskCreationOptions.LongRunning, TaskScheduler.Default);
        foreach (var reader in readers) await reader.DisposeAsync();
        await writer.DisposeAsync();
        queue.Dispose();
    }

    private bool IsInTransaction => SQLitePCL.raw.sqlite3_get_autocommit(writer.Handle) == 0;

    private static CachingConnection OpenWriter(string path, Assembly migrations, Action? demandNew)
    {
        var isMissing = new FileInfo(path) is not { Exists: true, Length: > 0 };
        if (isMissing) DemandNew(path, demandNew);
        var connection = Connect(path, SqliteOpenMode.ReadWriteCreate);
        try
        {
            var isEmpty = connection.ExecuteScalar<long>("SELECT count(*) FROM sqlite_master") == 0;
            if (isEmpty && !isMissing) DemandNew(path, demandNew);

            // Room of removed rows can be given back a part at a time; that is decided before the first table.
            if (isEmpty) connection.Execute("PRAGMA auto_vacuum=INCREMENTAL");
            // temp_store: what a savepoint would restore is kept in memory, and not in files.
            connection.Execute(
                "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000; PRAGMA temp_store=MEMORY;");
            Migrate(connection, path, migrations);
            DatabaseMark.Set(path);
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    private static void DemandNew(string path, Action? demandNew)
    {
        DatabaseMark.DemandNone(path);
        demandNew?.Invoke();
    }

    private static CachingConnection Connect(string path, SqliteOpenMode mode)
    {
        var connection = new CachingConnection(
            new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
        connection.Open();
        connection.Execute("PRAGMA foreign_keys=ON; PRAGMA busy_timeout=10000; PRAGMA cache_size=-16000;");
        return connection;
    }

    private static void Migrate(SqliteConnection connection, string path, Assembly migrations)
    {
        const string marker = ".Migrations.";
        var scripts = migrations.GetManifestResourceNames()
            .Where(n => n.Contains(marker, StringComparison.Ordinal) && n.EndsWith(".sql", StringComparison.Ordinal))
            .ToDictionary(n => int.Parse(n.AsSpan(n.IndexOf(marker, StringComparison.Ordinal) + marker.Length, 4)), n => n);
        var newest = scripts.Keys.Max();
        var current = connection.ExecuteScalar<int>("PRAGMA user_version");
        if (current > newest)
        {
            throw new OperatorException(
                $"the database {path} has schema version {current}; this program knows versions up to {newest}: run the newer program, "
                    + "or restore a backup made by this one");
        }

        if (current > 0 && current < newest)
        {
            var copy = $"{path}.before-{newest}";
            if (!File.Exists(copy)) Copy(connection, copy);
        }

        foreach (var version in scripts.Keys.Where(v => v > current).Order())
        {
            using var script = new StreamReader(EmbeddedFile.Open(migrations, scripts[version]));
            connection.Execute("BEGIN IMMEDIATE");
            connection.Execute($"{script.ReadToEnd()}\nPRAGMA user_version={version};");
            connection.Execute("COMMIT");
        }
    }

    /// <summary>Copies the database under another name; a copy that a crash cut off never bears that name.</summary>
    private static void Copy(SqliteConnection connection, string path)
    {
        var unfinished = path + ".tmp";
        File.Delete(unfinished);
        connection.Execute("VACUUM INTO @unfinished", new { unfinished });
        File.Move(unfinished, path);
    }

    private void WriteLoop()
    {
        var group = new List<Write>(MaxGroup);
        foreach (var first in queue.GetConsumingEnumerable())
        {
            group.Add(first);
            while (group.Count < MaxGroup && queue.TryTake(out var next)) group.Add(next);
            Commit(group);
            group.Clear();
        }
    }

    private void Commit(List<Write> group)
    {
        try
        {
            if (IsInTransaction) Execute("ROLLBACK"); // of a group whose own could not be done
            Execute("BEGIN IMMEDIATE");
            foreach (var write in group) RunInSavepoint(write);
            Execute("COMMIT");
        }
        catch (Exception e)
        {
            // The transaction as a whole is lost: a full disk, a damaged file. Nobody in the group was written.
            NoteDamage(e);
            // should it fail too, the next group tries again: this thread must not end
            if (IsInTransaction) SQLitePCL.raw.sqlite3_exec(writer.Handle, "ROLLBACK");
            foreach (var write in group) write.Fail(e);
            return;
        }

        foreach (var write in group) write.Complete();
    }

    private void RunInSavepoint(Write write)
    {
        Execute("SAVEPOINT one");
        try
        {
            write.Run(writer);
        }
        catch (Exception e) when (IsInTransaction)
        {
            NoteDamage(e);
            write.FailOnCommit(e);
            Execute("ROLLBACK TO one");
        }

        Execute("RELEASE one");
    }

    private void NoteDamage(Exception e)
    {
        if (e is not SqliteException { SqliteErrorCode: (Corrupt or NotADatabase) and var code }) return;
        damage = $"it is malformed (SQLite error {code}): restore it from a backup";
    }

    private void Execute(string sql)
    {
        var result = SQLitePCL.raw.sqlite3_exec(writer.Handle, sql);
        SqliteException.ThrowExceptionForRC(result, writer.Handle);
    }

    private abstract class Write
    {
        public abstract void Run(SqliteConnection connection);

        public abstract void FailOnCommit(Exception e);

        public abstract void Complete();

        public abstract void Fail(Exception e);
    }

    private sealed class Write<T>(Func<SqliteConnection, T> work) : Write
    {
        private readonly TaskCompletionSource<T> answer = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private T result = default!;
        private Exception? failure;

        public Task<T> Task => answer.Task;

        public override void Run(SqliteConnection connection) => result = work(connection);

        public override void FailOnCommit(Exception e) => failure = e;

        public override void Complete()
        {
            if (failure is null) answer.SetResult(result);
            else answer.SetException(failure);
        }

        public override void Fail(Exception e) => answer.SetException(failure ?? e);
    }
}
