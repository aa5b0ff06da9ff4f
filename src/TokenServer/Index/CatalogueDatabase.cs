using AuthIndex.Hosting.Sqlite;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.Index;

/// <summary>The catalogue's SQLite file.</summary>
internal sealed class CatalogueDatabase(string path) : IAsyncDisposable
{
    private readonly Database database = Database.Open(path, typeof(CatalogueDatabase).Assembly);

    /// <inheritdoc cref="Database.WriteAsync{T}"/>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> work) => database.WriteAsync(work);

    /// <inheritdoc cref="Database.Read{T}"/>
    public T Read<T>(Func<SqliteConnection, T> query) => database.Read(query);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => database.DisposeAsync();
}
