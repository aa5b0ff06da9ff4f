using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.Tests.Portal;
using Dapper;
using Microsoft.IdentityModel.JsonWebTokens;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>Two token servers on one PostgreSQL database, with the same keys, accounts and policy: clients cannot tell them apart.</summary>
public sealed class ReplicaTests(SharedPostgres postgres)
{
    private const string TokenPath = "/token?service=registry&scope=repository:users/alice/app:pull";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_refresh_token_of_one_is_good_at_the_other_until_either_ends_it()
    {
        await using var pair = await Pair.StartAsync(await DatabaseAsync());
        var refresh = await LoginAsync(pair.One);
        Assert.Equal(HttpStatusCode.OK, (await RefreshAsync(pair.Other, refresh)).StatusCode);

        await pair.One.Service<IState>().Grants.EndAllAsync("alice");
        await Eventually.TrueAsync(
            async () =>
            {
                pair.One.Clock.Advance(RememberedGrants.LookEvery);
                return (await RefreshAsync(pair.Other, refresh)).StatusCode == HttpStatusCode.Unauthorized;
            },
            TimeSpan.FromSeconds(2), () => "the other server still accepts it");
    }

    [Fact]
    public async Task A_suspension_by_a_command_is_noticed_by_both_and_told_by_both()
    {
        await using var pair = await Pair.StartAsync(await DatabaseAsync());
        var epochs = await Task.WhenAll(FeedAsync(pair.One), FeedAsync(pair.Other));
        Assert.Equal((string)epochs[0]["epoch"]!, (string)epochs[1]["epoch"]!);
        foreach (var server in pair.Both) Assert.Equal(HttpStatusCode.OK, await SignInAsync(server));

        await using (var command = await StateFactory.OpenAsync(pair.One.Options, TimeProvider.System))
        {
            Assert.Null(await command.Suspensions.SuspendAsync("alice", "root", "left", TimeProvider.System.GetUtcNow()));
        }

        foreach (var server in pair.Both)
        {
            await Eventually.TrueAsync(
                async () => await SignInAsync(server) == HttpStatusCode.Unauthorized, TimeSpan.FromSeconds(2), () => server.Log.Text);
            Assert.Equal("alice", (string)(await FeedAsync(server))["revocations"]![0]!["value"]!);
        }
    }

    [Fact]
    public async Task Guesses_at_both_together_are_no_more_than_the_limit()
    {
        await using var pair = await Pair.StartAsync(await DatabaseAsync());
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 14; i++)
        {
            using var answer = await pair.Both[i % 2].GetAsync(TokenPath, "alice", $"guess {i}");
            statuses.Add(answer.StatusCode);
        }

        Assert.Equal(10, statuses.Count(s => s == HttpStatusCode.Unauthorized));
        Assert.All(statuses.Skip(10), s => Assert.Equal(HttpStatusCode.TooManyRequests, s));

