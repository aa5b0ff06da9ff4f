using AuthIndex.Hosting.Sqlite;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State;

/// <summary>The server's SQLite file: what it must know again after a restart.</summary>
internal sealed class StateDatabase(string path) : IAsyncDisposable
{
    private readonly Database database = Database.Open(path, typeof(StateDatabase).Assembly);

    /// <inheritdoc cref="Database.WriteAsync{T}"/>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> work) => database.WriteAsync(work);

    /// <inheritdoc cref="Database.Read{T}"/>
    public T Read<T>(Func<SqliteConnection, T> query) => database.Read(query);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => database.DisposeAsync();
}
