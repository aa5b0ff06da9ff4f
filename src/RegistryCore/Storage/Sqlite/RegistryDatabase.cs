using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using AuthIndex.RegistryCore.Storage.Copying;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>The registry's SQLite file, and what every store in it needs: the identity of a repository.</summary>
internal sealed class RegistryDatabase : IAsyncDisposable
{
    private const int ShrinkPages = 500, KeptFreePages = 1000;

    private readonly StorageDirectory directory;
    private readonly SpaceReserve reserve;
    private readonly TimeProvider clock;
    private readonly long? crashNoticedAt;
    private readonly Database database;

    /// <summary>Opens it, or makes it for a folder that holds no blobs.</summary>
    /// <param name="directory">The folder.</param>
    /// <param name="reserve">Its room for deletions.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="mayBeMoved">Whether it is opened although the registry was moved away.</param>
    /// <exception cref="OperatorException">It is lost while blobs are there, cannot be opened, or was moved away.</exception>
    public RegistryDatabase(StorageDirectory directory, SpaceReserve reserve, TimeProvider clock, bool mayBeMoved = false)
    {
        (this.directory, this.reserve, this.clock) = (directory, reserve, clock);

        // SQLite removes its journal on a clean close: one that exists before the file is opened means a crash.
        crashNoticedAt = File.Exists(directory.DatabaseFile + "-wal") ? Now : null;
        database = Open(directory.Root, reserve, mayBeMoved);
        try
        {
            StorageState.Check(database, directory.Root, Now);
            directory.MakeBlobFolders();
        }
        catch (Exception e)
        {
            database.DisposeAsync().AsTask().GetAwaiter().GetResult();
            if (e is SqliteException) throw new OperatorException($"the database {directory.DatabaseFile} cannot be read: {e.Message}", e);
            throw;
        }
    }

    /// <summary>Now, as the database writes it: Unix seconds.</summary>
    public long Now => clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The database, for stores that need no repository.</summary>
    public Database Database => database;

    /// <summary>After an unclean shutdown, the time up to which touches may have been lost; null after a clean one.</summary>
    public long? TouchesLostUntil => crashNoticedAt;

    /// <inheritdoc cref="Database.WriteAsync{T}"/>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> work) => FinishAsync(database.WriteAsync(Guarded(work)));

    /// <inheritdoc cref="Database.WriteWithReserveAsync{T}"/>
    public Task<T> WriteWithReserveAsync<T>(Func<SqliteConnection, T> work) => FinishAsync(database.WriteWithReserveAsync(Guarded(work)));

    /// <summary>Opens a registry's database without holding its folder.</summary>
    /// <exception cref="OperatorException">It is lost while blobs are there, cannot be opened, or was moved away.</exception>
    public static Database Open(string root, SpaceReserve? reserve = null, bool mayBeMoved = false)
    {
        var opened = Database.Open(
            StorageDirectory.DatabaseIn(root), typeof(RegistryDatabase).Assembly, reserve,
            () => StorageState.DemandNoBlobs(root, "missing or empty"));
        if (mayBeMoved || MoveOf(opened) is not { } moved) return opened;
        opened.DisposeAsync().AsTask().GetAwaiter().GetResult();
        throw moved.Refusal(NameOf(root), CopyMarker.Command);
    }

    /// <summary>Where the registry was moved to; null if it was not.</summary>
    public static Move? MoveOf(Database database) => database.Read(db => db.QuerySingleOrDefault<Move>(Move.FindAway));

    /// <summary>The registry of a folder, for people.</summary>
    public static string NameOf(string root) => $"the registry in {Path.GetFullPath(root)}";

    /// <summary>
    /// Gives room of removed rows back to the file system, all but some pages, a part at a time so that writers come between. The file
    /// shrinks with the next checkpoint.
    /// </summary>
    public async Task ShrinkAsync(CancellationToken cancellationToken)
    {
        var free = Read(db => db.ExecuteScalar<long>("PRAGMA freelist_count"));
        for (; free >= KeptFreePages + ShrinkPages; free -= ShrinkPages)
        {
            cancellationToken.ThrowIfCancellationRequested();
            await database.WriteAsync(db =>
            {
                SqliteException.ThrowExceptionForRC(
                    SQLitePCL.raw.sqlite3_exec(db.Handle, $"PRAGMA incremental_vacuum({ShrinkPages})"), db.Handle);
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
            ?? db.ExecuteScalar<long>(
            "INSERT INTO repositories (name, created_at) VALUES (@name, @now) RETURNING id", new { name = name.Value, now = Now });

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => database.DisposeAsync();

    private static Func<SqliteConnection, T> Guarded<T>(Func<SqliteConnection, T> work) => db =>
    {
        var written = work(db);
        Fault.Pass(FaultPoint.BeforeCommit);
        return written;
    };

    private async Task<T> FinishAsync<T>(Task<T> write)
    {
        var result = await write;
        Fault.Pass(FaultPoint.Committed);
        reserve.Take();
        return result;
    }
}
