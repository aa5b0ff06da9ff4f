using AuthIndex.Hosting.Web;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Passwords;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.Identity.Htpasswd;

public sealed class HtpasswdSourceTests : IDisposable
{
    // Takes a thread for more than a second.
    private const string Slow = "$2y$14$x5kF9136iFfqmFGSjeiZ/uBP8hnHe1krJjamuEJF083tVC.TxvHpq";

    private static readonly Requester Alice = new(ClientNetwork.Unknown, "alice");

    private readonly TemporaryDirectory folder = new();

    public void Dispose() => folder.Dispose();

    [Theory]
    [InlineData("$2y$04$o8HlcdsafXx6FNXcWQ1.1.Vh0Bsc5zNBz.N1ZmIVa0Cu.HE.HOU3e", typeof(SignInOutcome.WrongPassword))]
    [InlineData(null, typeof(SignInOutcome.UnknownAccount))]
    public async Task A_password_that_waited_for_its_turn_is_held_against_the_hash_of_now(string? newHash, Type outcome)
    {
        var path = folder["htpasswd"];
        await File.WriteAllTextAsync(path, TokenServerHost.Accounts, TestContext.Current.CancellationToken);
        using var threads = new PasswordThreads(1);
        var source = new HtpasswdSource(new HtpasswdFile(path, TimeProvider.System, NullLogger<HtpasswdFile>.Instance), threads);

        var before = threads.VerifyAsync(Alice with { Account = "bob" }, "x", Slow, CancellationToken.None);
        await Eventually.TrueAsync(() => threads.Verified == 1, TimeSpan.FromSeconds(30), () => "the thread is idle");
        var signIn = source.SignInAsync(Alice, "alice", TokenServerHost.AlicePassword, CancellationToken.None).AsTask();
        await File.WriteAllTextAsync(
            path + ".new", newHash is null ? "bob:x\n" : $"alice:{newHash}\n", TestContext.Current.CancellationToken);
        File.Move(path + ".new", path, overwrite: true);
        Assert.False(before.IsCompleted, "the thread was too fast for this test");

        Assert.IsType(outcome, await signIn);
    }
}
