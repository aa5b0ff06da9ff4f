using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Tests.State;

public abstract partial class StateTests
{
    [Fact]
    public async Task A_grant_is_found_by_its_secret_and_by_its_id_as_it_was_made()
    {
        var access = Access("a1");
        Assert.Null(await One.Grants.AddAccessAsync(access, Hash("secret"), 10, null));
        Assert.Equal(Text(access), Text((await Other.Grants.FindAsync(Hash("secret"))).Grant));
        Assert.Equal(Text(access), Text(await Other.Grants.FindByIdAsync("a1")));
        Assert.Null((await Other.Grants.FindAsync(Hash("another"))).Grant);
        Assert.Null(await Other.Grants.FindByIdAsync("a2"));

        var refresh = Refresh("r1");
        Assert.True(await One.Grants.AddRefreshAsync(refresh, Hash("refresh"), 10, 0));
        Assert.Equal(Text(refresh), Text((await Other.Grants.FindAsync(Hash("refresh"))).Grant));
    }

    [Fact]
    public async Task A_grant_that_ends_is_gone_counted_and_revoked()
    {
        await One.Grants.AddAccessAsync(Access("a1"), Hash("secret"), 10, null);
        var before = await Other.Grants.EndingsAsync();
        Assert.Null(await Other.Grants.EndAsync("a1", "bob"));
        Assert.Equal(before, await One.Grants.EndingsAsync());

        Assert.Equal("a1", (await One.Grants.EndAsync("a1", "alice"))?.Id);
        Assert.True(await Other.Grants.EndingsAsync() > before);
        var (grant, endings) = await Other.Grants.FindAsync(Hash("secret"));
        Assert.Null(grant);
        Assert.Equal(await Other.Grants.EndingsAsync(), endings);
        Assert.True(await Other.Revocations.IsVoidAsync("alice", "a1", "jti", Now.ToUnixTimeSeconds() + 3600));
        Assert.False(await Other.Revocations.IsVoidAsync("alice", "a2", "jti", Now.ToUnixTimeSeconds()));
        Assert.Null(await One.Grants.EndAsync("a1", "alice"));
    }

    [Fact]
    public async Task Of_several_grants_all_end_or_none()
    {
        await One.Grants.AddAccessAsync(Access("a1"), Hash("1"), 10, null);
        await One.Grants.AddAccessAsync(Access("a2"), Hash("2"), 10, null);
        Assert.Equal(["a3"], await One.Grants.EndAsync(["a1", "a3", "a2"]));
        Assert.Equal(["a1", "a2"], await IdsAsync());
        Assert.Empty(await One.Grants.EndAsync(["a1", "a2", "a1"]));
        Assert.Empty(await IdsAsync());
        Assert.Equal("a4", (await AddAndEndAsync()).Id);

        async Task<Grant> AddAndEndAsync()
        {
            await One.Grants.AddAccessAsync(Access("a4"), Hash("4"), 10, null);
            return (await Other.Grants.EndAsync(Hash("4")))!;
        }
    }

    [Fact]
    public async Task The_end_of_an_account_ends_its_grants_and_whoever_began_to_sign_in_before()
    {
        await One.Grants.AddAccessAsync(Access("a1"), Hash("1"), 10, null);
        await One.Grants.AddRefreshAsync(Refresh("r1"), Hash("2"), 10, 0);
        await One.Grants.AddAccessAsync(Access("b1", "bob"), Hash("3"), 10, null);
        var seen = await Other.Revocations.NewestOfAccountsAsync();

        Assert.Equal(1, await One.Grants.EndAllAsync("alice", TokenKind.Refresh));
        Assert.Equal(["a1", "b1"], await IdsAsync());
        Assert.Equal(1, await One.Grants.EndAllAsync("alice"));
        Assert.Equal(["b1"], await IdsAsync());
        Assert.True(await Other.Revocations.IsVoidAsync("alice", null, "jti", Now.ToUnixTimeSeconds()));
        Assert.False(await Other.Revocations.IsVoidAsync("bob", null, "jti", Now.ToUnixTimeSeconds()));

        Assert.False(await Other.Grants.AddRefreshAsync(Refresh("r2"), Hash("4"), 10, seen));
        Assert.Equal(GrantRefusal.AccountEnded, await Other.Grants.AddAccessAsync(Access("a2"), Hash("5"), 10, seen));
        Assert.Equal(["b1"], await IdsAsync());
        Assert.True(await Other.Grants.AddRefreshAsync(
            Refresh("r2"), Hash("4"), 10, await Other.Revocations.NewestOfAccountsAsync()));
        Assert.Null(await Other.Grants.AddAccessAsync(Access("a2"), Hash("5"), 10, null));
    }

