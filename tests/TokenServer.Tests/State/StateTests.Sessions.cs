using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Tests.State;

public abstract partial class StateTests
{
    [Fact]
    public async Task A_session_is_found_by_its_secret_as_it_was_made_until_it_ends()
    {
        var session = SessionOf("s1");
        Assert.True(await One.Sessions.AddAsync(session, Hash("1"), 0));
        Assert.Equal(session, await Other.Sessions.FindAsync(Hash("1")));
        Assert.Null(await Other.Sessions.FindAsync(Hash("2")));

        Clock.Advance(TimeSpan.FromMinutes(1));
        await Other.Sessions.NoteAsync("s1", Now);
        Assert.Equal(session with { Used = Now }, Assert.Single(await One.Sessions.ListAsync("alice")));
        Assert.False(await Other.Sessions.EndAsync("s1", "bob"));
        Assert.True(await Other.Sessions.EndAsync("s1", "alice"));
        Assert.Null(await One.Sessions.FindAsync(Hash("1")));
    }

    [Fact]
    public async Task What_ends_an_account_ends_its_sessions_in_any_spelling_and_those_that_begin_late()
    {
        await One.Sessions.AddAsync(SessionOf("s1"), Hash("1"), 0);
        await One.Sessions.AddAsync(SessionOf("s2", "Alice"), Hash("2"), 0);
        await One.Sessions.AddAsync(SessionOf("s3", "bob"), Hash("3"), 0);
        await Other.Grants.EndAllAsync("alice");
        Assert.Null(await One.Sessions.FindAsync(Hash("1")));
        Assert.Null(await One.Sessions.FindAsync(Hash("2")));
        Assert.NotNull(await One.Sessions.FindAsync(Hash("3")));

        Assert.False(await One.Sessions.AddAsync(SessionOf("s4"), Hash("4"), 0));
        Assert.True(await One.Sessions.AddAsync(SessionOf("s5"), Hash("5"), await One.Revocations.NewestOfAccountsAsync()));
        Assert.Null(await Other.Suspensions.SuspendAsync("bob", "root", "", Now));
        Assert.Null(await One.Sessions.FindAsync(Hash("3")));
        Assert.False(await One.Sessions.AddAsync(SessionOf("s6", "bob"), Hash("6"), await One.Revocations.NewestOfAccountsAsync()));
    }

    [Fact]
    public async Task An_account_has_so_many_sessions_and_the_one_unused_for_longest_goes()
    {
        for (var i = 0; i <= SessionLimits.MaxPerAccount; i++)
        {
            Assert.True(await (i % 2 == 0 ? One : Other).Sessions.AddAsync(SessionOf($"s{i}"), Hash($"{i}"), 0));
            Clock.Advance(TimeSpan.FromSeconds(1));
        }

        var left = await One.Sessions.ListAsync("alice");
        Assert.Equal(SessionLimits.MaxPerAccount, left.Count);
        Assert.Equal($"s{SessionLimits.MaxPerAccount}", left[0].Id);
        Assert.Null(await One.Sessions.FindAsync(Hash("0")));
    }

    [Fact]
    public async Task Sessions_that_are_old_or_unused_are_swept()
    {
        await One.Sessions.AddAsync(SessionOf("s1"), Hash("1"), 0);
        Clock.Advance(TimeSpan.FromHours(1));
        await One.Sessions.AddAsync(SessionOf("s2"), Hash("2"), 0);
        await One.Sessions.NoteAsync("s1", Now);
        Assert.Equal(0, await Other.Sessions.SweepAsync(Now - TimeSpan.FromMinutes(30), Now - TimeSpan.FromHours(2)));
        Assert.Equal(1, await Other.Sessions.SweepAsync(Now - TimeSpan.FromMinutes(30), Now - TimeSpan.FromHours(1)));
        Assert.Equal(1, await Other.Sessions.SweepAsync(Now, Now - TimeSpan.FromHours(1)));
    }

    private Session SessionOf(string id, string account = "alice") =>
        new(id, account, new AccountOrigin("htpasswd", null, "2026-01-01"), Now, Now, "192.0.2.1");
}
