using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Tests.Identity.Passwords;

public sealed class PasswordCacheTests
{
    private readonly FakeTimeProvider clock = new();
    private int asked;

    private static readonly SignInOutcome Right = new SignInOutcome.SignedIn("alice", [], "htpasswd");
    private static readonly SignInOutcome Wrong = new SignInOutcome.WrongPassword();

    [Fact]
    public async Task A_right_password_is_asked_for_once_until_its_time_is_over()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        for (var i = 0; i < 3; i++) Assert.Equal(Right, await GetAsync(remembered, Right));
        clock.Advance(TimeSpan.FromMinutes(5) - TimeSpan.FromMilliseconds(1));
        await GetAsync(remembered, Right);
        Assert.Equal(1, asked);

        clock.Advance(TimeSpan.FromMilliseconds(1));
        await GetAsync(remembered, Right);
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task A_wrong_password_is_asked_for_once_in_30_seconds()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        for (var i = 0; i < 3; i++) Assert.Equal(Wrong, await GetAsync(remembered, Wrong));
        Assert.Equal(1, asked);
        clock.Advance(TimeSpan.FromSeconds(30));
        await GetAsync(remembered, Wrong);
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task With_remembering_off_right_passwords_are_asked_for_each_time_and_wrong_ones_still_once()
    {
        var remembered = new PasswordCache(TimeSpan.Zero, clock);
        for (var i = 0; i < 2; i++) await GetAsync(remembered, Right);
        Assert.Equal(2, asked);
        for (var i = 0; i < 2; i++) await GetAsync(remembered, Wrong, password: "wrong");
        Assert.Equal(3, asked);
    }

    [Fact]
    public async Task An_outage_is_not_remembered()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        await GetAsync(remembered, new SignInOutcome.Unavailable(TimeSpan.FromSeconds(1), "down"));
        Assert.Equal(Right, await GetAsync(remembered, Right));
    }

    [Fact]
    public async Task A_changed_source_forgets_everything_and_an_old_view_of_it_brings_nothing_back()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        await GetAsync(remembered, Right, version: 1);
        Assert.Equal(Wrong, await GetAsync(remembered, Wrong, version: 2));
        Assert.Equal(Right, await GetAsync(remembered, Right, version: 1));
        Assert.Equal(Wrong, await GetAsync(remembered, Right, version: 2));
    }

    [Fact]
    public async Task User_and_password_are_told_apart_wherever_the_line_between_them_lies()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        await GetAsync(remembered, Right, user: "ab", password: "c");
        await GetAsync(remembered, Right, user: "a", password: "bc");
        Assert.Equal(2, asked);
    }

    [Fact]
    public async Task The_same_question_at_the_same_time_is_asked_once()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        var answer = new TaskCompletionSource<SignInOutcome>();
        var waiting = Enumerable.Range(0, 20).Select(_ => remembered.GetAsync("alice", "pw", 1, AskAsync, CancellationToken.None).AsTask())
            .ToList();
        answer.SetResult(Right);
        Assert.All(await Task.WhenAll(waiting), outcome => Assert.Equal(Right, outcome));
        Assert.Equal(1, asked);

        Task<SignInOutcome> AskAsync(string user, string password, CancellationToken cancellationToken)
        {
            asked++;
            return answer.Task;
        }
    }

    [Fact]
    public async Task One_who_hangs_up_leaves_the_others_waiting_and_the_last_one_ends_the_asking()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        var ended = new TaskCompletionSource();
        using var first = new CancellationTokenSource();
        using var second = new CancellationTokenSource();
        var one = remembered.GetAsync("alice", "pw", 1, AskAsync, first.Token).AsTask();
        var two = remembered.GetAsync("alice", "pw", 1, AskAsync, second.Token).AsTask();

        await first.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => one);
        Assert.False(two.IsCompleted);
        Assert.False(ended.Task.IsCompleted);

        await second.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => two);
        await ended.Task.WaitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(Right, await GetAsync(remembered, Right, password: "pw"));

        async Task<SignInOutcome> AskAsync(string user, string password, CancellationToken cancellationToken)
        {
            using var registration = cancellationToken.Register(ended.SetResult);
            await Task.Delay(Timeout.Infinite, cancellationToken);
            return Wrong;
        }
    }

    [Fact]
    public async Task An_exception_reaches_everybody_who_waits_and_is_not_remembered()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        await Assert.ThrowsAsync<InvalidOperationException>(() =>
            remembered.GetAsync(
                "alice", "pw", 1, (_, _, _) => Task.FromException<SignInOutcome>(new InvalidOperationException()),
                CancellationToken.None).AsTask());
        Assert.Equal(Right, await GetAsync(remembered, Right, password: "pw"));
    }

    [Fact]
    public async Task Guesses_however_many_do_not_push_out_those_who_signed_in()
    {
        var remembered = new PasswordCache(TimeSpan.FromMinutes(5), clock);
        await GetAsync(remembered, Right);
        for (var i = 0; i < PasswordCache.Capacity + 10; i++) await GetAsync(remembered, Wrong, password: $"guess {i}");
        asked = 0;
        await GetAsync(remembered, Right);
        Assert.Equal(0, asked);
    }

    private async Task<SignInOutcome> GetAsync(
        PasswordCache remembered, SignInOutcome outcome, long version = 1, string user = "alice", string password = "right") =>
        await remembered.GetAsync(
            user, password, version, (_, _, _) => { asked++; return Task.FromResult(outcome); }, CancellationToken.None);
}