    [Fact]
    public async Task A_suspended_account_gets_no_grant()
    {
        Assert.Null(await One.Suspensions.SuspendAsync("alice", "root", "", Now));
        var seen = await Other.Revocations.NewestOfAccountsAsync();
        Assert.False(await Other.Grants.AddRefreshAsync(Refresh("r1"), Hash("1"), 10, seen));
        Assert.Equal(GrantRefusal.AccountEnded, await Other.Grants.AddAccessAsync(Access("a1"), Hash("2"), 10, seen));
        Assert.Empty(await IdsAsync());
    }

    [Fact]
    public async Task A_refresh_token_takes_the_place_of_those_left_behind_and_of_the_one_unused_for_longest()
    {
        await One.Grants.AddRefreshAsync(Refresh("left"), Hash("1"), 10, 0);
        await One.Grants.AddRefreshAsync(Refresh("elsewhere", from: "192.0.2.2"), Hash("2"), 10, 0);
        await One.Grants.AddRefreshAsync(Refresh("unnamed", client: null), Hash("3"), 10, 0);
        await One.Grants.AddRefreshAsync(Refresh("used"), Hash("4"), 10, 0);
        Clock.Advance(IGrantStore.LeftBehindAfter);
        await One.Grants.NoteAsync([new GrantUse("used", Now, "192.0.2.1")]);
        await Other.Grants.AddRefreshAsync(Refresh("next"), Hash("5"), 10, 0);
        Assert.Equal(["elsewhere", "next", "unnamed", "used"], await IdsAsync());

        await Other.Grants.NoteAsync([new GrantUse("unnamed", Now, "192.0.2.1")]);
        Clock.Advance(TimeSpan.FromSeconds(1));
        await One.Grants.AddRefreshAsync(Refresh("last", client: "other"), Hash("6"), 4, 0);
        Assert.Equal(["last", "next", "unnamed", "used"], await IdsAsync());
        Assert.Null((await Other.Grants.FindAsync(Hash("2"))).Grant);
    }

    [Fact]
    public async Task An_account_has_no_more_access_tokens_than_it_may_whichever_process_makes_them()
    {
        var made = await Task.WhenAll(Enumerable.Range(0, 16).Select(i =>
            (i % 2 == 0 ? One : Other).Grants.AddAccessAsync(Access($"a{i}"), Hash($"{i}"), 5, null)));
        Assert.Equal(5, made.Count(refusal => refusal is null));
        Assert.Equal(11, made.Count(refusal => refusal == GrantRefusal.LimitReached));
        Assert.Equal(5, (await IdsAsync("alice")).Length);

        Clock.Advance(TimeSpan.FromDays(31)); // those that have expired do not count
        Assert.Null(await One.Grants.AddAccessAsync(Access("later"), Hash("later"), 5, null));
    }

