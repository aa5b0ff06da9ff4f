using AuthIndex.TestKit;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>SQLite does what every database must.</summary>
public sealed class SqliteStateTests : StateTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly TemporaryDirectory folder = new();

    [Fact]
    public async Task Nobody_waits_for_the_end_of_what_does_not_exist()
    {
        await using var database = new StateDatabase(folder["busy.db"]);
        var store = new SqliteState(database, Clock).Grants;
        using var goOn = new ManualResetEventSlim();
        var busy = database.WriteAsync(_ =>
        {
            goOn.Wait();
            return 0;
        });
        try
        {
            var cancel = TestContext.Current.CancellationToken;
            Assert.Null(await store.EndAsync(TokenSecret.New(TokenKind.Refresh).Hash).WaitAsync(Patience, cancel));
            Assert.Null(await store.EndAsync("unknown", "alice").WaitAsync(Patience, cancel));
        }
        finally
        {
            goOn.Set();
            await busy;
        }
    }

    private protected override Task<IState> OpenAsync() =>
        Task.FromResult<IState>(new SqliteState(new StateDatabase(folder["index.db"]), Clock));

    private protected override ValueTask CloseAsync()
    {
        folder.Dispose();
        return ValueTask.CompletedTask;
    }
}
