using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Token;

/// <summary>A token ends with the first thing that it was given for, however long tokens last otherwise.</summary>
public sealed class TokenEndTests
{
    private const string Dated = """
        version: 1
        robots: { ci: { expires: "2030-01-02T03:09:05Z" } }
        rules:
          - { id: ends, to: [authenticated], allow: [pull, push], on: ["dated/**"], when: { until: "2030-01-02T03:04:45Z" } }
          - { id: goes-on, to: [authenticated], allow: [pull], on: ["dated/**"] }
          - { id: ends-later, to: [authenticated], allow: [push], on: ["dated/later/**"], when: { until: "2030-01-02T03:14:05Z" } }
          - { id: always, to: [authenticated], allow: ["*"], on: ["always/**"] }
          - { id: freeze, to: [authenticated], deny: [push], on: ["always/**"], when: { from: "2030-01-02T04:04:05Z" } }
          - { id: of-others, to: [user:admin], deny: [push], on: ["always/**"], when: { from: "2030-01-02T03:05:05Z" } }

        """;

    private static readonly TimeSpan Day = TimeSpan.FromHours(24);

    [Theory]
    [InlineData("repository:dated/a:pull,push", 40)]
    [InlineData("repository:dated/a:pull", 24 * 3600)] // another rule allows it without an end
    [InlineData("repository:dated/later/a:push", 600)] // of two the one that holds longer
    [InlineData("repository:always/a:pull,push", 3600)] // until it is denied
    [InlineData("repository:always/a:*", 3600)]
    [InlineData("repository:always/a:pull", 24 * 3600)]
    [InlineData("repository:always/a:pull,push repository:dated/a:push", 40)]
    [InlineData("", 24 * 3600)]
    public async Task A_token_ends_with_the_dates_of_the_rules_that_it_rests_on(string scopes, int seconds)
    {
        await using var host = await TokenServerHost.StartAsync(o => o.TokenLifetime = Day, Dated);
        Expect(await JsonAsync(host.GetAsync($"/token?service=registry&scope={scopes}", "alice", TokenServerHost.AlicePassword)), seconds);
    }

    [Fact]
    public async Task A_token_ends_with_the_access_token_that_it_was_asked_for_by()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.TokenLifetime = TimeSpan.FromMinutes(30));
        var token = (await host.MakeAsync(new { name = "x", expires = "1h" }))["token"]!.ToString();
        host.Clock.Advance(TimeSpan.FromMinutes(59));
        Expect(await JsonAsync(host.GetAsync("/token?service=registry", "alice", token)), 60, at: 59 * 60);
        host.Clock.Advance(TimeSpan.FromSeconds(50));
        // less than clients reckon with, and true
        Expect(await JsonAsync(host.GetAsync("/token?service=registry", "alice", token)), 10, at: (59 * 60) + 50);
    }

    [Fact]
    public async Task A_token_ends_with_the_refresh_token_that_it_was_asked_for_by()
    {
        await using var host = await TokenServerHost.StartAsync(
            o => (o.TokenLifetime, o.RefreshTokenLifetime) = (Day, TimeSpan.FromHours(2)));
        var token = await host.LoginAsync();
        Expect(await JsonAsync(host.RefreshAsync(token)), 2 * 3600);
    }

    [Fact]
    public async Task A_robots_token_ends_when_the_robot_does()
    {
        await using var host = await TokenServerHost.StartAsync(o => o.TokenLifetime = Day, Dated);
        var made = await host.Service<GrantFactory>().MakeAccessAsync("robot:ci", null, "x", TimeSpan.FromDays(30), TokenRestriction.None);
        Expect(await JsonAsync(host.GetAsync("/token?service=registry", "", made.Secret.Text)), 300);
    }

    private static async Task<JsonObject> JsonAsync(Task<HttpResponseMessage> answering)
    {
        using var answer = await answering;
        return await answer.EnsureSuccessStatusCode().JsonAsync();
    }

    private static void Expect(JsonObject answer, long seconds, long at = 0)
    {
        var claims = JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(answer["token"]!.ToString().Split('.')[1]))!;
        var issued = TokenServerHost.Start.ToUnixTimeSeconds() + at;
        Assert.Equal(issued, claims["iat"]!.GetValue<long>());
        Assert.Equal((seconds, seconds), (claims["exp"]!.GetValue<long>() - issued, answer["expires_in"]!.GetValue<long>()));
    }
}
