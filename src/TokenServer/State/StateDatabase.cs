using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State;

/// <summary>The server's SQLite file: what it must know again after a restart.</summary>
/// <param name="path">The file.</param>
/// <param name="reserve">Room on its volume for what must be written when the volume is full.</param>
/// <param name="mayBeMoved">Whether it is opened although the state was moved away, or its copy is not finished.</param>
internal sealed class StateDatabase(string path, SpaceReserve reserve, bool mayBeMoved = false) : IAsyncDisposable
{
    private readonly Database database = Open(path, reserve, mayBeMoved);

    /// <summary>Opens the file with the reserve that lies beside it.</summary>
    /// <inheritdoc cref="StateDatabase(string, SpaceReserve, bool)"/>
    public StateDatabase(string path, bool mayBeMoved = false)
        : this(path, ReserveBeside(path), mayBeMoved)
    {
    }

    /// <summary>The state in a file, for people.</summary>
    public static string NameOf(string path) => $"the state in {Path.GetFullPath(path)}";

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

    private static Database Open(string path, SpaceReserve reserve, bool mayBeMoved)
    {
        var opened = Database.Open(path, typeof(StateDatabase).Assembly, reserve);
        if (mayBeMoved) return opened;
        var (away, unfinished) = opened.Read(db =>
            (db.QuerySingleOrDefault<Move>(Move.FindAway), db.QuerySingleOrDefault<Move>(Move.FindUnfinished)));
        if (away is null && unfinished is null) return opened;
        opened.DisposeAsync().AsTask().GetAwaiter().GetResult();
        throw away?.Refusal(NameOf(path), StateCopy.Command) ?? new OperatorException(
            $"{path} is an unfinished copy of {unfinished?.Place}: run '{StateCopy.Command} copy' again, or remove the file and its mark "
            + $"has-{Path.GetFileName(path)} to give the copy up");
    }
}
