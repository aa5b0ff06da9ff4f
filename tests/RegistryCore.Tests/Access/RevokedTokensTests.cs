using AuthIndex.RegistryCore.Access;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Tests.Access;

public sealed class RevokedTokensTests
{
    private readonly FakeTimeProvider clock = new(DateTimeOffset.UtcNow); // some tests ask a registry, whose clock begins there

    private long Now => clock.GetUtcNow().ToUnixTimeSeconds();

    [Theory]
    [InlineData("account", "alice", true)]
    [InlineData("account", "bob", false)]
    [InlineData("account", "Alice", false)]
    [InlineData("account", "grant-1", false)]
    [InlineData("grant", "grant-1", true)]
    [InlineData("grant", "grant-2", false)]
    [InlineData("token", "id-1", true)]
    [InlineData("token", "grant-1", false)]
    [InlineData("of a later version", "alice", false)]
    public void A_token_is_void_by_its_account_its_grant_or_its_id(string kind, string value, bool isVoid)
    {
        var revoked = Known(new RevocationEntry(0, kind, value, Now, Now + 60));
        Assert.Equal(isVoid, revoked.Covers(Token(Now)));
    }

    [Theory]
    [InlineData("github:example/App", "github:Example/app", true)]
    [InlineData("github:example/app", "github:example/app2", false)]
    [InlineData("ALICE", "alice", false)] // an account of htpasswd
    [InlineData("robot:ci", "robot:CI", false)]
    [InlineData("cert:Build", "cert:build", false)]
    [InlineData("spiffe://example.org/CI", "spiffe://example.org/ci", false)]
    public void A_token_is_void_by_every_spelling_of_an_account_that_a_provider_names(string revoked, string subject, bool isVoid)
    {
        var known = Known(new RevocationEntry(0, "account", revoked, Now, Now + 60));
        Assert.Equal(isVoid, known.Covers(Token(Now) with { Subject = subject }));
        known.Add([new RevocationEntry(0, "account", subject, Now - 30, Now + 60)]);
        Assert.Equal(isVoid ? 1 : 2, known.All.Count);
        Assert.Equal(isVoid, known.Covers(Token(Now) with { Subject = subject })); // the later one holds, in whatever spelling
    }

    [Fact]
    public void What_was_issued_in_the_second_of_the_revocation_is_void_and_what_was_issued_later_is_not()
    {
        var revoked = Known(new RevocationEntry(0, "account", "alice", Now, Now + 60));
        Assert.True(revoked.Covers(Token(Now)));
        Assert.False(revoked.Covers(Token(Now + 1)));
    }

    [Fact]
    public void Of_two_revocations_of_one_account_the_later_counts_in_whatever_order_they_come()
    {
        var revoked = Known(new RevocationEntry(0, "account", "alice", Now, Now + 60));
        revoked.Add([new RevocationEntry(0, "account", "alice", Now - 30, Now + 30)]);
        Assert.True(revoked.Covers(Token(Now)));
        clock.Advance(TimeSpan.FromSeconds(40));
        revoked.Add([]);
        Assert.True(revoked.Covers(Token(Now - 40)));
    }

    [Fact]
    public void An_anonymous_token_is_nobodys()
    {
        var revoked = Known(new RevocationEntry(0, "account", "", Now, Now + 60));
        Assert.False(revoked.Covers(Token(Now) with { Subject = "" }));
    }

    [Fact]
    public void What_has_expired_is_dropped()
    {
        var revoked = Known(
            new RevocationEntry(0, "account", "alice", Now, Now + 3660), new RevocationEntry(0, "account", "bob", Now, Now + 4200));
        clock.Advance(TimeSpan.FromSeconds(3661));
        revoked.Add([]);
        Assert.Equal("bob", Assert.Single(revoked.All).Value);
        clock.Advance(TimeSpan.FromSeconds(600));
        revoked.Add([]);
        Assert.Empty(revoked.All);
    }

    [Fact]
    public void A_clock_that_jumps_ahead_and_comes_back_drops_nothing()
    {
        var jumping = new HostClock(clock);
        var revoked = new RevokedTokens(jumping);
        clock.Advance(TimeSpan.FromHours(2));
        revoked.Add([new RevocationEntry(0, "account", "alice", Now, Now + 60)]);
        jumping.Offset = TimeSpan.FromDays(366);
        revoked.Add([]);
        jumping.Offset = TimeSpan.Zero;
        revoked.Add([]);
        Assert.True(revoked.Covers(Token(Now)));
    }

    [Fact]
    public void A_later_revocation_takes_the_place_of_one_that_lies_ahead()
    {
        var revoked = Known(new RevocationEntry(0, "account", "alice", Now + 100_000, Now + 200_000));
        Assert.True(revoked.Covers(Token(Now + 1)));
        revoked.Add([new RevocationEntry(0, "account", "alice", Now, Now + 60)]);
        Assert.True(revoked.Covers(Token(Now)));
        Assert.False(revoked.Covers(Token(Now + 1)));
    }

    [Fact]
    public async Task A_token_that_does_not_say_when_it_was_issued_is_void_with_its_account()
    {
        await using var registry = await RegistryHost.StartAsync();
        var claims = registry.Tokens.Payload("alice", "repository:a/b:pull");
        claims.Remove("iat");
        using var client = registry.With(registry.Tokens.Sign(registry.Tokens.Header(), claims));
        using (var before = await client.GetAsync("/v2/", CancellationToken.None))
        {
            Assert.Equal(System.Net.HttpStatusCode.OK, before.StatusCode);
        }

        registry.Service<RevokedTokens>().Add([new RevocationEntry(0, "account", "alice", 1, Now + 60)]);
        using var after = await client.GetAsync("/v2/", CancellationToken.None);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, after.StatusCode);
    }

    [Fact]
    public async Task A_token_whose_time_of_issue_is_not_a_number_is_refused()
    {
        await using var registry = await RegistryHost.StartAsync();
        var claims = registry.Tokens.Payload("alice", "repository:a/b:pull");
        claims["iat"] = "soon";
        using var client = registry.With(registry.Tokens.Sign(registry.Tokens.Header(), claims));
        using var answer = await client.GetAsync("/v2/", CancellationToken.None);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task A_token_under_a_grant_is_void_with_it()
    {
        await using var registry = await RegistryHost.StartAsync();
        var claims = registry.Tokens.Payload("alice", "repository:a/b:pull");
        claims["grant"] = "grant-1";
        using var client = registry.With(registry.Tokens.Sign(registry.Tokens.Header(), claims));
        using (var before = await client.GetAsync("/v2/", CancellationToken.None))
        {
            Assert.Equal(System.Net.HttpStatusCode.OK, before.StatusCode);
        }

        registry.Service<RevokedTokens>().Add([new RevocationEntry(0, "grant", "grant-1", Now + 60, Now + 60)]);
        using var after = await client.GetAsync("/v2/", CancellationToken.None);
        Assert.Equal(System.Net.HttpStatusCode.Unauthorized, after.StatusCode);
    }

    private RevokedTokens Known(params RevocationEntry[] entries)
    {
        var revoked = new RevokedTokens(clock);
        revoked.Add(entries);
        return revoked;
    }

    private VerifiedToken Token(long issuedAt) =>
        new("alice", [], [], clock.GetUtcNow(), clock.GetUtcNow()) { Grant = "grant-1", Id = "id-1", IssuedAt = issuedAt };
}
