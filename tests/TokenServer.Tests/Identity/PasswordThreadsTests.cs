using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Tests.Identity;

public sealed class PasswordThreadsTests
{
    private const string Quick = "$2y$04$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq";

    [Fact]
    public async Task A_password_is_verified()
    {
        using var threads = new PasswordThreads(1);
        Assert.True(threads.TryVerify("alice-password", Quick, out var right, CancellationToken.None));
        Assert.True(threads.TryVerify("other", Quick, out var wrong, CancellationToken.None));
        Assert.True(await right);
        Assert.False(await wrong);
        Assert.Equal(2, threads.Verified);
    }

    [Fact]
    public void A_full_queue_refuses_at_once()
    {
        // Without a thread nothing leaves the queue.
        using var threads = new PasswordThreads(0);
        for (var i = 0; i < PasswordThreads.QueueLength; i++) Assert.True(threads.TryVerify("x", Quick, out _, CancellationToken.None));
        Assert.False(threads.TryVerify("x", Quick, out _, CancellationToken.None));
    }

    [Fact]
    public async Task Whoever_hung_up_before_the_turn_came_is_passed_over()
    {
        using var threads = new PasswordThreads(1);
        using var gone = new CancellationTokenSource();
        await gone.CancelAsync();
        Assert.True(threads.TryVerify("x", Quick, out var abandoned, gone.Token));
        Assert.True(threads.TryVerify("alice-password", Quick, out var next, CancellationToken.None));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => abandoned);
        Assert.True(await next);
        Assert.Equal(1, threads.Verified);
    }

    [Fact]
    public async Task What_still_waits_at_the_end_is_cancelled()
    {
        var threads = new PasswordThreads(0);
        Assert.True(threads.TryVerify("x", Quick, out var waiting, CancellationToken.None));
        threads.Dispose();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }
}
