using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Audit;

namespace AuthIndex.TokenServer.Tests.Token;

/// <summary>What anybody can send without credentials must fill neither disk nor log.</summary>
public sealed class AnonymousFloodTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_address_that_asks_too_often_without_credentials_is_429_and_others_are_served()
    {
        await using var server = await TokenServerHost.StartAsync(o =>
        {
            o.UnauthenticatedPerSecond = 2;
            o.TrustedProxies.Add(IPNetwork.Parse("127.0.0.0/8"));
        });
        for (var i = 0; i < 20; i++) Assert.Equal(HttpStatusCode.OK, await AskAsync(server, "192.0.2.1"));
        using (var refused = await SendAsync(server, "192.0.2.1"))
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, refused.StatusCode);
            Assert.NotNull(refused.Headers.RetryAfter);
        }

        Assert.Equal(HttpStatusCode.OK, await AskAsync(server, "192.0.2.2"));
        Assert.Equal(
            HttpStatusCode.OK,
            await AskAsync(server, "192.0.2.1", TokenServerHost.Basic("alice", TokenServerHost.AlicePassword).ToString()));
        server.Clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(HttpStatusCode.OK, await AskAsync(server, "192.0.2.1"));
    }

    [Fact]
    public async Task A_flood_of_refusals_of_anonymous_callers_is_summarized()
    {
        const int flood = 300;
        using var kept = new TemporaryDirectory();
        string path;
        var scopes = string.Concat(
            Enumerable.Range(0, 55).Select(i => $"&scope=repository:private/of-some-team/application-{i}:pull,push"));
        await using (var server = await TokenServerHost.StartAsync(o =>
        {
            Directory.Move(o.DataDirectory, kept["data"]);
            o.DataDirectory = kept["data"];
        }))
        {
            path = server.Options.AuditPath;
            for (var i = 0; i < flood; i++)
            {
                (await server.Client.GetAsync(new Uri(server.Address, "/token?service=registry" + scopes), Cancel)).Dispose();
            }

            Assert.InRange(server.Log.Lines.Count(l => l.Contains("refused because", StringComparison.Ordinal)), 1, 60);
        }

        var lines = await File.ReadAllLinesAsync(path, Cancel);
        Assert.InRange(lines.Length, 1, 60);
        Assert.All(lines, l => Assert.InRange(l.Length, 1, 4096));
        var entries = lines.Select(
            l => AuditEntry.Parse(System.Text.Encoding.UTF8.GetBytes(l), out var entry) is { } problem
            ? throw new FormatException(problem)
            : entry!).ToList();
        Assert.Equal(flood, entries.Sum(e => e.Count)); // each is counted
        Assert.Contains("were not logged separately", Assert.Single(entries, e => e.Count > 1).Reason, StringComparison.Ordinal);
    }

    private static async Task<HttpStatusCode> AskAsync(TokenServerHost server, string from, string? credentials = null)
    {
        using var answer = await SendAsync(server, from, credentials);
        return answer.StatusCode;
    }

    private static async Task<HttpResponseMessage> SendAsync(TokenServerHost server, string from, string? credentials = null)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Get, new Uri(server.Address, "/token?service=registry&scope=repository:private/app:pull"));
        request.Headers.Add("X-Forwarded-For", from);
        if (credentials is not null) request.Headers.TryAddWithoutValidation("Authorization", credentials);
        return await server.Client.SendAsync(request, Cancel);
    }
}
