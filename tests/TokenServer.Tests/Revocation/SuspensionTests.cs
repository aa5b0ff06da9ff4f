using System.Net;
using System.Net.Http.Headers;
using System.Reflection;
using System.Text.Json.Nodes;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TestKit;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Authentication;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests.Revocation;

public sealed class SuspensionTests
{
    private static readonly CancellationToken None = CancellationToken.None;
    private static readonly TimeSpan Year = TimeSpan.FromDays(366);

    [Fact]
    public async Task A_suspended_account_is_refused_though_its_password_is_remembered_and_is_told_what_everybody_is_told()
    {
        await using var server = await TokenServerHost.StartAsync();
        Assert.Equal(HttpStatusCode.OK, (await SignInAsync(server, "alice")).Status); // remembered from now on
        await SuspendAsync(server, "alice");
        await EventuallyAsync(server, "alice", HttpStatusCode.Unauthorized);

        var refused = await SignInAsync(server, "alice");
        using var wrong = await server.GetAsync("/token", "alice", "a wrong password");
        Assert.Equal(WithoutDecision(await wrong.Content.ReadAsStringAsync(None)), WithoutDecision(refused.Body));
        Assert.Contains(
            "the account has been suspended since 2030-01-02 03:04:05Z by root: left the company",
            server.Log.Text, StringComparison.Ordinal);
        Assert.Contains("The account alice was suspended by root: \"left the company\"", server.Log.Text, StringComparison.Ordinal);
        await Eventually.TrueAsync(
            () => File.Exists(server.Options.AuditPath)
            && File.ReadAllText(server.Options.AuditPath).Contains("suspended since", StringComparison.Ordinal), TimeSpan.FromSeconds(30),
            () => "not in the audit log");
        Assert.Equal(HttpStatusCode.OK, (await SignInAsync(server, "admin", TokenServerHost.AdminPassword)).Status);
    }

    [Fact]
    public async Task A_resumed_account_signs_in_again()
    {
        await using var server = await TokenServerHost.StartAsync();
        await SuspendAsync(server, "alice");
        await EventuallyAsync(server, "alice", HttpStatusCode.Unauthorized);
        await using (var database = new StateDatabase(server.Options.DatabaseFile))
        {
            Assert.Equal(Resumption.Resumed, await new SqliteSuspensionStore(database).ResumeAsync("alice", server.Clock.GetUtcNow()));
        }

        await EventuallyAsync(server, "alice", HttpStatusCode.OK);
        Assert.Contains("The account alice may sign in again", server.Log.Text, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, true)]
    [InlineData(false, false)]
    public void An_account_of_a_directory_stays_suspended_in_whatever_case_the_directory_spells_it(bool ignoresCase, bool isSuspended)
    {
        var suspended = new SuspendedAccounts();
        suspended.Replace([new Suspension("jgross", DateTimeOffset.UnixEpoch, "root", "")]);
        Assert.Equal(
            isSuspended,
            suspended.Check(new SignInOutcome.SignedIn("JGross", [], "test") { IgnoresCase = ignoresCase }) is SignInOutcome.Refused);
    }

    [Theory]
    [InlineData("github:example/App", "github:Example/app", true)]
    [InlineData("robot:ci", "robot:CI", false)]
    [InlineData("cert:Build", "cert:build", false)]
    [InlineData("spiffe://example.org/CI", "spiffe://example.org/ci", false)]
    public void A_suspension_holds_in_every_spelling_of_a_providers_account_and_for_no_other_robot_or_certificate(
        string account, string other, bool isSuspended)
    {
        var suspended = new SuspendedAccounts();
        suspended.Replace([new Suspension(account, DateTimeOffset.UnixEpoch, "root", "")]);
        Assert.IsType<SignInOutcome.Refused>(suspended.Check(new SignInOutcome.SignedIn(account, [], "test")));
        Assert.Equal(isSuspended, suspended.Check(new SignInOutcome.SignedIn(other, [], "test")) is SignInOutcome.Refused);
        suspended.Replace(
            [new Suspension(account, DateTimeOffset.UnixEpoch, "root", ""), new Suspension(other, DateTimeOffset.UnixEpoch, "root", "")]);
        Assert.Equal(2, suspended.Count);
    }

