using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Tests.Identity.Passwords;

public sealed class PasswordThreadsTests
{
    private const string Quick = "$2y$04$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq";

    private static readonly Requester By = new(ClientNetwork.Unknown, "alice");

    [Fact]
    public async Task A_password_is_verified()
    {
        using var threads = new PasswordThreads(1);
        Assert.Equal(new QueueResult<bool>(true, true), await threads.VerifyAsync(By, "alice-password", Quick, CancellationToken.None));
        Assert.Equal(new QueueResult<bool>(true, false), await threads.VerifyAsync(By, "other", Quick, CancellationToken.None));
        Assert.Equal(2, threads.Verified);
    }

    [Fact]
    public async Task A_full_queue_refuses_at_once()
    {
        // Without a thread nothing leaves the queue.
        using var threads = new PasswordThreads(0);
        for (var i = 0; i < PasswordThreads.QueueLength; i++)
        {
            Assert.False(threads.VerifyAsync(By, "x", Quick, CancellationToken.None).IsCompleted);
        }

        var refused = threads.VerifyAsync(By, "x", Quick, CancellationToken.None);
        Assert.True(refused.IsCompleted);
        Assert.False((await refused).Admitted);
    }

    [Fact]
    public async Task Whoever_has_most_waiting_makes_room_and_is_told_so()
    {
        using var threads = new PasswordThreads(0);
        var flood = Enumerable.Range(0, PasswordThreads.QueueLength)
            .Select(_ => threads.VerifyAsync(By, "x", Quick, CancellationToken.None)).ToList();
        Assert.False(threads.VerifyAsync(By with { Account = "bob" }, "x", Quick, CancellationToken.None).IsCompleted);
        Assert.False((await flood[^1].WaitAsync(TimeSpan.FromSeconds(30), TestContext.Current.CancellationToken)).Admitted);
        Assert.DoesNotContain(flood.SkipLast(1), f => f.IsCompleted);
    }

    [Fact]
    public async Task Whoever_hung_up_before_the_turn_came_is_passed_over()
    {
        using var threads = new PasswordThreads(1);
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => threads.VerifyAsync(By, "x", Quick, gone.Token));
        Assert.True((await threads.VerifyAsync(By, "alice-password", Quick, CancellationToken.None)).Value);
        Assert.Equal(1, threads.Verified);
    }

    [Fact]
    public async Task What_still_waits_at_the_end_is_cancelled()
    {
        var threads = new PasswordThreads(0);
        var waiting = threads.VerifyAsync(By, "x", Quick, CancellationToken.None);
        threads.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }
}
