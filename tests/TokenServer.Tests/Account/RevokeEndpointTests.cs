using AuthIndex.TokenServer.Tests.Grants;
using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Tests.Account;

/// <summary>POST /revoke as RFC 7009 has it.</summary>
public sealed class RevokeEndpointTests
{
    [Theory]
    [InlineData(null)]
    [InlineData("refresh_token")]
    [InlineData("access_token")]
    [InlineData("something_else")]
    public async Task Whoever_holds_a_token_ends_it_at_once_whatever_the_hint(string? hint)
    {
        await using var host = await TokenServerHost.StartAsync();
        foreach (var token in new[] { await host.LoginAsync(), (await host.MakeAsync(new { name = "x" }))["token"]!.ToString() })
        {
            Assert.Equal("", await host.GetAsync("/token?service=registry", "", token).GrantedAsync());
            using var answer = await host.FormAsync(
                "/revoke", hint is null ? [("token", token)] : [("token", token), ("token_type_hint", hint)]);
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
            Assert.StartsWith("401 ", await host.GetAsync("/token?service=registry", "", token).ErrorAsync(), StringComparison.Ordinal);
        }

        Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));
    }

    [Fact]
    public async Task An_unknown_token_is_answered_as_one_that_was_ended()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        foreach (var other in new[] { TokenSecret.New(TokenKind.Refresh).Text, token[..^1], "nonsense", "a.b" })
        {
            using var answer = await host.FormAsync("/revoke", ("token", other));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
            Assert.Equal("{}", await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken));
        }

        Assert.Equal("", await host.RefreshAsync(token).GrantedAsync());
    }

    [Fact]
    public async Task An_address_that_revokes_nothing_too_often_is_told_to_wait_and_who_revokes_something_is_served()
    {
        await using var host = await TokenServerHost.StartAsync(o =>
        {
            o.UnauthenticatedPerSecond = 1;
            o.TrustedProxies.Add(IPNetwork.Parse("127.0.0.0/8"));
        });
        for (var i = 0; i < 10; i++) Assert.Equal(HttpStatusCode.OK, await SendAsync("192.0.2.1", TokenSecret.New(TokenKind.Refresh).Text));
        Assert.Equal(HttpStatusCode.TooManyRequests, await SendAsync("192.0.2.1", TokenSecret.New(TokenKind.Refresh).Text));
        Assert.Equal(HttpStatusCode.TooManyRequests, await SendAsync("192.0.2.1", "no token"));
        foreach (var from in (string[])["192.0.2.2", "192.0.2.1"]) // and who revokes something at the same address
        {
            Assert.Equal(HttpStatusCode.OK, await SendAsync(from, await host.LoginAsync()));
            Assert.Empty(await host.Service<IGrantStore>().ListAsync(null));
        }

        async Task<HttpStatusCode> SendAsync(string from, string token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, new Uri(host.Address, "/revoke"));
            request.Content = new FormUrlEncodedContent([new("token", token)]);
            request.Headers.Add("X-Forwarded-For", from);
            using var answer = await host.Client.SendAsync(request, TestContext.Current.CancellationToken);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task A_registrys_token_is_of_a_kind_that_is_not_revoked_here()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/token?service=registry");
        Assert.StartsWith(
            "400 unsupported_token_type: ",
            await host.FormAsync("/revoke", ("token", (await answer.JsonAsync())["token"]!.ToString())).ErrorAsync(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_request_that_is_no_revocation_is_told_so()
    {
        await using var host = await TokenServerHost.StartAsync();
        Assert.StartsWith(
            "400 invalid_request: the parameter token is missing", await host.FormAsync("/revoke").ErrorAsync(), StringComparison.Ordinal);
        Assert.StartsWith(
            "400 invalid_request: the parameter token is missing", await host.FormAsync("/revoke", ("token", "")).ErrorAsync(),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "400 invalid_request: more than one token", await host.FormAsync("/revoke", ("token", "a"), ("token", "b")).ErrorAsync(),
            StringComparison.Ordinal);
        using var json = new StringContent("""{"token":"a"}""", System.Text.Encoding.UTF8, "application/json");
        Assert.StartsWith(
            "400 invalid_request: the body is not a form",
            await host.Client.PostAsync("/revoke", json, TestContext.Current.CancellationToken).ErrorAsync(), StringComparison.Ordinal);
        using var get = await host.GetAsync("/revoke?token=x");
        Assert.Equal(HttpStatusCode.MethodNotAllowed, get.StatusCode);
        using var large = await host.FormAsync("/revoke", ("token", new string('x', 65 * 1024)));
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, large.StatusCode);
    }
}
