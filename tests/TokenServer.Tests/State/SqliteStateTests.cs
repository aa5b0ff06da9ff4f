using AuthIndex.TestKit;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>SQLite does what every database must.</summary>
public sealed class SqliteStateTests : StateTests
{
    private readonly TemporaryDirectory folder = new();

    private protected override Task<IState> OpenAsync() =>
        Task.FromResult<IState>(new SqliteState(new StateDatabase(folder["index.db"]), Clock));

    private protected override ValueTask CloseAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