    [Fact]
    public async Task Who_was_suspended_while_the_server_was_down_does_not_get_in_with_the_first_request()
    {
        await using var server = await TokenServerHost.StartAsync();
        await SuspendAsync(server, "alice");
        await server.RestartAsync();
        Assert.Equal(HttpStatusCode.Unauthorized, (await SignInAsync(server, "alice")).Status);
    }

    [Fact]
    public async Task A_suspension_while_a_sign_in_is_under_way_ends_it()
    {
        var suspended = new SuspendedAccounts();
        var passwords = new PasswordSignIn(
            new IdentityChain([new SlowSource(() => suspended.Replace([new Suspension("alice", DateTimeOffset.UnixEpoch, "root", "")]))]),
            new PasswordCache(TimeSpan.FromMinutes(5), new FakeTimeProvider()),
            suspended,
            new SignInLimits(new SignInLimitsOptions(), new FakeTimeProvider()));
        var outcome = Assert.IsType<SignInOutcome.Refused>(await passwords.SignInAsync("alice", "pw", null, "", None));
        Assert.Equal("the account has been suspended since 1970-01-01 00:00:00Z by root", outcome.Reason);

        suspended.Replace([]);
        Assert.IsType<SignInOutcome.SignedIn>(await passwords.SignInAsync("alice", "pw", null, "", None));
    }

    [Fact]
    public async Task An_account_is_suspended_where_it_is_looked_up_without_a_password_too()
    {
        await using var server = await TokenServerHost.StartAsync();
        var (suspended, now) = (server.Service<SuspendedAccounts>(), server.Clock.GetUtcNow());
        Assert.IsType<SignInOutcome.SignedIn>(await FindAsync());
        suspended.Replace([new Suspension("alice", now, "root", "")]);
        Assert.IsType<SignInOutcome.Refused>(await FindAsync());
        suspended.Replace([]);
        Assert.IsType<SignInOutcome.SignedIn>(await FindAsync());

        async Task<SignInOutcome> FindAsync() =>
            (await server.Service<Authenticator>().FindHolderAsync("alice", null, null, now, None)).Outcome;
    }

    [Fact]
    public async Task The_tokens_that_a_suspended_account_has_and_gets_in_that_moment_are_void()
    {
        await using var server = await TokenServerHost.StartAsync();
        var now = server.Clock.GetUtcNow();
        await SuspendAsync(server, "alice");
        var revocations = server.Service<IRevocationStore>();
        Assert.True(await revocations.IsVoidAsync("alice", null, "id", now.ToUnixTimeSeconds()));
        Assert.True(await revocations.IsVoidAsync("alice", null, "id", (now + ISuspensionStore.NoticedWithin).ToUnixTimeSeconds()));
        Assert.False(await revocations.IsVoidAsync("alice", null, "id", (now + ISuspensionStore.NoticedWithin).ToUnixTimeSeconds() + 1));
        Assert.False(await revocations.IsVoidAsync("bob", null, "id", now.ToUnixTimeSeconds()));
    }

    [Fact]
    public async Task An_account_that_a_clock_running_ahead_suspended_gets_tokens_that_are_good_once_it_is_resumed()
    {
        await using var server = await TokenServerHost.StartAsync();
        server.Clock.Advance(Year);
        await SuspendAsync(server, "alice");
        server.Clock.AdjustTime(server.Clock.GetUtcNow() - Year);
        await Eventually.TrueAsync(
            () => server.Log.Text.Contains("The tokens of alice are revoked up to a time in the future", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30), () => server.Log.Text);
        var now = server.Clock.GetUtcNow();
        var revocations = server.Service<IRevocationStore>();
        Assert.True(await revocations.IsVoidAsync("alice", null, "id", now.ToUnixTimeSeconds() + 1));

        await using (var database = new StateDatabase(server.Options.DatabaseFile))
        {
            Assert.Equal(Resumption.ResumedAgainstTheClock, await new SqliteSuspensionStore(database).ResumeAsync("alice", now));
        }

        Assert.True(await revocations.IsVoidAsync("alice", null, "id", now.ToUnixTimeSeconds()));
        Assert.False(await revocations.IsVoidAsync("alice", null, "id", now.ToUnixTimeSeconds() + 1));
    }

