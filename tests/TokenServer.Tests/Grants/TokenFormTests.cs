using System.Net;
using System.Net.Http.Headers;
using System.Text;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Tests.Grants;

/// <summary>POST /token as RFC 6749 and the Docker token specification have it.</summary>
public sealed class TokenFormTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_password_in_a_form_gets_what_the_same_password_in_a_header_gets()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.PasswordAsync(more: ("scope", $"{GrantHost.OwnApp} repository:users/bob/app:pull"));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());

        var body = await answer.JsonAsync();
        Assert.Equal(["token", "access_token", "token_type", "expires_in", "issued_at", "scope"], body.Select(m => m.Key));
        Assert.Equal(body["token"]!.ToString(), body["access_token"]!.ToString());
        Assert.Equal("Bearer", body["token_type"]!.ToString());
        Assert.Equal(300, body["expires_in"]!.GetValue<int>());
        Assert.Equal("2030-01-02T03:04:05Z", body["issued_at"]!.ToString());
        Assert.Equal(GrantHost.OwnApp, body["scope"]!.ToString());

        var claims = await host.PasswordAsync().ClaimsAsync();
        Assert.Equal("alice", claims["sub"]!.ToString());
        Assert.False(claims.ContainsKey("grant"));
    }

    [Theory]
    [InlineData("scope=repository:public/a:pull&scope=repository:public/b:pull", "public/a:pull public/b:pull")]
    [InlineData("scope=repository:public/a:pull+repository:public/b:pull", "public/a:pull public/b:pull")]
    [InlineData("scope=repository%3Apublic%2Fa%3Apull%20repository:public/b:pull", "public/a:pull public/b:pull")]
    [InlineData("scope=&account=admin&unknown=1&unknown=2", "")]
    public async Task Scopes_come_repeated_or_joined(string more, string granted)
    {
        await using var host = await TokenServerHost.StartAsync();
        Assert.Equal(
            granted, await RawAsync(
                host, $"grant_type=password&service=registry&username=alice&password={TokenServerHost.AlicePassword}&{more}")
                .GrantedAsync());
    }

    [Fact]
    public async Task A_missing_or_empty_service_is_the_only_one_there_is()
    {
        await using var host = await TokenServerHost.StartAsync();
        Assert.Equal(
            "", await RawAsync(host, $"grant_type=password&username=alice&password={TokenServerHost.AlicePassword}").GrantedAsync());
        Assert.Equal(
            "", await RawAsync(host, $"grant_type=password&service=&username=alice&password={TokenServerHost.AlicePassword}")
            .GrantedAsync());
    }

    [Theory]
    [InlineData("", "400 invalid_request: the parameter grant_type is missing")]
    [InlineData("grant_type=client_credentials&username=alice&password=alice-password", "400 unsupported_grant_type: ")]
    [InlineData("grant_type=Password&username=alice&password=alice-password", "400 unsupported_grant_type: ")]
    [InlineData("grant_type=password", "400 invalid_request: the parameters username and password are required")]
    [InlineData("grant_type=password&username=alice", "400 invalid_request: the parameters username and password are required")]
    [InlineData("grant_type=password&password=alice-password", "400 invalid_request: the parameters username and password are required")]
    [InlineData("grant_type=password&username=&password=", "400 invalid_request: the parameters username and password are required")]
    [InlineData("grant_type=refresh_token", "400 invalid_request: the parameter refresh_token is missing")]
    [InlineData("grant_type=refresh_token&refresh_token=", "400 invalid_request: the parameter refresh_token is missing")]
    [InlineData("grant_type=refresh_token&refresh_token=alice-password", "401 invalid_grant: ")]
    [InlineData("grant_type=refresh_token&username=alice&password=alice-password&refresh_token=x", "401 invalid_grant: ")]
    [InlineData(
        "grant_type=password&username=alice&password=wrong",
        "400 invalid_grant: sign-in failed: no such account or wrong password (decision ")]
    [InlineData(
        "grant_type=password&username=nobody&password=wrong",
        "400 invalid_grant: sign-in failed: no such account or wrong password (decision ")]
    [InlineData(
        "grant_type=password&username=robot%3Aci&password=wrong",
        "400 invalid_grant: sign-in failed: no such account or wrong password (decision ")]
    [InlineData("grant_type=password&username=alice&password=alice-password&service=other", "400 invalid_request: this server does not issue tokens for that service")]
    [InlineData("grant_type=password&username=alice&password=alice-password&scope=nonsense", "400 invalid_scope: scope 'nonsense'")]
    [InlineData(
        "grant_type=password&grant_type=password&username=alice&password=alice-password", "400 invalid_request: more than one grant_type")]
    [InlineData("grant_type=password&username=alice&username=admin&password=alice-password", "400 invalid_request: more than one username")]
    [InlineData("grant_type=password&username=alice&password=wrong&password=alice-password", "400 invalid_request: more than one password")]
    [InlineData(
        "grant_type=password&username=alice&password=alice-password&service=registry&service=registry",
        "400 invalid_request: more than one service")]
    [InlineData(
        "grant_type=password&username=alice&password=alice-password&client_id=a&client_id=b",
        "400 invalid_request: more than one client_id")]
    [InlineData(
        "grant_type=password&username=alice&password=alice-password&access_type=offline&access_type=online",
        "400 invalid_request: more than one access_type")]
    [InlineData("grant_type=refresh_token&refresh_token=a&refresh_token=b", "400 invalid_request: more than one refresh_token")]
    public async Task What_cannot_be_answered_is_told_in_the_words_of_RFC_6749(string form, string error)
    {
        await using var host = await TokenServerHost.StartAsync();
        Assert.StartsWith(error, await RawAsync(host, form).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_form_with_more_parameters_or_a_longer_client_than_any_client_sends_is_refused()
    {
        await using var host = await TokenServerHost.StartAsync();
        Assert.StartsWith(
            "400 invalid_request: more than 128", await RawAsync(host, string.Concat(Enumerable.Repeat("x&", 200))).ErrorAsync(),
            StringComparison.Ordinal);
        Assert.StartsWith(
            "400 invalid_request: the client_id",
            await host.FormAsync(
                "/token", ("grant_type", "password"), ("username", "alice"), ("password", TokenServerHost.AlicePassword),
                ("client_id", new string('x', 101))).ErrorAsync(), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_body_beyond_the_limit_is_refused_unread()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await RawAsync(
            host, $"grant_type=password&username=alice&password={TokenServerHost.AlicePassword}&x={new string('x', 64 * 1024)}");
        Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
    }

    [Theory]
    [InlineData("application/json")]
    [InlineData("multipart/form-data; boundary=x")]
    [InlineData("application/x-www-form-urlencoded; charset=utf-16")]
    [InlineData(null)]
    public async Task A_body_that_says_to_be_something_else_is_not_read_as_a_form(string? type)
    {
        await using var host = await TokenServerHost.StartAsync();
        Assert.StartsWith(
            "400 invalid_request: the body is not a form",
            await RawAsync(host, $"grant_type=password&username=alice&password={TokenServerHost.AlicePassword}", type).ErrorAsync(),
            StringComparison.Ordinal);
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task A_form_that_is_not_UTF_8_is_refused()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var content = new ByteArrayContent([.. "grant_type=password&username=alice&password="u8, 0xff]);
        content.Headers.ContentType = new MediaTypeHeaderValue("application/x-www-form-urlencoded");
        Assert.StartsWith(
            "400 invalid_request: the form is not UTF-8", await host.Client.PostAsync("/token", content, Cancel).ErrorAsync(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_header_that_says_otherwise_than_the_form_is_refused_and_the_same_is_taken()
    {
        await using var host = await TokenServerHost.StartAsync();
        var form = $"grant_type=password&service=registry&username=alice&password={TokenServerHost.AlicePassword}&scope={GrantHost.OwnApp}";
        Assert.Equal(
            "users/alice/app:pull,push",
            await RawAsync(host, form, header: TokenServerHost.Basic("alice", TokenServerHost.AlicePassword)).GrantedAsync());
        foreach (var (user, password) in new[] { ("admin", TokenServerHost.AdminPassword), ("alice", "other"),
            ("admin", TokenServerHost.AlicePassword) })
        {
            Assert.StartsWith(
                "400 invalid_request: the Authorization header and the form",
                await RawAsync(host, form, header: TokenServerHost.Basic(user, password)).ErrorAsync(), StringComparison.Ordinal);
        }

        // A header that cannot be read is never passed over for what the form says.
        Assert.StartsWith(
            "401 invalid_client: ", await RawAsync(host, form, header: new AuthenticationHeaderValue("Bearer", "x")).ErrorAsync(),
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_outage_is_503_with_Retry_After_and_never_a_wrong_password()
    {
        await using var host = await TokenServerHost.StartAsync();
        var token = await host.LoginAsync();
        File.Delete(host.HtpasswdPath);
        using var first = await host.PasswordAsync("alice", "forgets the file");
        host.Clock.Advance(TimeSpan.FromSeconds(31));
        foreach (var answering in new[] { host.PasswordAsync(), host.RefreshAsync(token) })
        {
            using var answer = await answering;
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.NotNull(answer.Headers.RetryAfter);
        }
    }

    private static async Task<HttpResponseMessage> RawAsync(
        TokenServerHost host, string form, string? type = "application/x-www-form-urlencoded; charset=utf-8",
        AuthenticationHeaderValue? header = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/token");
        request.Content = new ByteArrayContent(Encoding.UTF8.GetBytes(form));
        if (type is not null) request.Content.Headers.ContentType = MediaTypeHeaderValue.Parse(type);
        request.Headers.Authorization = header;
        return await host.Client.SendAsync(request, Cancel);
    }
}
