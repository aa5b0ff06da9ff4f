using System.Net;
using System.Net.Sockets;
using System.Text;
using System.Text.Json;
using AuthIndex.Hosting.Files;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Passwords;

namespace AuthIndex.TokenServer.Tests.Token;

public sealed class TokenEndpointTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Without_credentials_anybody_gets_a_token_for_what_anybody_may()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/token?service=registry&scope=repository:public/alpine:pull");
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        Assert.Equal("application/json", answer.Content.Headers.ContentType!.ToString());

        using var body = await BodyAsync(answer);
        Assert.Equal(["token", "access_token", "expires_in", "issued_at"], body.RootElement.EnumerateObject().Select(m => m.Name));
        Assert.Equal(body.RootElement.GetProperty("token").GetString(), body.RootElement.GetProperty("access_token").GetString());
        Assert.Equal(300, body.RootElement.GetProperty("expires_in").GetInt32());
        Assert.Equal("2030-01-02T03:04:05Z", body.RootElement.GetProperty("issued_at").GetString());

        using var claims = Claims(body);
        var issued = new DateTimeOffset(2030, 1, 2, 3, 4, 5, TimeSpan.Zero).ToUnixTimeSeconds();
        Assert.Equal(["iss", "sub", "aud", "exp", "nbf", "iat", "jti", "access"], claims.RootElement.EnumerateObject().Select(m => m.Name));
        Assert.Equal("authindex", claims.RootElement.GetProperty("iss").GetString());
        Assert.Equal("", claims.RootElement.GetProperty("sub").GetString());
        Assert.Equal("registry", claims.RootElement.GetProperty("aud").GetString());
        Assert.Equal(issued, claims.RootElement.GetProperty("iat").GetInt64());
        Assert.Equal(issued + 300, claims.RootElement.GetProperty("exp").GetInt64());
        Assert.Equal(issued - 60, claims.RootElement.GetProperty("nbf").GetInt64());
        Assert.Equal(22, claims.RootElement.GetProperty("jti").GetString()!.Length);
        Assert.Equal(
            """[{"type":"repository","name":"public/alpine","actions":["pull"]}]""", claims.RootElement.GetProperty("access").GetRawText());
    }

    [Theory]
    [InlineData("scope=repository:users/alice/app:pull,push", "users/alice/app:pull,push")]
    [InlineData("scope=repository:users/alice/app:*", "users/alice/app:pull,push,delete")]
    [InlineData("scope=repository:users/bob/app:pull", "")]
    [InlineData("scope=repository:public/a:pull,push", "public/a:pull")]
    [InlineData("scope=repository:public/a:pull&scope=repository:public/b:pull", "public/a:pull public/b:pull")]
    [InlineData("scope=repository:public/a:pull%20repository:public/b:pull", "public/a:pull public/b:pull")]
    [InlineData(
        "scope=repository:public/a:pull+repository:public/b:pull&scope=repository:users/alice/c:push",
        "public/a:pull public/b:pull users/alice/c:push")]
    [InlineData("scope=repository:users/alice/a:pull&scope=repository:users/alice/a:push", "users/alice/a:pull,push")]
    [InlineData("scope=repository(plugin):public/a:pull", "public/a:pull")]
    [InlineData("scope=repository:public/a:fly", "")]
    [InlineData("scope=repository:public/a:pull,fly", "public/a:pull")]
    [InlineData("scope=widget:public/a:pull", "")]
    [InlineData("scope=registry:catalog:*", "")]
    [InlineData("scope=", "")]
    [InlineData("account=admin&client_id=docker&offline_token=true", "")]
    public async Task A_token_holds_what_was_asked_for_and_is_allowed_and_no_more(string query, string access)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync($"/token?service=registry&{query}", "alice", TokenServerHost.AlicePassword);
        using var body = await BodyAsync(answer);
        using var claims = Claims(body);
        Assert.Equal("alice", claims.RootElement.GetProperty("sub").GetString());
        Assert.Equal(access, string.Join(' ', claims.RootElement.GetProperty("access").EnumerateArray().Select(e =>
            $"{e.GetProperty("name").GetString()}:{string.Join(',', e.GetProperty("actions").EnumerateArray().Select(a => a.GetString()))}")));
    }

    [Fact]
    public async Task The_account_parameter_gives_nobody_an_identity()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/token?service=registry&account=admin&scope=registry:catalog:*");
        using var body = await BodyAsync(answer);
        using var claims = Claims(body);
        Assert.Equal("", claims.RootElement.GetProperty("sub").GetString());
        Assert.Equal("[]", claims.RootElement.GetProperty("access").GetRawText());
    }

    [Fact]
    public async Task What_was_refused_stands_in_the_token_with_a_reason_and_the_id_of_the_log_line()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/token?service=registry&scope=repository:public/a:pull,push");
        using var body = await BodyAsync(answer);
        using var claims = Claims(body);
        var refusal = Assert.Single(claims.RootElement.GetProperty("refused").EnumerateArray());
        Assert.Equal("push", refusal.GetProperty("actions").GetString());
        Assert.NotEmpty(refusal.GetProperty("reason").GetString()!);
        var id = refusal.GetProperty("decision").GetString()!;
        Assert.Matches("^[0-9A-HJKMNP-TV-Z]{8}$", id);
        var line = Assert.Single(host.Log.Lines, l => l.Contains(id, StringComparison.Ordinal));
        Assert.StartsWith("Information ", line, StringComparison.Ordinal);
        Assert.Contains("anonymous for registry", line, StringComparison.Ordinal);
        Assert.Contains("repository:public/a:pull,push", line, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_full_grant_is_logged_for_debugging_only()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/token?service=registry&scope=repository:public/a:pull");
        Assert.StartsWith(
            "Debug ", Assert.Single(host.Log.Lines, l => l.Contains("Decision ", StringComparison.Ordinal)), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("service=other", "service")]
    [InlineData("service=registry&service=registry", "service")]
    [InlineData("service=registry&scope=nonsense", "nonsense")]
    [InlineData("service=registry&scope=repository:UPPER:pull", "UPPER")]
    [InlineData("service=registry&scope=repository:a/../b:pull", "a/../b")]
    [InlineData("service=registry&scope=repository:a%2F%2Fb:pull", "a//b")]
    [InlineData("service=registry&scope=repository:a:pull%0d%0aX:y", "scope")]
    public async Task A_malformed_request_is_answered_with_400_and_says_which_part(string query, string named)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync($"/token?{query}");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("no-store", answer.Headers.CacheControl!.ToString());
        using var body = await BodyAsync(answer);
        Assert.Equal("invalid_request", body.RootElement.GetProperty("error").GetString());
        var message = body.RootElement.GetProperty("errors")[0].GetProperty("message").GetString();
        Assert.Contains(named, message, StringComparison.Ordinal);
        Assert.Equal(message, body.RootElement.GetProperty("error_description").GetString());
    }

    [Fact]
    public async Task More_scopes_or_parameters_than_any_client_sends_are_refused()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var scopes = await host.GetAsync(
            "/token?service=registry&scope=" + string.Join('+', Enumerable.Range(0, 101).Select(i => $"repository:r{i}:pull")));
        Assert.Equal(HttpStatusCode.BadRequest, scopes.StatusCode);
        using var parameters = await host.GetAsync("/token?service=registry" + string.Concat(Enumerable.Repeat("&x", 200)));
        Assert.Equal(HttpStatusCode.BadRequest, parameters.StatusCode);
        using var line = await host.GetAsync("/token?x=" + new string('x', 20_000));
        Assert.Equal(HttpStatusCode.RequestUriTooLong, line.StatusCode);
    }

    [Fact]
    public async Task An_answer_to_the_largest_request_stays_below_what_clients_read()
    {
        await using var host = await TokenServerHost.StartAsync();
        var scopes = Enumerable.Range(0, 100).Select(i => $"repository:public/{new string('x', 90)}{i}:pull,push");
        using var answer = await host.GetAsync("/token?service=registry&scope=" + string.Join('+', scopes));
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        Assert.InRange((await answer.Content.ReadAsByteArrayAsync(Cancel)).Length, 20_000, 64 * 1024);

        var longer = Enumerable.Range(0, 60).Select(i => $"repository:public/{new string('x', 235)}{i}:pull,push");
        using var refused = await host.GetAsync("/token?service=registry&scope=" + string.Join('+', longer));
        Assert.InRange((await refused.Content.ReadAsByteArrayAsync(Cancel)).Length, 1, 64 * 1024);
    }

    [Fact]
    public async Task A_missing_service_is_the_only_one_there_is_or_an_error_where_there_are_two()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var one = await host.GetAsync("/token");
        Assert.Equal(HttpStatusCode.OK, one.StatusCode);

        await using var two = await TokenServerHost.StartAsync(
            o => o.Services = [new() { Name = "a", Audience = "https://a.example" }, new() { Name = "b" }]);
        using var missing = await two.GetAsync("/token");
        Assert.Equal(HttpStatusCode.BadRequest, missing.StatusCode);
        foreach (var (service, audience) in new[] { ("a", "https://a.example"), ("b", "b") })
        {
            using var answer = await two.GetAsync($"/token?service={service}");
            using var body = await BodyAsync(answer);
            using var claims = Claims(body);
            Assert.Equal(audience, claims.RootElement.GetProperty("aud").GetString());
        }
    }

    [Theory]
    [InlineData("Bearer abc")]
    [InlineData("Basic")]
    [InlineData("Basic !!!")]
    [InlineData("Basic bm9jb2xvbg==")] // nocolon
    [InlineData("Basic /////w==")] // no UTF-8
    [InlineData("Basic Og==")] // empty user, empty password
    [InlineData("Basic YWxpY2U6")] // alice without password
    [InlineData("Basic OnB3")] // password without user
    [InlineData("Basic YWxpY2U6YWxpY2UtcGFzc3dvcmQAeA==")] // alice-password NUL x
    [InlineData("Basic YWxpY2UAOmFsaWNlLXBhc3N3b3Jk")] // alice NUL
    public async Task Credentials_that_cannot_be_right_are_never_taken_for_anonymous(string header)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var request = new HttpRequestMessage(HttpMethod.Get, "/token?service=registry&scope=repository:public/a:pull");
        request.Headers.TryAddWithoutValidation("Authorization", header);
        using var answer = await host.Client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("Basic realm=\"authindex\", charset=\"UTF-8\"", answer.Headers.WwwAuthenticate.ToString());
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task Two_authorization_headers_are_refused()
    {
        await using var host = await TokenServerHost.StartAsync();
        var basic = TokenServerHost.Basic("alice", TokenServerHost.AlicePassword);
        var answer = await RawAsync(
            host,
            $"GET /token?service=registry HTTP/1.1\r\nHost: x\r\nAuthorization: {basic}\r\nAuthorization: {basic}\r\nConnection: "
            + $"close\r\n\r\n");
        Assert.StartsWith("HTTP/1.1 400 ", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_unknown_account_and_a_wrong_password_get_the_same_answer_after_the_same_work()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var wrong = await host.GetAsync("/token?service=registry", "alice", "not it");
        Assert.Equal(1, host.Service<PasswordThreads>().Verified);
        using var unknown = await host.GetAsync("/token?service=registry", "nobody", "not it");
        Assert.Equal(2, host.Service<PasswordThreads>().Verified);
        Assert.Equal(HttpStatusCode.Unauthorized, wrong.StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, unknown.StatusCode);
        Assert.Equal(await BodyAsync(wrong), await BodyAsync(unknown));
        Assert.Equal(Headers(wrong), Headers(unknown));

        // All but the decision's id, which is random and of one length for every cause.
        static async Task<string> BodyAsync(HttpResponseMessage answer) =>
            System.Text.RegularExpressions.Regex.Replace(
                await answer.Content.ReadAsStringAsync(Cancel), @"\(decision [0-9A-HJKMNP-TV-Z]{8}\)", "(decision ID)",
                System.Text.RegularExpressions.RegexOptions.None, TimeSpan.FromSeconds(1));

        static string Headers(HttpResponseMessage answer)
        {
            answer.Headers.Date = null;
            answer.Headers.Remove("X-Request-ID"); // each request's own
            return answer.Headers.ToString() + answer.Content.Headers;
        }
    }

    [Fact]
    public async Task A_password_costs_one_verification_however_many_requests_come_with_it()
    {
        await using var host = await TokenServerHost.StartAsync();
        foreach (var password in new[] { TokenServerHost.AlicePassword, "wrong" })
        {
            var answers = await Task.WhenAll(
                Enumerable.Range(0, 30).Select(_ => host.GetAsync("/token?service=registry", "alice", password)));
            Assert.Single(answers.Select(a => a.StatusCode).Distinct());
            foreach (var answer in answers) answer.Dispose();
        }

        Assert.Equal(2, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task A_megabyte_of_password_never_reaches_the_hash()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync("/token?service=registry", "alice", new string('x', 1024 * 1024));
        Assert.Equal(HttpStatusCode.RequestHeaderFieldsTooLarge, answer.StatusCode);
        using var shorter = await host.GetAsync("/token?service=registry", "alice", new string('x', 5000));
        Assert.Equal(HttpStatusCode.Unauthorized, shorter.StatusCode);
        Assert.Equal(0, host.Service<PasswordThreads>().Verified);
    }

    [Fact]
    public async Task What_a_stranger_types_cannot_forge_log_lines_and_secrets_are_never_logged()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var forged = await host.GetAsync(
            "/token?service=registry", "eve\nInformation decision: admin for registry\u001b[2J\u202e", "s3cret-typed");
        using var good = await host.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword);
        var line = Assert.Single(host.Log.Lines, l => l.Contains("eve", StringComparison.Ordinal));
        Assert.DoesNotContain(line, c => char.IsControl(c) || c == '\u202e');
        Assert.Contains("eve\\u000aInformation", line, StringComparison.Ordinal);
        Assert.DoesNotContain(
            host.Log.Lines,
            l => l.Contains("s3cret-typed", StringComparison.Ordinal)
            || l.Contains(TokenServerHost.AlicePassword, StringComparison.Ordinal)
            || l.Contains("$2y$", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("DELETE")]
    [InlineData("HEAD")]
    [InlineData("PUT")]
    [InlineData("OPTIONS")]
    public async Task Only_GET_and_POST_are_allowed(string method)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var request = new HttpRequestMessage(new HttpMethod(method), "/token?service=registry");
        using var answer = await host.Client.SendAsync(request, Cancel);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
        Assert.Equal(["GET", "POST"], answer.Content.Headers.Allow);
    }

    [Theory]
    [InlineData("/token/")]
    [InlineData("/Token")]
    [InlineData("/v2/")]
    public async Task There_is_nothing_at_any_other_path(string path)
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync(path);
        Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task Edits_of_the_accounts_are_seen_at_the_next_sign_in()
    {
        await using var host = await TokenServerHost.StartAsync();
        await ExpectAsync(host, "alice", TokenServerHost.AlicePassword, HttpStatusCode.OK);

        await host.ReplaceAccountsAsync("# nobody but the administrator\n" + TokenServerHost.Accounts.Split('\n')[0] + "\n");
        await ExpectAsync(host, "alice", TokenServerHost.AlicePassword, HttpStatusCode.Unauthorized);
        await ExpectAsync(host, "admin", TokenServerHost.AdminPassword, HttpStatusCode.OK);

        await host.ReplaceAccountsAsync("alice:{SHA}LnNEJV8jKtmfFq9Xj5SGUhsNZSU=\nadmin:plain\nno colon\n");
        await ExpectAsync(host, "alice", TokenServerHost.AlicePassword, HttpStatusCode.Unauthorized);
        Assert.Equal(
            3, host.Log.Lines.Count(
                l => l.StartsWith("Warning ", StringComparison.Ordinal) && l.Contains(host.HtpasswdPath, StringComparison.Ordinal)));

        await host.ReplaceAccountsAsync(TokenServerHost.Accounts);
        await ExpectAsync(host, "alice", TokenServerHost.AlicePassword, HttpStatusCode.OK);
    }

    [Fact]
    public async Task Accounts_that_vanish_for_a_moment_are_being_replaced_and_longer_are_an_outage_not_a_wrong_password()
    {
        await using var host = await TokenServerHost.StartAsync();
        File.Delete(host.HtpasswdPath);
        await ExpectAsync(host, "alice", TokenServerHost.AlicePassword, HttpStatusCode.OK);

        host.Clock.Advance(TimeSpan.FromSeconds(2));
        using var answer = await host.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword);
        Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
        Assert.NotNull(answer.Headers.RetryAfter);
        using var ready = await host.GetAsync("/healthz/ready");
        Assert.Equal(HttpStatusCode.ServiceUnavailable, ready.StatusCode);
        using var anonymous = await host.GetAsync("/token?service=registry&scope=repository:public/a:pull");
        Assert.Equal(HttpStatusCode.OK, anonymous.StatusCode);

        await host.ReplaceAccountsAsync(TokenServerHost.Accounts);
        await ExpectAsync(host, "alice", TokenServerHost.AlicePassword, HttpStatusCode.OK);
    }

    [Fact]
    public async Task Accounts_that_are_cut_in_place_are_being_written_until_they_stay_so()
    {
        await using var host = await TokenServerHost.StartAsync();
        await File.WriteAllTextAsync(host.HtpasswdPath, "", Cancel);
        await ExpectAsync(host, "alice", TokenServerHost.AlicePassword, HttpStatusCode.OK);
        host.Clock.Advance(TimeSpan.FromSeconds(2));
        await ExpectAsync(host, "alice", TokenServerHost.AlicePassword, HttpStatusCode.Unauthorized);
    }

    [Fact]
    public async Task Two_edits_within_one_tick_of_the_file_system_are_both_seen()
    {
        await using var host = await TokenServerHost.StartAsync();
        var (admin, alice) = (TokenServerHost.Accounts.Split('\n')[0], TokenServerHost.Accounts.Split('\n')[1]);
        for (var i = 0; i < 10; i++)
        {
            // Of one length, in place: only the time could tell them apart.
            await File.WriteAllTextAsync(host.HtpasswdPath, $"alicia{alice[5..]}\n{admin}\n", Cancel);
            await ExpectAsync(host, "alicia", TokenServerHost.AlicePassword, HttpStatusCode.OK);
            await File.WriteAllTextAsync(host.HtpasswdPath, $"alfred{alice[5..]}\n{admin}\n", Cancel);
            await ExpectAsync(host, "alicia", TokenServerHost.AlicePassword, HttpStatusCode.Unauthorized);
        }
    }

    [Fact]
    public async Task A_data_directory_serves_one_process_and_is_given_free()
    {
        string path;
        await using (var host = await TokenServerHost.StartAsync())
        {
            path = host.Options.StatePath;
            Assert.Throws<Hosting.OperatorException>(() => DataDirectory.Hold(path));
            Assert.Throws<Hosting.OperatorException>(() => TokenServerApp.Create(host.Options, host.Clock));
        }
    }

    private static async Task ExpectAsync(TokenServerHost host, string user, string password, HttpStatusCode status)
    {
        using var answer = await host.GetAsync("/token?service=registry", user, password);
        Assert.Equal(status, answer.StatusCode);
    }

    private static async Task<JsonDocument> BodyAsync(HttpResponseMessage answer) =>
        JsonDocument.Parse(await answer.Content.ReadAsStringAsync(Cancel));

    private static JsonDocument Claims(JsonDocument body) =>
        JsonDocument.Parse(System.Buffers.Text.Base64Url.DecodeFromChars(body.RootElement.GetProperty("token").GetString()!.Split('.')[1]));

    private static async Task<string> RawAsync(TokenServerHost host, string request)
    {
        using var client = new TcpClient();
        await client.ConnectAsync(IPAddress.Loopback, host.Address.Port, Cancel);
        await client.GetStream().WriteAsync(Encoding.ASCII.GetBytes(request), Cancel);
        using var reader = new StreamReader(client.GetStream());
        return await reader.ReadToEndAsync(Cancel);
    }
}
