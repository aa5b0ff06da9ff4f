using System.Net;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Access;

/// <summary>A registry that asks the index about every token, and follows no revocations.</summary>
public sealed class IntrospectionTests
{
    [Fact]
    public async Task The_index_is_asked_about_a_token_once_in_a_while_and_what_it_says_counts()
    {
        await using var flow = await StartAsync();
        var token = await flow.TokenAsync();
        Assert.Equal(HttpStatusCode.OK, await ShowAsync(flow, token));
        var asked = flow.Line.Requests;
        for (var i = 0; i < 3; i++) Assert.Equal(HttpStatusCode.OK, await ShowAsync(flow, token));
        Assert.Equal(asked, flow.Line.Requests);

        await flow.RevokeAccountAsync("alice");
        Assert.Equal(HttpStatusCode.OK, await ShowAsync(flow, token));
        flow.Clock.Advance(TimeSpan.FromSeconds(10));
        Assert.Equal(HttpStatusCode.Unauthorized, await ShowAsync(flow, token));
    }

    [Fact]
    public async Task While_the_index_does_not_answer_every_token_is_refused_and_at_once_no_more_when_it_does()
    {
        await using var flow = await StartAsync();
        var token = await flow.TokenAsync();
        Assert.Equal(HttpStatusCode.OK, await ShowAsync(flow, token));
        flow.Clock.Advance(TimeSpan.FromSeconds(10));
        flow.Disconnect();
        using (var refused = await flow.ShowAsync(token))
        {
            Assert.Equal(HttpStatusCode.ServiceUnavailable, refused.StatusCode);
            Assert.Contains("does not answer", await refused.Content.ReadAsStringAsync(CancellationToken.None), StringComparison.Ordinal);
        }

        flow.Connect();
        Assert.Equal(HttpStatusCode.OK, await ShowAsync(flow, token));
    }

    [Fact]
    public async Task Requests_at_the_same_time_share_one_question()
    {
        await using var flow = await StartAsync();
        var token = await flow.TokenAsync();
        Assert.Equal(HttpStatusCode.OK, await ShowAsync(flow, token));
        flow.Clock.Advance(TimeSpan.FromSeconds(10));
        var asked = flow.Line.Requests;
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(_ => ShowAsync(flow, token)));
        Assert.All(answers, a => Assert.Equal(HttpStatusCode.OK, a));
        Assert.Equal(asked + 1, flow.Line.Requests);
    }

    [Fact]
    public async Task A_registry_that_the_index_does_not_know_refuses_every_token()
    {
        await using var flow = await StartAsync();
        var token = await flow.TokenAsync();
        await flow.ShowCredentialAsync("registry", right: false);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, await ShowAsync(flow, token));
    }

    private static Task<FollowedIndex> StartAsync() =>
        FollowedIndex.StartAsync(o => (o.TokenServer.Introspect, o.Revocations.Enabled) = (true, false));

    private static async Task<HttpStatusCode> ShowAsync(FollowedIndex flow, string token)
    {
        using var answer = await flow.ShowAsync(token);
        return answer.StatusCode;
    }
}