    [Fact]
    public async Task Refresh_tokens_end_by_client_and_address()
    {
        await One.Grants.AddRefreshAsync(Refresh("r1"), Hash("1"), 10, 0);
        await One.Grants.AddRefreshAsync(Refresh("r2", client: "podman"), Hash("2"), 10, 0);
        await One.Grants.AddRefreshAsync(Refresh("r3", "bob", from: "192.0.2.3"), Hash("3"), 10, 0);
        await One.Grants.AddAccessAsync(Access("a1"), Hash("4"), 10, null);
        await One.Grants.NoteAsync([new GrantUse("r3", Now, "192.0.2.9")]);

        Assert.Equal(0, await Other.Grants.EndRefreshAsync("bob", "podman", null));
        Assert.Equal(1, await Other.Grants.EndRefreshAsync(null, null, "192.0.2.9"));
        Assert.Equal(1, await Other.Grants.EndRefreshAsync("alice", "podman", "192.0.2.1"));
        Assert.Equal(["a1", "r1"], await IdsAsync());
        Assert.Equal(1, await Other.Grants.EndRefreshAsync(null, "docker", null));
        Assert.Equal(["a1"], await IdsAsync());
    }

    [Fact]
    public async Task Uses_are_written_over_older_ones_and_origins_where_none_or_the_same_source_is_known()
    {
        await One.Grants.AddRefreshAsync(Refresh("r1"), Hash("1"), 10, 0);
        Assert.Equal(2, await One.Grants.NoteAsync([new GrantUse("r1", Now, "192.0.2.1", new AccountOrigin("htpasswd", null, null))]));
        Assert.Equal(0, await Other.Grants.NoteAsync([new GrantUse("r1", Now, "192.0.2.1")]));
        Assert.Equal(1, await Other.Grants.NoteAsync([new GrantUse("r1", Now, null)]));
        Assert.Equal(0, await Other.Grants.NoteAsync([new GrantUse("r1", Now - TimeSpan.FromSeconds(1), "192.0.2.7")]));
        var used = Now;
        Clock.Advance(IGrantStore.UseIsOld);
        Assert.Equal(
            1, await Other.Grants.NoteAsync([new GrantUse("r1", Now, "192.0.2.8", new AccountOrigin("ldap:corp", "entry", null))]));
        var grant = (await One.Grants.FindByIdAsync("r1"))!;
        Assert.Equal((used + IGrantStore.UseIsOld, "192.0.2.8", "htpasswd"), (grant.Used, grant.UsedFrom, grant.Origin?.Source));
        Assert.Equal(0, await One.Grants.NoteAsync([new GrantUse("gone", Now, null)]));
    }

    [Fact]
    public async Task What_has_expired_or_lain_idle_is_swept_without_being_revoked()
    {
        await One.Grants.AddRefreshAsync(Refresh("idle"), Hash("1"), 10, 0);
        await One.Grants.AddAccessAsync(Access("expired"), Hash("2"), 10, null);
        Clock.Advance(TimeSpan.FromDays(10));
        await One.Grants.AddRefreshAsync(Refresh("kept"), Hash("3"), 10, 0);
        var endings = await One.Grants.EndingsAsync();
        Assert.False(await Other.Grants.SweepAsync(Now, TimeSpan.FromDays(10)));
        Assert.Equal(["expired", "kept"], await IdsAsync());
        Clock.Advance(TimeSpan.FromDays(20));
        Assert.False(await Other.Grants.SweepAsync(Now, TimeSpan.FromDays(30)));
        Assert.Equal(["kept"], await IdsAsync());
        Assert.Equal(endings, await One.Grants.EndingsAsync());
    }

    [Fact]
    public async Task Grants_are_listed_newest_first()
    {
        await One.Grants.AddAccessAsync(Access("old"), Hash("1"), 10, null);
        Clock.Advance(TimeSpan.FromSeconds(1));
        await One.Grants.AddAccessAsync(Access("b"), Hash("2"), 10, null);
        await One.Grants.AddAccessAsync(Access("a", "bob"), Hash("3"), 10, null);
        Assert.Equal(["a", "b", "old"], (await Other.Grants.ListAsync(null)).Select(g => g.Id));
        Assert.Equal(["b", "old"], (await Other.Grants.ListAsync("alice")).Select(g => g.Id));
    }
}