        // Not remembered as a wrong password: after an unlock, the right one is checked.
        Assert.Equal(HttpStatusCode.TooManyRequests, await SignInAsync(pair.Other));
        await pair.One.Service<IState>().SignInHolds.ReleaseAsync(["alice"]);
        foreach (var server in pair.Both)
        {
            await Eventually.TrueAsync(
                async () => await SignInAsync(server) == HttpStatusCode.OK, Patience, () => server.Log.Text);
        }
    }

    [Fact]
    public async Task A_browser_signed_in_at_one_is_signed_in_at_the_other()
    {
        await using var pair = await Pair.StartAsync(await DatabaseAsync());
        using var here = new Browser(pair.One);
        using var there = new Browser(pair.Other);
        await here.OpenSignInAsync();
        foreach (var (name, value) in here.Cookies) there.Cookies[name] = value;

        // The form was made by one, and is sent to the other.
        using (var answer = await there.SendAsync(
            "POST", "/sign-in", new FormUrlEncodedContent(
            [
                new("form-token", here.FormToken), new("account", "alice"), new("password", TokenServerHost.AlicePassword),
            ])))
        {
            Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        }

        here.Cookies[Browser.SessionCookie] = there.Cookies[Browser.SessionCookie];
        Assert.Contains("Sign out", await here.PageAsync("/access"), StringComparison.Ordinal);
        using (var left = await here.SubmitAsync("/sign-out")) Assert.Equal(HttpStatusCode.SeeOther, left.StatusCode);
        using var refused = await there.SendAsync("GET", "/access");
        Assert.Equal(HttpStatusCode.SeeOther, refused.StatusCode);
    }

    [Fact]
    public async Task Nobody_is_signed_in_while_it_is_not_known_who_is_suspended()
    {
        var connection = await DatabaseAsync();
        await using var pair = await Pair.StartAsync(connection);
        Assert.Equal(HttpStatusCode.OK, await SignInAsync(pair.One));
        var refresh = await LoginAsync(pair.One);
        await using var database = PostgresDatabase.Create(connection, "test");
        var isLocked = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var mayEnd = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        var holding = database.WriteAsync(async db =>
        {
            await db.ExecuteAsync("SET LOCAL idle_in_transaction_session_timeout = 0; LOCK TABLE suspensions");
            isLocked.SetResult();
            await mayEnd.Task;
            return 0;
        });
        try
        {
            await isLocked.Task.WaitAsync(Patience, Cancel);

            // The password is remembered, and so is the refresh token.
            await Eventually.TrueAsync(
                async () => await SignInAsync(pair.One) == HttpStatusCode.ServiceUnavailable, Patience, () => pair.One.Log.Text);
            using (var refused = await RefreshAsync(pair.One, refresh)) Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            using (var ready = await pair.One.GetAsync("/healthz/ready"))
            {
                Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
                var part = (await ready.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["parts"]!["database"]!;
                Assert.Equal("failed", (string)part["status"]!);
            }

            using var anonymous = await pair.One.GetAsync("/token?service=registry&scope=repository:public/app:pull");
            Assert.Equal(HttpStatusCode.OK, anonymous.StatusCode);
        }
        finally
        {
            mayEnd.SetResult();
            await holding;
        }

        await Eventually.TrueAsync(async () => await SignInAsync(pair.One) == HttpStatusCode.OK, Patience, () => pair.One.Log.Text);
    }

    [Fact]
    public async Task A_database_that_is_down_is_503_and_needs_no_restart_when_it_is_back()
    {
        SharedPostgres.Require(PostgresServer.Obstacle());
        await using var server = await PostgresServer.StartAsync();
        await using var pair = await Pair.StartAsync(await server.CreateDatabaseAsync());
        var refresh = await LoginAsync(pair.One);
        await server.StopAsync();

        using (var refused = await pair.One.GetAsync(TokenPath, "alice", "another password"))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(2), refused.Headers.RetryAfter!.Delta);
            Assert.Contains("temporarily_unavailable", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        using (var refused = await RefreshAsync(pair.Other, refresh)) Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
        await Eventually.TrueAsync(
            async () => (await pair.One.GetAsync("/healthz/ready")).StatusCode == HttpStatusCode.ServiceUnavailable, Patience,
            () => pair.One.Log.Text);

        await server.StartAgainAsync();
        await Eventually.TrueAsync(
            async () => (await RefreshAsync(pair.Other, refresh)).StatusCode == HttpStatusCode.OK, Patience, () => pair.Other.Log.Text);
        await Eventually.TrueAsync(
            async () => (await pair.One.GetAsync("/healthz/ready")).StatusCode == HttpStatusCode.OK, Patience,
            () => pair.One.Log.Text);
    }

    [Fact]
    public async Task A_rotated_key_signs_at_no_server_before_all_publish_it()
    {
        await using var pair = await Pair.StartAsync(await DatabaseAsync());
        await new KeyRotation(pair.One.Options.KeyDemands, pair.One.Clock).RotateAsync(
            TokenProfile.Es256, pair.One.Options.KeyAhead, TextWriter.Null, Cancel);
        foreach (var server in pair.Both)
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    pair.One.Clock.Advance(TimeSpan.FromSeconds(1)); // they look once a second
                    return (await KeysAsync(server)).Length == 2;
                },
                Patience, () => server.Log.Text);
        }

        var old = await SigningKeyAsync(pair.One);
        Assert.Equal(old, await SigningKeyAsync(pair.Other));
        pair.One.Clock.Advance(pair.One.Options.KeyAhead);
        foreach (var server in pair.Both)
        {
            await Eventually.TrueAsync(
                async () =>
                {
                    pair.One.Clock.Advance(TimeSpan.FromSeconds(1));
                    return await SigningKeyAsync(server) != old;
                },
                Patience, () => server.Log.Text);
            Assert.Contains(await SigningKeyAsync(server), await KeysAsync(pair.Both.First(s => s != server)));
        }
    }

    [Fact]
    public async Task A_character_that_the_database_cannot_store_is_a_bad_request()
    {
        await using var pair = await Pair.StartAsync(await DatabaseAsync());
        using var found = await pair.One.GetAsync("/index/v1/repositories?q=%00", "alice", TokenServerHost.AlicePassword);
        Assert.NotEqual(HttpStatusCode.InternalServerError, found.StatusCode);
        using var client = await pair.One.GetAsync(
            "/token?service=registry&client_id=a%00b&offline_token=true", "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.BadRequest, client.StatusCode);
        using var browser = new Browser(pair.One);
        await browser.SignInAsync();
        await browser.PageAsync("/access");
        using var revoked = await browser.SubmitAsync("/access/revoke", ("id", "a\0b"));
        Assert.Equal(HttpStatusCode.BadRequest, revoked.StatusCode);
    }

    [Fact]
    public async Task A_start_without_the_database_says_which_setting_names_it()
    {
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(folder["connection"], "postgres://index:secret-word@127.0.0.1:9/index", Cancel);
        File.SetUnixFileMode(folder["connection"], DurableFile.OwnerOnly);
        var refused = await Assert.ThrowsAsync<Hosting.OperatorException>(() => TokenServerHost.StartAsync(
            o => o.Database.ConnectionFile = folder["connection"]));
        Assert.Contains("tokenServer.database.connectionFile", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("secret-word", refused.Message, StringComparison.Ordinal);

        File.SetUnixFileMode(folder["connection"], DurableFile.OwnerOnly | UnixFileMode.OtherRead);
        refused = await Assert.ThrowsAsync<Hosting.OperatorException>(() => TokenServerHost.StartAsync(
            o => o.Database.ConnectionFile = folder["connection"]));
        Assert.Contains("chmod 600", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_clock_that_differs_from_the_database_is_told_and_signs_in_nobody()
    {
        var now = TokenServerHost.Start;
        Assert.Null(Look(now).ClockProblem(now, now));
        Assert.Null(Look(now.AddSeconds(3)).ClockProblem(now, now.AddSeconds(4))); // anywhere in between
        Assert.Contains("2.0 s behind", Look(now.AddSeconds(2)).ClockProblem(now, now), StringComparison.Ordinal);
        Assert.Contains("5.0 s ahead", Look(now.AddSeconds(-5)).ClockProblem(now, now), StringComparison.Ordinal);
        Assert.Null(new RevocationLook("epoch", 0, (0, 0), null).ClockProblem(now, now));

        var who = new SignInOutcome.SignedIn("alice", [], "htpasswd");
        var suspended = new SuspendedAccounts(TimeSpan.FromHours(1));
        Assert.IsType<SignInOutcome.Unavailable>(suspended.Check(who)); // before the first look
        suspended.Looked(System.Diagnostics.Stopwatch.GetTimestamp(), "the clock is wrong");
        Assert.Equal("the clock is wrong", Assert.IsType<SignInOutcome.Unavailable>(suspended.Check(who)).Reason);
        suspended.Looked(System.Diagnostics.Stopwatch.GetTimestamp(), null);
        Assert.Same(who, suspended.Check(who));

        static RevocationLook Look(DateTimeOffset clock) => new("epoch", 0, (0, 0), clock);
    }

    private static async Task<string[]> KeysAsync(TokenServerHost server)
    {
        using var answer = await server.GetAsync(JwksEndpoint.Path);
        return [.. (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["keys"]!.AsArray().Select(k => (string)k!["kid"]!)];
    }

    private static async Task<string> SigningKeyAsync(TokenServerHost server)
    {
        using var answer = await server.GetAsync("/token?service=registry&scope=repository:public/app:pull");
        var token = (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["token"]!;
        return new JsonWebToken(token).Kid;
    }

    private async Task<string> DatabaseAsync() => await (await postgres.ServerAsync()).CreateDatabaseAsync();

    private static async Task<HttpStatusCode> SignInAsync(TokenServerHost server)
    {
        using var answer = await server.GetAsync(TokenPath, "alice", TokenServerHost.AlicePassword);
        return answer.StatusCode;
    }

    private static async Task<string> LoginAsync(TokenServerHost server)
    {
        using var answer = await server.GetAsync(
            "/token?service=registry&client_id=docker&offline_token=true", "alice", TokenServerHost.AlicePassword);
        return (string)(await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!["refresh_token"]!;
    }

    private static Task<HttpResponseMessage> RefreshAsync(TokenServerHost server, string token) => server.Client.PostAsync(
        new Uri("/token", UriKind.Relative),
        new FormUrlEncodedContent(new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["grant_type"] = "refresh_token",
            ["service"] = "registry",
            ["client_id"] = "docker",
            ["refresh_token"] = token,
        }),
        Cancel);

    private static async Task<JsonNode> FeedAsync(TokenServerHost server)
    {
        using var answer = await server.GetAsync("/index/v1/revocations", "registry", TokenServerHost.Credential);
        return (await answer.Content.ReadFromJsonAsync<JsonNode>(Cancel))!;
    }

    /// <summary>Two servers.</summary>
    private sealed class Pair : IAsyncDisposable
    {
        private readonly TemporaryDirectory folder = new();

        public TokenServerHost One { get; private set; } = null!;

        public TokenServerHost Other { get; private set; } = null!;

        public TokenServerHost[] Both => [One, Other];

        public static async Task<Pair> StartAsync(string connection)
        {
            var pair = new Pair();
            var file = pair.folder["connection"];
            await File.WriteAllTextAsync(file, connection);
            File.SetUnixFileMode(file, DurableFile.OwnerOnly);
            pair.One = await TokenServerHost.StartAsync(o => o.Database.ConnectionFile = file);
            pair.Other = await TokenServerHost.StartAsync(
                o =>
                {
                    o.Database.ConnectionFile = file;
                    o.KeysDirectory = pair.One.Options.KeysPath;
                    o.HtpasswdFile = pair.One.Options.HtpasswdPath;
                },
                shared: pair.One.Clock);
            return pair;
        }

        public async ValueTask DisposeAsync()
        {
            if (Other is not null) await Other.DisposeAsync();
            if (One is not null) await One.DisposeAsync();
            folder.Dispose();
        }
    }
}
