using System.Net;
using AuthIndex.Hosting.Postgres;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.State.Postgres;
using Dapper;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>What servers that share a database count together: two states of one database, as two processes have them.</summary>
public sealed class SharedFailuresTests(SharedPostgres postgres) : IAsyncLifetime
{
    private static readonly SignInLimitsOptions Limits = new()
    {
        Within = TimeSpan.FromHours(1),
        PerAccountAndAddress = 3,
        PerAccount = 5,
        PerAddress = 6,
    };

    private string connection = "";
    private PostgresState one = null!;
    private PostgresState other = null!;

    private ISharedFailures One => one.SharedFailures!;

    private ISharedFailures Other => other.SharedFailures!;

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        connection = await (await postgres.ServerAsync()).CreateDatabaseAsync();
        one = await PostgresState.OpenAsync(connection, TimeProvider.System);
        other = await PostgresState.OpenAsync(connection, TimeProvider.System);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (one is not null) await one.DisposeAsync();
        if (other is not null) await other.DisposeAsync();
    }

    [Fact]
    public async Task A_try_taken_by_one_server_is_missing_at_the_other()
    {
        var who = From("192.0.2.1", "alice");
        Assert.Equal(SignInCounts.None, (await One.TakeAsync(who, true, Limits)).Exhausted);
        Assert.Equal(SignInCounts.None, (await Other.TakeAsync(From("192.0.2.1", "ALICE"), true, Limits)).Exhausted);
        Assert.Equal(SignInCounts.None, (await One.TakeAsync(who, true, Limits)).Exhausted);

        var refused = await Other.TakeAsync(who, true, Limits);
        Assert.Equal((SignInCounts.None, SignInCounts.Pair), (refused.Taken, refused.Exhausted));
        Assert.InRange(refused.Wait, TimeSpan.FromMinutes(19), TimeSpan.FromMinutes(20));
    }

    [Fact]
    public async Task Parallel_guesses_at_both_servers_get_no_more_tries_than_there_are()
    {
        var takes = await Task.WhenAll(Enumerable.Range(0, 40).Select(i =>
            (i % 2 == 0 ? One : Other).TakeAsync(From("192.0.2.1", "alice"), true, Limits)));
        Assert.Equal(Limits.PerAccountAndAddress, takes.Count(t => t.Exhausted == SignInCounts.None));
    }

    [Fact]
    public async Task What_a_registry_passes_on_is_counted_apart_and_forgotten_with_the_rest()
    {
        var home = From("192.0.2.9", "alice");
        var passedOn = home with { Registry = "registry" };
        await One.GiveBackAsync(home, (await One.TakeAsync(home, true, Limits)).Taken, isSignedIn: true, Limits);
        for (var i = 0; i < KnownPlaces.PerAccount; i++)
        {
            var elsewhere = From($"198.51.100.{i}", "alice") with { Registry = "registry" };
            await One.GiveBackAsync(elsewhere, (await One.TakeAsync(elsewhere, true, Limits)).Taken, isSignedIn: true, Limits);
        }

        for (var i = 0; i < 3; i++) Assert.Equal(SignInCounts.None, (await One.TakeAsync(passedOn, true, Limits)).Exhausted);
        Assert.Equal(SignInCounts.Pair, (await Other.TakeAsync(passedOn, true, Limits)).Exhausted);
        foreach (var address in new[] { "192.0.2.1", "192.0.2.2" })
        {
            await One.TakeAsync(From(address, "alice") with { Registry = "registry" }, true, Limits);
        }

        // The places that it says, and what it used up, are its own.
        await TakeAsync("192.0.2.3", "alice", 3);
        await TakeAsync("192.0.2.4", "alice", 2);
        Assert.Equal(SignInCounts.Account, (await Other.TakeAsync(From("192.0.2.5", "alice"), true, Limits)).Exhausted);
        Assert.Equal(SignInCounts.None, (await Other.TakeAsync(home, true, Limits)).Exhausted);
        await other.SignInHolds.ReleaseAsync(["alice"]);
        Assert.Equal(SignInCounts.None, (await One.TakeAsync(passedOn, true, Limits)).Exhausted);
    }

    [Fact]
    public async Task A_single_try_is_given_to_one_only()
    {
        var single = new SignInLimitsOptions { PerAccountAndAddress = 1 };
        var takes = await Task.WhenAll(Enumerable.Range(0, 10).Select(i =>
            (i % 2 == 0 ? One : Other).TakeAsync(From("192.0.2.1", "alice"), true, single)));
        Assert.Single(takes, t => t.Exhausted == SignInCounts.None);
    }

    [Fact]
    public async Task What_was_no_guess_is_given_back()
    {
        var who = From("192.0.2.1", "alice");
        for (var i = 0; i < 10; i++)
        {
            var take = await One.TakeAsync(who, true, Limits);
            Assert.Equal(SignInCounts.Pair | SignInCounts.Account | SignInCounts.Address, take.Taken);
            await Other.GiveBackAsync(who, take.Taken, isSignedIn: false, Limits);
        }
    }

    [Fact]
    public async Task A_refused_take_takes_nothing()
    {
        await TakeAsync("192.0.2.1", "alice", 3);
        for (var i = 0; i < 5; i++) Assert.Equal(SignInCounts.Pair, (await Other.TakeAsync(From("192.0.2.1", "alice"), true, Limits)).Exhausted);

        // Three of the address's six tries are left.
        await TakeAsync("192.0.2.1", "bob", 3);
        Assert.Equal(SignInCounts.Address, (await Other.TakeAsync(From("192.0.2.1", "carol"), true, Limits)).Exhausted);
    }

    [Fact]
    public async Task Where_an_account_signed_in_through_any_server_guesses_elsewhere_do_not_lock_it_out()
    {
        var home = From("192.0.2.9", "alice");
        await One.GiveBackAsync(home, (await One.TakeAsync(home, true, Limits)).Taken, isSignedIn: true, Limits);
        await TakeAsync("192.0.2.1", "alice", 3);
        await TakeAsync("192.0.2.2", "alice", 2);

        Assert.Equal(SignInCounts.Account, (await Other.TakeAsync(From("192.0.2.3", "alice"), true, Limits)).Exhausted);
        Assert.Equal(SignInCounts.None, (await Other.TakeAsync(home, true, Limits)).Exhausted);
    }

    [Fact]
    public async Task An_unlocked_account_has_its_tries_again_at_every_server()
    {
        await TakeAsync("192.0.2.1", "Alice", 3);
        await one.SignInHolds.ReleaseAsync(["alice"]);
        await TakeAsync("192.0.2.1", "alice", 3);
    }

    [Fact]
    public async Task An_address_of_many_clients_is_not_counted()
    {
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(SignInCounts.None, (await One.TakeAsync(From("127.0.0.1", $"account-{i}"), false, Limits)).Exhausted);
        }
    }

    [Fact]
    public async Task No_name_that_was_typed_is_in_the_database()
    {
        await TakeAsync("192.0.2.1", "typed-by-mistake", 1);
        One.BindsTo("corp", 3, TimeSpan.FromMinutes(15)).TryTake("uid=typed-by-mistake", isPassedOn: false, out _, out _);
        await using var database = PostgresDatabase.Create(connection, "test");
        var rows = await database.ReadAsync(db => db.QueryAsync<byte[]>(
            """
            SELECT key FROM sign_in_failures UNION ALL SELECT account FROM sign_in_failures WHERE account IS NOT NULL
            UNION ALL SELECT key FROM bind_attempts
            """));
        Assert.NotEmpty(rows);
        Assert.All(rows, row => Assert.Equal(32, row.Length));
    }

    [Fact]
    public async Task A_directory_sees_no_more_wrong_passwords_than_its_budget_through_all_servers()
    {
        var (here, there) = (One.BindsTo("corp", 3, TimeSpan.FromHours(1)), Other.BindsTo("corp", 3, TimeSpan.FromHours(1)));
        var taken = await Task.WhenAll(Enumerable.Range(0, 20).Select(i =>
            Task.Run(() => (i % 2 == 0 ? here : there).TryTake("uid=alice", isPassedOn: false, out _, out _))));
        Assert.Equal(3, taken.Count(t => t));

        Assert.False(there.TryTake("uid=alice", isPassedOn: false, out var wait, out _));
        Assert.InRange(wait, TimeSpan.FromMinutes(59), TimeSpan.FromHours(1));
        Assert.True(there.TryTake("uid=bob", isPassedOn: false, out _, out var isLast));
        Assert.False(isLast);
        Assert.True(One.BindsTo("other", 3, TimeSpan.FromHours(1)).TryTake("uid=alice", isPassedOn: false, out _, out _));

        here.GiveBack("uid=alice");
        Assert.True(there.TryTake("uid=alice", isPassedOn: false, out _, out isLast));
        Assert.True(isLast);
        here.Clear("uid=alice");
        Assert.True(there.TryTake("uid=alice", isPassedOn: false, out _, out isLast));
        Assert.False(isLast);
    }

    [Fact]
    public void What_a_registry_passes_on_to_a_directory_takes_the_first_half_alone()
    {
        var (here, there) = (One.BindsTo("corp", 3, TimeSpan.FromHours(1)), Other.BindsTo("corp", 3, TimeSpan.FromHours(1)));
        Assert.True(here.TryTake("uid=alice", isPassedOn: true, out _, out var isLast));
        Assert.False(isLast);
        Assert.False(there.TryTake("uid=alice", isPassedOn: true, out var wait, out _));
        Assert.InRange(wait, TimeSpan.FromMinutes(59), TimeSpan.FromHours(1));
        Assert.True(there.TryTake("uid=alice", isPassedOn: false, out _, out _));
        Assert.True(here.TryTake("uid=alice", isPassedOn: false, out _, out isLast));
        Assert.True(isLast);

        var single = One.BindsTo("single", 1, TimeSpan.FromHours(1));
        Assert.False(single.TryTake("uid=alice", isPassedOn: true, out wait, out _));
        Assert.Equal(TimeSpan.FromHours(1), wait);
        Assert.True(single.TryTake("uid=alice", isPassedOn: false, out _, out _));
    }

    [Fact]
    public async Task Where_an_account_signed_in_directly_guesses_through_a_registry_from_elsewhere_do_not_lock_it_out_there()
    {
        var home = From("192.0.2.9", "alice");
        await One.GiveBackAsync(home, (await One.TakeAsync(home, true, Limits)).Taken, isSignedIn: true, Limits);
        for (var i = 1; i <= 5; i++) await One.TakeAsync(From($"192.0.2.{i}", "alice") with { Registry = "registry" }, true, Limits);

        var elsewhere = await Other.TakeAsync(From("192.0.2.8", "alice") with { Registry = "registry" }, true, Limits);
        Assert.Equal(SignInCounts.Account, elsewhere.Exhausted);
        Assert.Equal(SignInCounts.None, (await Other.TakeAsync(home with { Registry = "registry" }, true, Limits)).Exhausted);
    }

    [Fact]
    public async Task Tries_come_back_with_time_and_are_swept()
    {
        var brief = new SignInLimitsOptions { Within = TimeSpan.FromMilliseconds(500), PerAccountAndAddress = 1 };
        var who = From("192.0.2.1", "alice");
        Assert.Equal(SignInCounts.None, (await One.TakeAsync(who, true, brief)).Exhausted);
        var binds = One.BindsTo("corp", 1, TimeSpan.FromMilliseconds(500));
        Assert.True(binds.TryTake("uid=alice", isPassedOn: false, out _, out _));
        await TestKit.Eventually.TrueAsync(
            async () => (await Other.TakeAsync(who, true, brief)).Exhausted == SignInCounts.None, TimeSpan.FromSeconds(30), () => "no try came back");
        await TestKit.Eventually.TrueAsync(
            () => Task.FromResult(binds.TryTake("uid=alice", isPassedOn: false, out _, out _)), TimeSpan.FromSeconds(30), () => "no try came back");
        await One.SweepAsync();
    }

    private static Requester From(string address, string account) => new(ClientNetwork.Of(IPAddress.Parse(address)), account);

    private async Task TakeAsync(string address, string account, int count)
    {
        for (var i = 0; i < count; i++)
        {
            Assert.Equal(SignInCounts.None, (await One.TakeAsync(From(address, account), true, Limits)).Exhausted);
        }
    }
}
