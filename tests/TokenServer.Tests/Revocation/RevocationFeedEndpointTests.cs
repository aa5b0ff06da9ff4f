using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.Tests.Revocation;

public sealed class RevocationFeedEndpointTests
{
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task What_is_revoked_is_told_in_order_with_what_it_takes_to_judge_a_token()
    {
        await using var server = await TokenServerHost.StartAsync();
        var now = server.Clock.GetUtcNow();
        await WriteAsync(server, RevocationKind.Account, "alice", now);
        await WriteAsync(server, RevocationKind.Grant, "grant-1", now + IRevocationStore.LongestLife);
        await WriteAsync(server, RevocationKind.Token, "id-1", now + IRevocationStore.LongestLife);

        var (at, end) = (now.ToUnixTimeSeconds(), (now + IRevocationStore.LongestLife).ToUnixTimeSeconds());
        var answer = await AskAsync(server, "");
        Assert.Equal(
            $$"""[{"sequence":1,"kind":"account","value":"alice","issuedBefore":{{at}},"expires":{{end}}},{"sequence":2,"kind":"grant","value":"grant-1","issuedBefore":{{end}},"expires":{{end}}},{"sequence":3,"kind":"token","value":"id-1","issuedBefore":{{end}},"expires":{{end}}}]""",
            answer["revocations"]!.ToJsonString());
        Assert.Equal((3, false), ((long)answer["sequence"]!, (bool)answer["more"]!));
        Assert.Equal([3], Numbers(await AskAsync(server, "?after=2&wait=50")));
    }

    [Fact]
    public async Task A_question_is_held_until_something_is_revoked()
    {
        await using var server = await TokenServerHost.StartAsync();
        await WriteAsync(server, RevocationKind.Token, "id-1", server.Clock.GetUtcNow());
        var held = Enumerable.Range(0, 20).Select(_ => AskAsync(server, "?after=1&wait=50")).ToList();
        await ExpectWaitingAsync(server, 20);
        Assert.Empty(Numbers(await AskAsync(server, "?after=1"))); // who does not want to wait is answered beside them

        await WriteAsync(server, RevocationKind.Token, "id-2", server.Clock.GetUtcNow());
        server.Service<RevocationWatch>().Wake();
        foreach (var answer in await Task.WhenAll(held)) Assert.Equal([2], Numbers(answer));
    }

    [Fact]
    public async Task What_a_command_beside_the_server_revokes_is_noticed_too()
    {
        await using var server = await TokenServerHost.StartAsync();
        var held = AskAsync(server, "?after=0&wait=50");
        await ExpectWaitingAsync(server, 1);
        await using (var database = new StateDatabase(server.Options.DatabaseFile))
        {
            await new SqliteSuspensionStore(database).SuspendAsync("alice", "root", "", server.Clock.GetUtcNow());
        }

        var answer = await held;
        Assert.Equal("alice", (string)answer["revocations"]![0]!["value"]!);
    }

