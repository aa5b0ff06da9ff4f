using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Tests.Token;

/// <summary>Guesses and floods over HTTP. A proxy on loopback says for whom it asks, so that a test can be many clients.</summary>
public sealed class GuessingTests
{
    private const string Stranger = "198.51.100.7";
    private const int Guessers = 64;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("alice")]
    [InlineData("nobody")]
    public async Task Too_many_failures_are_429_with_the_time_to_wait_whether_the_account_exists_or_not(string user)
    {
        await using var host = await StartAsync();
        for (var i = 0; i < 10; i++) Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, user, $"guess {i}")).Status);

        foreach (var path in (string[])["/token?service=registry", "/index/v1/repositories", "/account/v1/tokens"])
        {
            var (status, retryAfter, body) = await AskAsync(host, user, "further guess", path: path);
            Assert.Equal(HttpStatusCode.TooManyRequests, status);
            Assert.Equal(TimeSpan.FromSeconds(90), retryAfter);
            var error = body["errors"]![0]!;
            Assert.Equal("TOOMANYREQUESTS", (string?)error["code"]);
            Assert.Equal("too many failed sign-ins; try again in 90 s", (string?)error["message"]);
        }

        using var form = await PostAsync(host, user, "further guess");
        Assert.Equal(HttpStatusCode.TooManyRequests, form.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(90), form.Headers.RetryAfter!.Delta);
        Assert.Equal(10, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task A_wrong_password_repeated_by_a_push_costs_one_hash_in_forms_too()
    {
        await using var host = await StartAsync();
        for (var i = 0; i < 30; i++)
        {
            using var answer = await PostAsync(host, "alice", "old password");
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        }

        Assert.Equal(1, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task Tokens_shown_that_there_are_none_of_count_for_their_address_and_neither_good_ones_nor_passwords_suffer()
    {
        await using var host = await StartAsync();
        using var login = await PostAsync(host, "alice", TokenServerHost.AlicePassword, offline: true);
        var refresh = (string)JsonNode.Parse(await login.Content.ReadAsStringAsync(Cancel))!["refresh_token"]!;
        for (var i = 0; i < 100; i++)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, "", TokenSecret.New(TokenKind.Access).Text)).Status);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await AskAsync(host, "", TokenSecret.New(TokenKind.Access).Text)).Status);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(host, "admin", TokenServerHost.AdminPassword)).Status);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(host, "", refresh)).Status);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(host, "alice", TokenServerHost.AlicePassword)).Status);
    }

    [Fact]
    public async Task One_token_that_ended_counts_once_however_often_a_script_shows_it()
    {
        await using var host = await StartAsync();
        foreach (var dead in (string[])[TokenSecret.New(TokenKind.Access).Text, "eyJhbGciOiJub25lIn0.e30.c2ln"])
        {
            for (var i = 0; i < 120; i++) Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, "ci", dead)).Status);
        }

        for (var i = 0; i < 98; i++)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, "", TokenSecret.New(TokenKind.Access).Text)).Status);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await AskAsync(host, "", TokenSecret.New(TokenKind.Access).Text)).Status);
    }

    [Fact]
    public async Task A_flood_of_refusals_is_counted_and_told_of_once_in_a_while()
    {
        await using var host = await StartAsync();
        for (var i = 0; i < 60; i++) await AskAsync(host, "alice", $"guess {i}");
        host.Clock.Advance(DecisionReport.TellLimitedEvery);
        await AskAsync(host, "alice", "another guess");

        Assert.Contains(
            "authindex_sign_ins_total{identity=\"none\",outcome=\"limited\"} 51\n",
            await host.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), Cancel), StringComparison.Ordinal);
        var told = host.Log.Lines.Where(l => l.Contains("answered 429", StringComparison.Ordinal)).ToList();
        Assert.Equal(2, told.Count);
        Assert.Contains($"\"alice\" from {Stranger}", told[0], StringComparison.Ordinal);
        Assert.Contains("49 more", told[1], StringComparison.Ordinal);

        await Eventually.TrueAsync(
            () => AuditLines(host).Count(l => (string?)l["outcome"] == "limited") == 2, Patience, () => "no two audit lines");
        Assert.Equal(Stranger, (string?)AuditLines(host).First(l => (string?)l["outcome"] == "limited")["address"]);
    }

    [Fact]
    public async Task What_a_stranger_says_of_its_address_changes_nothing()
    {
        await using var host = await TokenServerHost.StartAsync(policy: InsidePolicy);
        for (var i = 0; i < 10; i++)
        {
            Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, "alice", $"guess {i}", $"10.0.0.{i}")).Status);
        }

        Assert.Equal(HttpStatusCode.TooManyRequests, (await AskAsync(host, "alice", "guess", "10.0.0.99")).Status);
        Assert.Equal("[]", await AccessAsync(host, "10.0.0.1"));
        await Eventually.TrueAsync(() => AuditLines(host).Count >= 12, Patience, () => "no audit lines");
        Assert.All(AuditLines(host), l => Assert.Equal("127.0.0.1", (string?)l["address"]));
    }

    [Fact]
    public async Task What_a_configured_proxy_says_is_the_address_for_limits_policy_and_audit_and_nothing_before_it()
    {
        await using var host = await StartAsync(InsidePolicy);
        for (var i = 0; i < 10; i++) await AskAsync(host, "alice", $"guess {i}", $"10.0.0.{i}, {Stranger}");
        Assert.Equal(HttpStatusCode.TooManyRequests, (await AskAsync(host, "alice", "guess", $"10.0.0.99, {Stranger}")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await AskAsync(host, "alice", "guess", "203.0.113.9")).Status);
        Assert.Equal("[]", await AccessAsync(host, $"10.0.0.1, {Stranger}"));
        Assert.NotEqual("[]", await AccessAsync(host, "10.0.0.1"));
        await Eventually.TrueAsync(() => AuditLines(host).Count >= 14, Patience, () => "no audit lines");
        Assert.All(AuditLines(host).Take(11), l => Assert.Equal(Stranger, (string?)l["address"]));
        Assert.Equal("10.0.0.1", (string?)AuditLines(host)[^1]["address"]);
    }

    [Fact]
    public async Task A_flood_from_one_address_is_hashed_no_more_than_so_many_may_fail()
    {
        await using var host = await StartAsync();
        await Task.WhenAll(Enumerable.Range(0, 400).Select(i => AskAsync(host, $"name{i}", "guess")));
        Assert.Equal(100, host.Service<PasswordThreads>().Verified);
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(host, "alice", TokenServerHost.AlicePassword, "203.0.113.9")).Status);
    }

    /// <summary>The limits are off, so that the flood goes on being hashed: what keeps others going is the fair queue alone.</summary>
    [Theory]
    [InlineData(false, true, Guessers / 2)]
    [InlineData(true, true, Guessers / 2)]
    [InlineData(true, false, Guessers / 2)]
    [InlineData(false, false, Guessers * 2)]
    public async Task While_64_clients_guess_good_sign_ins_get_their_turn(bool isOneAccount, bool isAnotherAddress, int mostHashedBefore)
    {
        await using var host = await StartAsync(
            limits: new SignInLimitsOptions { PerAccount = 0, PerAccountAndAddress = 0, PerAddress = 0 });
        await host.ReplaceAccountsAsync(
            string.Concat(((string[])["alice", "bob", "carol"]).Select(u => $"{u}:{PasswordHash.Make($"{u}'s password")}\n")));
        var good = isAnotherAddress ? "203.0.113.9" : Stranger;
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(host, "alice", "alice's password", good)).Status);

        var threads = host.Service<PasswordThreads>();
        using var end = CancellationTokenSource.CreateLinkedTokenSource(Cancel);
        var number = 0;
        var flood = Enumerable.Range(0, Guessers).Select(_ => Task.Run(
            async () =>
            {
                while (!end.IsCancellationRequested)
                {
                    var i = Interlocked.Increment(ref number);
                    var (status, _, _) = await AskAsync(
                        host, isOneAccount ? "carol" : $"name{i}", $"guess {i}", Stranger, cancel: end.Token);
                    Assert.True(status is HttpStatusCode.Unauthorized or HttpStatusCode.ServiceUnavailable);
                }
            },
            CancellationToken.None)).ToList();
        await Eventually.TrueAsync(
            () => Volatile.Read(ref number) - threads.Verified >= Guessers / 2 && threads.Verified > 4, Patience, () => "no flood");

        // Remembered: nothing is hashed for it. For the first time: it waits for a turn of each crowd, not for the crowd.
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(host, "alice", "alice's password", good).WaitAsync(Patience, Cancel)).Status);
        var before = threads.Verified;
        Assert.Equal(HttpStatusCode.OK, (await AskAsync(host, "bob", "bob's password", good).WaitAsync(Patience, Cancel)).Status);
        Assert.InRange(threads.Verified - before, 1, mostHashedBefore);

        await end.CancelAsync();
        foreach (var guesser in flood) Assert.True(await Record.ExceptionAsync(() => guesser) is null or OperationCanceledException);
    }

    private const string InsidePolicy = """
        version: 1
        rules:
          - id: inside
            to: [anyone]
            allow: [pull]
            on: ["inside/**"]
            when: { ip: [10.0.0.0/8] }

        """;

    private static Task<TokenServerHost> StartAsync(string policy = TokenServerHost.Policy, SignInLimitsOptions? limits = null) =>
        TokenServerHost.StartAsync(
        options =>
        {
            options.TrustedProxies.Add(IPNetwork.Parse("127.0.0.1/32"));
            options.SignInLimits = limits ?? options.SignInLimits;
        },
        policy);

    private static async Task<(HttpStatusCode Status, TimeSpan? RetryAfter, JsonNode Body)> AskAsync(
        TokenServerHost host, string user, string password, string forwardedFor = Stranger, string path = "/token?service=registry",
        CancellationToken? cancel = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = TokenServerHost.Basic(user, password);
        request.Headers.Add("X-Forwarded-For", forwardedFor);
        using var answer = await host.Client.SendAsync(request, cancel ?? Cancel);
        return (answer.StatusCode, answer.Headers.RetryAfter?.Delta, JsonNode.Parse(
            await answer.Content.ReadAsStringAsync(cancel ?? Cancel))!);
    }

    private static async Task<HttpResponseMessage> PostAsync(TokenServerHost host, string user, string password, bool offline = false)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/token");
        request.Content = new FormUrlEncodedContent(
            [new("grant_type", "password"), new("service", "registry"), new("username", user), new("password", password),
                new("access_type", offline ? "offline" : "")]);
        request.Headers.Add("X-Forwarded-For", Stranger);
        return await host.Client.SendAsync(request, Cancel);
    }

    private static async Task<string> AccessAsync(TokenServerHost host, string forwardedFor)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, "/token?service=registry&scope=repository:inside/app:pull");
        request.Headers.Add("X-Forwarded-For", forwardedFor);
        using var answer = await host.Client.SendAsync(request, Cancel);
        var token = (string)JsonNode.Parse(await answer.Content.ReadAsStringAsync(Cancel))!["token"]!;
        return JsonNode.Parse(
            Encoding.UTF8.GetString(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1])))!["access"]!.ToJsonString();
    }

    private static List<JsonNode> AuditLines(TokenServerHost host)
    {
        if (!File.Exists(host.Options.AuditPath)) return [];
        using var file = new FileStream(host.Options.AuditPath, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
        using var reader = new StreamReader(file);
        return [.. reader.ReadToEnd().Split('\n').SkipLast(1).Select(l => JsonNode.Parse(l)!)];
    }
}