    [Fact]
    public async Task A_clock_that_jumps_ahead_and_comes_back_loses_no_revocation()
    {
        using var folder = new TemporaryDirectory();
        await using var database = new StateDatabase(folder["index.db"]);
        var clock = new FakeTimeProvider(TokenServerHost.Start);
        var jumping = new HostClock(clock);
        var revocations = new SqliteRevocationStore(database, jumping);
        clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(0, await revocations.SweepAsync());
        Assert.Null(await new SqliteSuspensionStore(database).SuspendAsync("alice", "root", "", jumping.GetUtcNow()));

        jumping.Offset = Year;
        Assert.Equal(0, await revocations.SweepAsync());
        Assert.Single((await revocations.AfterAsync(0, 10)).Items);
        jumping.Offset = TimeSpan.Zero;
        Assert.Equal(0, await revocations.SweepAsync());
        Assert.Single((await revocations.AfterAsync(0, 10)).Items);

        // A clock that has run evenly for a while is believed.
        clock.Advance(IRevocationStore.LongestLife + ISuspensionStore.NoticedWithin);
        Assert.Equal(1, await revocations.SweepAsync());
    }

    [Fact]
    public async Task A_suspended_or_revoked_token_searches_no_catalog()
    {
        await using var server = await TokenServerHost.StartAsync();
        var token = (string)JsonNode.Parse((await SignInAsync(server, "alice")).Body)!["token"]!;
        Assert.Equal(HttpStatusCode.OK, await SearchAsync(server, token));
        await server.Service<StateDatabase>().WriteAsync(db =>
        {
            SqliteEndings.Revoke(db, RevocationKind.Account, "alice", server.Clock.GetUtcNow(), server.Clock.GetUtcNow());
            return 0;
        });
        Assert.Equal(HttpStatusCode.Unauthorized, await SearchAsync(server, token));
    }

    [Fact]
    public void A_revocation_is_kept_for_as_long_as_any_token_can_be_configured_to_live()
    {
        var range = typeof(TokenServerOptions).GetProperty(
            nameof(TokenServerOptions.TokenLifetime))!.GetCustomAttribute<DurationRangeAttribute>()!;
        Assert.True(Duration.TryParse(range.Max, out var longest));
        Assert.Equal(TokenProfile.MaxLifetime, longest);
        Assert.True(IRevocationStore.LongestLife > longest);
    }

    private static async Task SuspendAsync(TokenServerHost server, string account)
    {
        await using var database = new StateDatabase(server.Options.DatabaseFile);
        Assert.Null(await new SqliteSuspensionStore(database).SuspendAsync(account, "root", "left the company", server.Clock.GetUtcNow()));
    }

    private static async Task<(HttpStatusCode Status, string Body)> SignInAsync(
        TokenServerHost server, string user, string password = TokenServerHost.AlicePassword)
    {
        using var answer = await server.GetAsync("/token?service=registry", user, password);
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync(None));
    }

    private static Task EventuallyAsync(TokenServerHost server, string user, HttpStatusCode status) =>
        Eventually.TrueAsync(
            async () => (await SignInAsync(server, user)).Status == status, TimeSpan.FromSeconds(30), () => $"never {status}");

    private static async Task<HttpStatusCode> SearchAsync(TokenServerHost server, string token)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get, "/index/v1/repositories") { Headers = { Authorization = new AuthenticationHeaderValue("Bearer", token) } };
        using var answer = await server.Client.SendAsync(request, None);
        return answer.StatusCode;
    }

    private static string WithoutDecision(string body) =>
        System.Text.RegularExpressions.Regex.Replace(
            body, @"decision \w+", "decision", System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));

    private sealed class SlowSource(Action meanwhile) : IPasswordSource
    {
        public string Name => "test";

        public long Version => 0;

        public ValueTask<SignInOutcome> SignInAsync(Requester by, string user, string password, CancellationToken cancellationToken)
        {
            meanwhile();
            return new(new SignInOutcome.SignedIn(user, [], "test"));
        }

        public ValueTask<SignInOutcome> RefuseUnknownAsync(
            Requester by, string user, string password, bool wasAsked, CancellationToken cancellationToken) =>
                new(new SignInOutcome.UnknownAccount());

        public ValueTask<SignInOutcome> FindAsync(string account, CancellationToken cancellationToken) =>
            new(new SignInOutcome.SignedIn(account, [], "test"));

        public ValueTask<NamesFound> NamesAsync(string name, bool asTyped, CancellationToken cancellationToken) => new(NamesFound.None);
    }
}
