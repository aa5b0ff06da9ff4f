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

    private readonly string path;
    private readonly BlockingCollection<Write> queue = [];
    private readonly ConcurrentBag<SqliteConnection> readers = [];
    private readonly SqliteConnection writer;
    private readonly Thread thread;
    private int disposed;

    private Database(string path, SqliteConnection writer)
    {
        this.path = path;
        this.writer = writer;
        thread = new Thread(WriteLoop) { Name = $"writer of {Path.GetFileName(path)}", IsBackground = true };
        thread.Start();
    }

    /// <summary>
    /// Opens or creates the file and brings it to the newest schema: the embedded resources of <paramref name="migrations"/> named
    /// <c>….Migrations.NNNN_name.sql</c>, each once, in order, each in a transaction. Before an upgrade a copy is kept beside the file.
    /// </summary>
    /// <exception cref="OperatorException">The file is of a newer version, damaged, or cannot be opened.</exception>
    public static Database Open(string path, Assembly migrations)
    {
        SqliteConnection? connection = null;
        try
        {
            // One after another: who came upon a file half made would take it for one to upgrade, and two copying it would meet in the copy.
            using var alone = FileLock.TakeFolder(Path.GetDirectoryName(Path.GetFullPath(path))!);
            connection = Connect(path, SqliteOpenMode.ReadWriteCreate);
            // The first has an effect on a new file only: room of removed rows can then be given back a part at a time.
            connection.Execute("PRAGMA auto_vacuum=INCREMENTAL; PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA wal_autocheckpoint=4000;");
            Migrate(connection, path, migrations);
            return new Database(path, connection);
        }
        catch (Exception e)
        {
            connection?.Dispose();
            if (e is SqliteException or IOException) throw new OperatorException($"the database {path} cannot be opened: {e.Message}", e);
            throw;
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

    /// <summary>Runs a query against the last committed state.</summary>
    public T Read<T>(Func<SqliteConnection, T> query)
    {
        if (!readers.TryTake(out var connection))
        {
            connection = Connect(path, SqliteOpenMode.ReadWrite);
            connection.Execute("PRAGMA query_only=1");
        }

        var result = query(connection);
        readers.Add(connection); // not after an exception: a connection that failed is closed by its finaliser
        return result;
    }

    /// <summary>The last committed state, to read more than once.</summary>
    public Snapshot OpenSnapshot() => new(Connect(path, SqliteOpenMode.ReadWrite));

    /// <summary>Writes a copy of a whole database as it is at this moment, beside readers and a writer in any process. Not yet durable.</summary>
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

    private static SqliteConnection Connect(string path, SqliteOpenMode mode)
    {
        var connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Mode = mode, Pooling = false }.ToString());
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
            throw new OperatorException($"the database {path} has schema version {current}; this program knows versions up to {newest}: run the newer program, or restore a backup made by this one");
        }

        if (current > 0 && current < newest)
        {
            var copy = $"{path}.before-{newest}";
            if (!File.Exists(copy)) Copy(connection, copy);
        }

        foreach (var version in scripts.Keys.Where(v => v > current).Order())
        {
            using var script = new StreamReader(migrations.GetManifestResourceStream(scripts[version])!);
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
            if (IsInTransaction) SQLitePCL.raw.sqlite3_exec(writer.Handle, "ROLLBACK"); // should it fail too, the next group tries again: this thread must not end
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
            write.FailOnCommit(e);
            Execute("ROLLBACK TO one");
        }

        Execute("RELEASE one");
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
