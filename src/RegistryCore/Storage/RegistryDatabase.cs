using AuthIndex.Hosting.Sqlite;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>The registry's SQLite file, and what every store in it needs: the identity of a repository.</summary>
internal sealed class RegistryDatabase(StorageDirectory directory, TimeProvider clock) : IAsyncDisposable
{
    private readonly Database database = Database.Open(directory.DatabaseFile, typeof(RegistryDatabase).Assembly);

    /// <summary>Now, as the database writes it: Unix seconds.</summary>
    public long Now => clock.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>The file itself.</summary>
    public Database File => database;

    /// <inheritdoc cref="Database.WriteAsync{T}"/>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> work) => database.WriteAsync(work);

    /// <inheritdoc cref="Database.Read{T}"/>
    public T Read<T>(Func<SqliteConnection, T> query) => database.Read(query);

    /// <summary>The repository's row, or null.</summary>
    public static long? FindRepository(SqliteConnection db, RepositoryName name) =>
        db.QuerySingleOrDefault<long?>("SELECT id FROM repositories WHERE name = @name", new { name = name.Value });

    /// <summary>The repository's row, made where it is missing. Only inside a write.</summary>
    public long EnsureRepository(SqliteConnection db, RepositoryName name) =>
        FindRepository(db, name)
        ?? db.ExecuteScalar<long>("INSERT INTO repositories (name, created_at) VALUES (@name, @now) RETURNING id", new { name = name.Value, now = Now });

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => database.DisposeAsync();
}
