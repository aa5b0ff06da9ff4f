using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Sqlite;
using AuthIndex.TokenServer.Token;

namespace AuthIndex.TokenServer.Tests.Introspection;

public sealed class IntrospectionEndpointTests
{
    private const string Path = "/introspect";
    private const string Inactive = """{"active":false}""";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_good_token_is_active_and_its_claims_are_told()
    {
        await using var server = await TokenServerHost.StartAsync();
        var token = await TokenAsync(server);
        using var answer = await AskAsync(server, token);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.True(answer.Headers.CacheControl!.NoStore);

        var told = (await answer.Content.ReadFromJsonAsync<JsonObject>(None))!;
        var claims = JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1]))!;
        Assert.Equal(["active", "token_type", "iss", "sub", "aud", "exp", "nbf", "iat", "jti", "scope"], told.Select(m => m.Key));
        foreach (var name in new[] { "iss", "sub", "aud", "exp", "nbf", "iat", "jti" })
        {
            Assert.Equal(claims[name]!.ToJsonString(), told[name]!.ToJsonString());
        }

        Assert.True((bool)told["active"]!);
        Assert.Equal("repository:users/alice/app:pull,push", (string)told["scope"]!);
    }

    [Fact]
    public async Task An_anonymous_token_is_active()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var issued = await server.GetAsync("/token?service=registry&scope=repository:public/a:pull");
        var token = (string)(await issued.Content.ReadFromJsonAsync<JsonNode>(None))!["token"]!;
        using var answer = await AskAsync(server, token);
        Assert.Contains("\"active\":true", await answer.Content.ReadAsStringAsync(None), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("x")]
    [InlineData("..")]
    [InlineData("eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9.")]
    public async Task What_is_no_token_of_ours_is_inactive_and_nothing_more_is_told(string token) =>
        await ExpectInactiveAsync(_ => Task.FromResult(token));

    [Fact]
    public async Task An_expired_token_is_inactive() => await ExpectInactiveAsync(async server =>
    {
        var token = await TokenAsync(server);
        server.Clock.Advance(server.Options.TokenLifetime);
        return token;
    });

    [Fact]
    public async Task A_token_for_another_registry_is_inactive()
    {
        await using var server = await TokenServerHost.StartAsync(
            o => o.Services = [
                new ServiceOptions { Name = "registry", CredentialFile = o.CredentialPath }, new ServiceOptions { Name = "other" }]);
        using var answer = await AskAsync(server, await TokenAsync(server, "other"));
        Assert.Equal(Inactive, await answer.Content.ReadAsStringAsync(None));
    }

    [Fact]
    public async Task A_revoked_token_is_inactive() => await ExpectInactiveAsync(async server =>
    {
        var token = await TokenAsync(server);
        var id = (string)JsonNode.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(token.Split('.')[1]))!["jti"]!;
        await server.Service<StateDatabase>().WriteAsync(db =>
        {
            SqliteEndings.Revoke(db, RevocationKind.Token, id, server.Clock.GetUtcNow());
            return 0;
        });
        return token;
    });

    [Fact]
    public async Task The_token_of_a_suspended_account_is_inactive_however_new_it_is() => await ExpectInactiveAsync(async server =>
    {
        var token = await TokenAsync(server);
        server.Service<SuspendedAccounts>().Replace([new Suspension("alice", server.Clock.GetUtcNow(), "root", "")]);
        return token;
    });

    [Theory]
    [InlineData("no JSON")]
    [InlineData("[]")]
    [InlineData("{}")]
    [InlineData("""{"iss":"authindex","aud":"registry","sub":"alice","jti":"x","iat":1,"nbf":1,"exp":"9999999999","access":[]}""")]
    [InlineData("""{"iss":"authindex","aud":"registry","sub":"alice","jti":"x","iat":1e99,"nbf":1,"exp":9999999999,"access":[]}""")]
    [InlineData("""{"iss":"authindex","aud":"registry","sub":"alice","jti":"x","iat":1,"exp":9999999999,"access":[]}""")]
    [InlineData("""{"iss":"authindex","aud":"registry","sub":7,"jti":"x","iat":1,"nbf":1,"exp":9999999999,"access":[]}""")]
    [InlineData("""{"iss":"authindex","aud":"registry","sub":"\ud800","jti":"x","iat":1,"nbf":1,"exp":9999999999,"access":[]}""")]
    [InlineData("""{"iss":"authindex","aud":"registry","sub":"alice","iat":1,"nbf":1,"exp":9999999999,"access":[]}""")]
    [InlineData("""{"iss":"authindex","aud":"registry","sub":"alice","jti":"x","iat":1,"nbf":1,"exp":9999999999}""")]
    [InlineData("""{"iss":"authindex","aud":"registry","sub":"alice","jti":"x","iat":1,"nbf":1,"exp":9999999999,"access":[{"type":1}]}""")]
    [InlineData("""{"iss":"authindex","aud":["registry"],"sub":"alice","jti":"x","iat":1,"nbf":1,"exp":9999999999,"access":[]}""")]
    [InlineData(
        """{"iss":"authindex","aud":"registry","sub":"alice","sub":"admin","jti":"x","iat":1,"nbf":1,"exp":9999999999,"access":[]}""")]
    public async Task Claims_out_of_form_are_no_good_though_the_right_key_signed_them(string claims)
    {
        await using var server = await TokenServerHost.StartAsync();
        var token = TokenSigner.Sign(
            server.Service<KeyStore>().Current.SignerOf("ES256", server.Clock.GetUtcNow())!, System.Text.Encoding.UTF8.GetBytes(claims));
        using var answer = await AskAsync(server, token);
        Assert.Equal((HttpStatusCode.OK, Inactive), (answer.StatusCode, await answer.Content.ReadAsStringAsync(None)));

        using var request = new HttpRequestMessage(HttpMethod.Get, "/index/v1/repositories");
        request.Headers.Authorization = new System.Net.Http.Headers.AuthenticationHeaderValue("Bearer", token);
        using var catalog = await server.Client.SendAsync(request, None);
        Assert.Equal(HttpStatusCode.Unauthorized, catalog.StatusCode);
    }

    [Fact]
    public async Task The_token_of_an_account_that_is_gone_is_inactive() => await ExpectInactiveAsync(async server =>
    {
        var token = await TokenAsync(server);
        await server.ReplaceAccountsAsync(TokenServerHost.Accounts.Split('\n')[0] + "\n");
        return token;
    });

    [Fact]
    public async Task What_cannot_be_found_out_now_is_no_answer()
    {
        await using var server = await TokenServerHost.StartAsync();
        var token = await TokenAsync(server);
        File.Delete(server.HtpasswdPath);
        // for a moment it might be one that is being replaced
        using (await AskAsync(server, token)) server.Clock.Advance(TimeSpan.FromMinutes(1));
        using var answer = await AskAsync(server, token);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
    }

    [Fact]
    public async Task Only_registries_may_ask()
    {
        await using var server = await TokenServerHost.StartAsync();
        var token = await TokenAsync(server);
        using var stranger = await AskAsync(server, token, user: null);
        Assert.Equal(HttpStatusCode.Unauthorized, stranger.StatusCode);
        using var person = await AskAsync(server, token, "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.Unauthorized, person.StatusCode);
        using var wrong = await AskAsync(server, token, "registry", "a-wrong-credential");
        Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        using var method = await server.GetAsync(Path);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, method.StatusCode);
    }

    [Theory]
    [InlineData("", "application/x-www-form-urlencoded")]
    [InlineData("token=", "application/x-www-form-urlencoded")]
    [InlineData("token=a&token=b", "application/x-www-form-urlencoded")]
    [InlineData("{\"token\":\"a\"}", "application/json")]
    public async Task A_question_out_of_form_is_told_so(string body, string type)
    {
        await using var server = await TokenServerHost.StartAsync();
        using var request = new HttpRequestMessage(
            HttpMethod.Post, Path) { Content = new StringContent(body, new System.Net.Http.Headers.MediaTypeHeaderValue(type)) };
        request.Headers.Authorization = TokenServerHost.Basic("registry", TokenServerHost.Credential);
        using var answer = await server.Client.SendAsync(request, None);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    private static async Task ExpectInactiveAsync(Func<TokenServerHost, Task<string>> prepare)
    {
        await using var server = await TokenServerHost.StartAsync();
        using var answer = await AskAsync(server, await prepare(server));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal(Inactive, await answer.Content.ReadAsStringAsync(None));
    }

    private static async Task<string> TokenAsync(TokenServerHost server, string service = "registry")
    {
        using var answer = await server.GetAsync(
            $"/token?service={service}&scope=repository:users/alice/app:pull,push", "alice", TokenServerHost.AlicePassword);
        return (string)(await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>(None))!["token"]!;
    }

    private static async Task<HttpResponseMessage> AskAsync(
        TokenServerHost server, string token, string? user = "registry", string password = TokenServerHost.Credential)
    {
        using var request = new HttpRequestMessage(
            HttpMethod.Post, Path) { Content = new FormUrlEncodedContent([new("token", token), new("token_type_hint", "access_token")]) };
        if (user is not null) request.Headers.Authorization = TokenServerHost.Basic(user, password);
        return await server.Client.SendAsync(request);
    }
}
