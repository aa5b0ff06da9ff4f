using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State;

/// <summary>The server's SQLite file: what it must know again after a restart.</summary>
/// <param name="path">The file.</param>
/// <param name="reserve">Room on its volume for what must be written when the volume is full.</param>
internal sealed class StateDatabase(string path, SpaceReserve reserve) : IAsyncDisposable
{
    private readonly Database database = Database.Open(path, typeof(StateDatabase).Assembly, reserve);

    /// <summary>Opens the file with the reserve that lies beside it.</summary>
    public StateDatabase(string path)
        : this(path, ReserveBeside(path))
    {
    }

    /// <summary>The reserve of a database.</summary>
    public static SpaceReserve ReserveBeside(string path) =>
        new(Path.Combine(ParentFolder.Of(Path.GetFullPath(path)), SpaceReserve.Name));

    /// <inheritdoc cref="Database.Damage"/>
    public string? Damage => database.Damage;

    /// <inheritdoc cref="Database.WriteAsync{T}"/>
    public Task<T> WriteAsync<T>(Func<SqliteConnection, T> work) => database.WriteAsync(work);

    /// <inheritdoc cref="Database.WriteWithReserveAsync{T}"/>
    public Task<T> WriteWithReserveAsync<T>(Func<SqliteConnection, T> work) => database.WriteWithReserveAsync(work);

    /// <inheritdoc cref="Database.Read{T}"/>
    public T Read<T>(Func<SqliteConnection, T> query) => database.Read(query);

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => database.DisposeAsync();
}
