using AuthIndex.TokenServer.Identity;

namespace AuthIndex.TokenServer.Tests.Identity;

public sealed class PasswordThreadsTests
{
    private const string Quick = "$2y$04$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq";
    private const string Slow = "$2y$12$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq";

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
    public async Task Whoever_hung_up_is_passed_over_and_a_full_queue_refuses_at_once()
    {
        using var threads = new PasswordThreads(1);
        Assert.True(threads.TryVerify("holds the thread", Slow, out var holding, CancellationToken.None));

        using var gone = new CancellationTokenSource();
        var waiting = new List<Task<bool>>();
        while (waiting.Count <= PasswordThreads.QueueLength + 1 && threads.TryVerify("x", Slow, out var next, gone.Token)) waiting.Add(next);
        Assert.InRange(waiting.Count, PasswordThreads.QueueLength, PasswordThreads.QueueLength + 1);

        await gone.CancelAsync();
        await holding;
        foreach (var task in waiting.Skip(1)) await Assert.ThrowsAnyAsync<OperationCanceledException>(() => task);
        Assert.InRange(threads.Verified, 1, 2);
    }
}