    [Fact]
    public async Task A_wait_ends_after_its_time_with_nothing()
    {
        await using var server = await TokenServerHost.StartAsync();
        var time = Stopwatch.StartNew();
        var answer = await AskAsync(server, "?after=0&wait=1");
        Assert.Equal((0, false), ((long)answer["sequence"]!, (bool)answer["more"]!));
        Assert.Empty(Numbers(answer));
        Assert.InRange(time.Elapsed, TimeSpan.FromSeconds(0.9), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task More_than_a_page_comes_in_pages()
    {
        await using var server = await TokenServerHost.StartAsync();
        await server.Service<StateDatabase>().WriteAsync(db =>
        {
            for (var i = 0; i <= RevocationFeedEndpoint.PageSize; i++)
            {
                SqliteEndings.Revoke(db, RevocationKind.Token, $"id-{i}", server.Clock.GetUtcNow());
            }

            return 0;
        });

        var first = await AskAsync(server, "");
        Assert.Equal((RevocationFeedEndpoint.PageSize, true), ((long)first["sequence"]!, (bool)first["more"]!));
        Assert.Equal(RevocationFeedEndpoint.PageSize, Numbers(first).Count);
        var second = await AskAsync(server, $"?after={first["sequence"]}");
        Assert.Equal((RevocationFeedEndpoint.PageSize + 1, false), ((long)second["sequence"]!, (bool)second["more"]!));
        Assert.Single(Numbers(second));
    }

    [Fact]
    public async Task Numbers_of_another_epoch_mean_nothing_and_are_answered_from_the_beginning_at_once()
    {
        await using var server = await TokenServerHost.StartAsync();
        await WriteAsync(server, RevocationKind.Token, "id-1", server.Clock.GetUtcNow());
        var epoch = (string)(await AskAsync(server, ""))["epoch"]!;
        Assert.Empty(Numbers(await AskAsync(server, $"?after=1&epoch={epoch}")));
        await server.RestartAsync();

        var answer = await AskAsync(server, $"?after=1&epoch={epoch}&wait=50");
        Assert.NotEqual(epoch, (string)answer["epoch"]!);
        Assert.Equal([1], Numbers(answer));
        Assert.Equal(1, (long)(await AskAsync(server, "?after=77&wait=50"))["sequence"]!); // no number of ours: at once as well
    }

    [Fact]
    public async Task What_has_expired_is_neither_told_nor_kept_and_its_number_never_comes_again()
    {
        await using var server = await TokenServerHost.StartAsync();
        await WriteAsync(server, RevocationKind.Token, "id-1", server.Clock.GetUtcNow());
        server.Clock.Advance(IRevocationStore.LongestLife + TimeSpan.FromSeconds(1));
        var answer = await AskAsync(server, "");
        Assert.Empty(Numbers(answer));
        Assert.Equal(1, (long)answer["sequence"]!);

        server.Service<RevocationWatch>().Wake();
        await Eventually.TrueAsync(() => server.Service<StateDatabase>().Read(Count) == 0, TimeSpan.FromSeconds(30), () => "it is kept");
        await WriteAsync(server, RevocationKind.Token, "id-2", server.Clock.GetUtcNow());
        Assert.Equal([2], Numbers(await AskAsync(server, "")));
    }

    [Fact]
    public async Task A_server_that_stops_does_not_wait_for_those_who_wait()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var client = new HttpClient { BaseAddress = server.Address };
        using var request = Question("?after=0&wait=55", TokenServerHost.Credential);
        var held = client.SendAsync(request, None);
        await ExpectWaitingAsync(server, 1);
        var time = Stopwatch.StartNew();
        await server.RestartAsync();
        Assert.InRange(time.Elapsed, TimeSpan.Zero, TimeSpan.FromSeconds(10));
        using var answer = await held;
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task Who_hangs_up_leaves_nothing_behind()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var hangUp = new CancellationTokenSource();
        using var request = Question("?after=0&wait=55", TokenServerHost.Credential);
        var held = server.Client.SendAsync(request, hangUp.Token);
        await ExpectWaitingAsync(server, 1);
        await hangUp.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => held);
        await ExpectWaitingAsync(server, 0);
        Assert.DoesNotContain(server.Log.Lines, l => l.StartsWith("Error", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("?after=-1")]
    [InlineData("?after=x")]
    [InlineData("?after=1&after=2")]
    [InlineData("?after=99999999999999999999")]
    [InlineData("?wait=1s")]
    public async Task A_question_out_of_form_is_told_so(string query)
    {
        await using var server = await TokenServerHost.StartAsync();
        using var request = Question(query, TokenServerHost.Credential);
        using var answer = await server.Client.SendAsync(request, None);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task Only_registries_may_follow()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var stranger = await server.Client.GetAsync(RevocationFeedEndpoint.Path, None);
        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
        using var user = await server.GetAsync(RevocationFeedEndpoint.Path, "admin", TokenServerHost.AdminPassword);
        Assert.Equal(HttpStatusCode.Unauthorized, user.StatusCode);
        using var request = Question("", "a-wrong-credential");
        using var wrong = await server.Client.SendAsync(request, None);
        Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        using var method = await server.Client.PostAsync(RevocationFeedEndpoint.Path, null, None);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, method.StatusCode);
    }

    private static HttpRequestMessage Question(string query, string credential) =>
        new(
            HttpMethod.Get,
            RevocationFeedEndpoint.Path + query) { Headers = { Authorization = TokenServerHost.Basic("registry", credential) } };

    private static async Task<JsonNode> AskAsync(TokenServerHost server, string query)
    {
        using var request = Question(query, TokenServerHost.Credential);
        using var answer = await server.Client.SendAsync(request, None);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        return (await answer.Content.ReadFromJsonAsync<JsonNode>(None))!;
    }

    private static Task ExpectWaitingAsync(TokenServerHost server, int count) =>
        Eventually.TrueAsync(
            () => server.Service<RevocationFeedEndpoint>().Waiting == count, TimeSpan.FromSeconds(30), () => $"not {count} wait");

    private static List<long> Numbers(JsonNode answer) => [.. answer["revocations"]!.AsArray().Select(r => (long)r!["sequence"]!)];

    private static Task<int> WriteAsync(TokenServerHost server, RevocationKind kind, string value, DateTimeOffset issuedBefore) =>
        server.Service<StateDatabase>().WriteAsync(db =>
    {
        SqliteEndings.Revoke(db, kind, value, server.Clock.GetUtcNow(), issuedBefore);
        return 0;
    });

    private static long Count(Microsoft.Data.Sqlite.SqliteConnection db)
    {
        using var command = db.CreateCommand();
        command.CommandText = "SELECT count(*) FROM revocations";
        return (long)command.ExecuteScalar()!;
    }
}
