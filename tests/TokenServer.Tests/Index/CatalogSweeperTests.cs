using System.Collections.Concurrent;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests.Index;

public sealed class CatalogSweeperTests
{
    [Fact]
    public async Task Any_number_may_wake_it_at_once()
    {
        using var folder = new TemporaryDirectory();
        await using var database = new StateDatabase(folder["index.db"]);
        using var sweeper = new CatalogSweeper(new SqliteCatalogStore(database), Loops.Of(TimeProvider.System));
        await sweeper.StartAsync(TestContext.Current.CancellationToken);
        using var together = new Barrier(4, _ => database.WriteAsync(_ => 0).GetAwaiter().GetResult()); // after what it was last woken for
        var failures = new ConcurrentQueue<Exception>();
        await Task.WhenAll(Enumerable.Range(0, together.ParticipantCount).Select(_ => Task.Factory.StartNew(
            () =>
            {
                for (var i = 0; i < 3_000; i++)
                {
                    together.SignalAndWait();
                    if (Record.Exception(sweeper.Wake) is { } failure) failures.Enqueue(failure);
                }
            },
            CancellationToken.None,
            TaskCreationOptions.LongRunning,
            TaskScheduler.Default)));
        await sweeper.StopAsync(TestContext.Current.CancellationToken);
        Assert.Empty(failures);
    }
}
