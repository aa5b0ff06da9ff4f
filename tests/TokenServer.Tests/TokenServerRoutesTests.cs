using System.Net;
using System.Net.Http.Headers;
using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Tests.Grants;
using AuthIndex.TokenServer.Tests.Portal;

namespace AuthIndex.TokenServer.Tests;

/// <summary>The gate before every operation: proven for the table as it stands, so also for rows yet to come.</summary>
public sealed class TokenServerRoutesTests(SharedTokenServer shared) : IClassFixture<SharedTokenServer>
{
    private static readonly TokenServerRoutes Table = Build();

    private readonly TokenServerHost host = shared.Host;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Every method of every row.</summary>
    public static TheoryData<string, string> Rows() => Of(_ => true);

    /// <summary>Every method of the rows for registries.</summary>
    public static TheoryData<string, string> RegistryRows() => Of(r => r.Access is RouteAccess.Registry);

    /// <summary>Every method of the rows for somebody with an account.</summary>
    public static TheoryData<string, string> AccountRows() => Of(r => r.Access is RouteAccess.Account);

    /// <summary>Every method of the rows for whoever shows a token, or nothing.</summary>
    public static TheoryData<string, string> SubjectRows() => Of(r => r.Access is RouteAccess.Subject);

    /// <summary>Every method of the rows that refuse wrong credentials.</summary>
    public static TheoryData<string, string> CheckedRows() =>
        Of(r => r.Access is RouteAccess.Registry or RouteAccess.Account or RouteAccess.Subject);

    /// <summary>Every method of the rows that read a body.</summary>
    public static TheoryData<string, string> RowsWithBody() => Of(r => r.MaxBody > 0);

    /// <summary>Every method of the rows for whoever has a session.</summary>
    public static TheoryData<string, string> SessionRows() => Of(r => NeedsSession(r) || IsForAdministrators(r));

    /// <summary>Every method of the rows for administrators.</summary>
    public static TheoryData<string, string> AdminRows() => Of(IsForAdministrators);

    /// <summary>Every method of the rows with which administrators change something.</summary>
    public static TheoryData<string, string> AdminActRows() => Of(r => r.Access is RouteAccess.AdminForm);

    /// <summary>Every method of the rows for forms.</summary>
    public static TheoryData<string, string> FormRows() => Of(IsForm);

    /// <summary>Every method of the portal's rows.</summary>
    public static TheoryData<string, string> PortalRows() => Of(IsPortal);

    /// <summary>Every row that GET and HEAD are for.</summary>
    public static TheoryData<string> HeadRows() => [.. Table.All.Where(r => r.Methods.Contains("HEAD")).Select(r => r.Path)];

    /// <summary>Every path.</summary>
    public static TheoryData<string> Paths() => [.. Table.All.Select(r => r.Path).Distinct(StringComparer.Ordinal)];

    /// <summary>A row that lost its check would be missing below or be here.</summary>
    [Fact]
    public void These_rows_are_open_to_anyone_and_no_others() => Assert.Equal(
        [
            "GET /token", "POST /token", "GET,HEAD /.well-known/jwks.json", "GET,HEAD /.well-known/oauth-authorization-server",
                "POST /revoke",
            "GET,HEAD /index/v1/repositories", "GET,HEAD /index/v1/repositories/{name}",
            "GET,HEAD /healthz/live", "GET,HEAD /healthz/ready", "GET /metrics",
            "GET,HEAD /", "GET,HEAD /repositories/{name}", "GET,HEAD /images/{name}", "GET /sign-in", "POST /sign-in",
                "GET /sign-in/with/{name}", "GET /sign-in/callback/{name}", "GET,HEAD /portal/{name}",
        ],
        Table.All.Where(r => r.Access is not (RouteAccess.Registry or RouteAccess.Account) && !NeedsSession(r) && !IsForAdministrators(r))
        .Select(r => $"{string.Join(',', r.Methods)} {r.Path}"));

    [Fact]
    public void Whoever_shows_nothing_is_somebody_in_the_search_only() => Assert.Equal(
        ["/index/v1/repositories", "/index/v1/repositories/{name}"],
        Table.All.Where(r => r.Access is RouteAccess.Subject).Select(r => r.Path));

    [Theory]
    [MemberData(nameof(Rows))]
    public async Task Without_credentials_a_row_answers_only_what_is_open_to_anyone(string method, string path)
    {
        using var answer = await SendAsync(host, method, path, null);
        if (RowOf(method, path).Access is RouteAccess.Registry or RouteAccess.Account) await AssertRefusedAsync(answer, method);
        else if (NeedsSession(RowOf(method, path)) || IsForAdministrators(RowOf(method, path))) AssertSentToSignIn(answer);
        else Assert.NotEqual(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.NotEmpty(answer.Headers.GetValues("X-Request-Id"));
    }

    [Theory]
    [MemberData(nameof(CheckedRows))]
    public async Task Wrong_credentials_are_refused(string method, string path)
    {
        foreach (var wrong in (AuthenticationHeaderValue[])
            [
                TokenServerHost.Basic("alice", "wrong"), TokenServerHost.Basic("registry", "wrong"), TokenServerHost.Basic("nobody", "x"),
                    TokenServerHost.Basic("", ""),
                TokenServerHost.Basic("registry", ""), TokenServerHost.Basic("other", TokenServerHost.Credential),
                new("Basic", "%"), new("Bearer", "x.y.z"), new("Digest", "x"),
            ])
        {
            using var answer = await SendAsync(host, method, path, wrong);
            await AssertRefusedAsync(answer, method);
        }
    }

    [Theory]
    [MemberData(nameof(RegistryRows))]
    public async Task An_account_opens_nothing_that_is_for_registries(string method, string path)
    {
        var token = await TokenAsync(host);
        var access = (await host.MakeAsync(new { name = "x" }))["token"]!.ToString();
        foreach (var account in (AuthenticationHeaderValue[])
            [
                TokenServerHost.Basic("alice", TokenServerHost.AlicePassword),
                    TokenServerHost.Basic("admin", TokenServerHost.AdminPassword),
                TokenServerHost.Basic("alice", access), TokenServerHost.Basic("registry", access), TokenServerHost.Basic("registry", token),
                    new("Bearer", token),
            ])
        {
            using var answer = await SendAsync(host, method, path, account);
            await AssertRefusedAsync(answer, method);
        }
    }

    [Theory]
    [MemberData(nameof(AccountRows))]
    public async Task A_registry_and_what_an_account_gave_to_a_client_open_no_account(string method, string path)
    {
        var (token, refresh) = (await TokenAsync(host), await host.LoginAsync());
        foreach (var other in (AuthenticationHeaderValue[])
            [Registry, new("Bearer", TokenServerHost.Credential), new("Bearer", token), TokenServerHost.Basic("alice", token),
                TokenServerHost.Basic("", refresh), TokenServerHost.Basic("alice", refresh)])
        {
            using var answer = await SendAsync(host, method, path, other);
            await AssertRefusedAsync(answer, method);
        }
    }

    [Theory]
    [MemberData(nameof(SubjectRows))]
    public async Task A_registry_is_nobody_who_could_search(string method, string path)
    {
        using var answer = await SendAsync(host, method, path, Registry);
        await AssertRefusedAsync(answer, method);
    }

    [Theory]
    [MemberData(nameof(CheckedRows))]
    public async Task Right_credentials_pass_the_check(string method, string path)
    {
        using var answer = await SendAsync(host, method, path, CredentialsFor(method, path));
        Assert.NotEqual(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.NotEqual(HttpStatusCode.Forbidden, answer.StatusCode);
    }

    [Theory]
    [MemberData(nameof(AccountRows))]
    [MemberData(nameof(SubjectRows))]
    public async Task A_suspended_account_is_refused_whatever_it_shows(string method, string path)
    {
        await using var own = await TokenServerHost.StartAsync();
        var token = await TokenAsync(own);
        var access = (await own.MakeAsync(new { name = "x" }))["token"]!.ToString();
        Assert.Null(await own.Service<ISuspensionStore>().SuspendAsync("alice", "admin", "", own.Clock.GetUtcNow()));
        own.Service<RevocationWatch>().Wake();
        await Eventually.TrueAsync(
            () => own.Service<SuspendedAccounts>().Count == 1, TimeSpan.FromSeconds(30), () => "the suspension was not noticed");
        foreach (var shown in (AuthenticationHeaderValue[])
            [TokenServerHost.Basic("alice", TokenServerHost.AlicePassword), TokenServerHost.Basic("alice", access), new("Bearer", token)])
        {
            using var answer = await SendAsync(own, method, path, shown);
            await AssertRefusedAsync(answer, method);
        }
    }

    [Theory]
    [MemberData(nameof(AccountRows))]
    [MemberData(nameof(SubjectRows))]
    public async Task A_token_that_was_revoked_opens_nothing(string method, string path)
    {
        var made = await host.MakeAsync(new { name = "x" });
        var access = made["token"]!.ToString();
        var token = await TokenAsync(host, "alice", access);
        using (var ended = await host.AccountAsync(HttpMethod.Delete, $"/{made["id"]}", "alice", TokenServerHost.AlicePassword))
        {
            Assert.Equal(HttpStatusCode.NoContent, ended.StatusCode);
        }

        foreach (var shown in (AuthenticationHeaderValue[])[TokenServerHost.Basic("alice", access), new("Bearer", token)])
        {
            using var answer = await SendAsync(host, method, path, shown);
            await AssertRefusedAsync(answer, method);
        }
    }

    [Fact]
    public async Task A_server_without_the_portal_has_none_of_its_rows()
    {
        await using var plain = await TokenServerHost.StartAsync(o => o.Portal.Enabled = false);
        foreach (var path in Table.All.Where(IsPortal).Select(r => r.Path).Distinct(StringComparer.Ordinal))
        {
            using var answer = await SendAsync(plain, "GET", path, null);
            if (path != "/")
            {
                Assert.Equal(HttpStatusCode.NotFound, answer.StatusCode);
                continue;
            }

            Assert.Equal("text/plain; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
            Assert.Contains("docker login", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(SessionRows))]
    public async Task Only_a_session_opens_a_row_for_sessions(string method, string path)
    {
        var (access, token) = ((await host.MakeAsync(new { name = "x" }))["token"]!.ToString(), await TokenAsync(host));
        foreach (var other in (AuthenticationHeaderValue[])
            [
                TokenServerHost.Basic("alice", TokenServerHost.AlicePassword), TokenServerHost.Basic("alice", access), Registry,
                    new("Bearer", token),
            ])
        {
            using var answer = await SendAsync(host, method, path, other);
            AssertSentToSignIn(answer);
        }

        using var browser = new Browser(host);
        foreach (var wrong in (string[])["", "x", new string('A', 43), new string('!', 43), access, token])
        {
            browser.Cookies[Browser.SessionCookie] = wrong;
            using var answer = await browser.SendAsync(method, Filled(path));
            AssertSentToSignIn(answer);
        }
    }

    [Theory]
    [MemberData(nameof(SessionRows))]
    public async Task A_session_that_ended_opens_nothing(string method, string path)
    {
        await using var own = await TokenServerHost.StartAsync();
        using var browser = new Browser(own);
        await browser.SignInAsync();
        using (var open = await browser.SendAsync(method, Filled(path), browser.FormToken)) AssertNotSentToSignIn(open);

        using var another = new Browser(own);
        await another.SignInAsync();
        Assert.Null(await own.Service<ISuspensionStore>().SuspendAsync("alice", "admin", "", own.Clock.GetUtcNow()));
        foreach (var suspended in (Browser[])[browser, another])
        {
            using var answer = await suspended.SendAsync(method, Filled(path), suspended.FormToken);
            AssertSentToSignIn(answer);
        }
    }

    [Fact]
    public void What_browsers_ask_for_is_answered_with_pages_errors_included() => Assert.All(
        Table.All.Where(r => IsForAdministrators(r) || NeedsSession(r)), row => Assert.True(row.IsPage, row.Path));

    [Theory]
    [MemberData(nameof(AdminRows))]
    public async Task Only_those_whom_the_policy_allows_see_and_do_what_is_for_administrators(string method, string path)
    {
        using var browser = new Browser(host);
        await browser.SignInAsync();
        using (var refused = await browser.SendAsync(method, Filled(path), browser.FormToken))
        {
            Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
            Assert.Contains(
                "The policy does not allow alice index:", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        using var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        using var allowed = await admin.SendAsync(method, Filled(path), admin.FormToken);
        Assert.NotEqual(HttpStatusCode.Forbidden, allowed.StatusCode);
        AssertNotSentToSignIn(allowed);
    }

    [Theory]
    [MemberData(nameof(AdminActRows))]
    public async Task Whoever_may_only_see_an_area_changes_nothing_there(string method, string path)
    {
        await using var own = await TokenServerHost.StartAsync(policy: TokenServerHost.Policy + """
              - id: auditors
                to: [user:alice]
                allow: reader
                on: ["index:*"]

            """);
        using var browser = new Browser(own);
        await browser.SignInAsync();
        var area = RowOf(method, path).Path;
        await browser.PageAsync(area[..area.LastIndexOf('/')]);
        using var refused = await browser.SendAsync(method, Filled(path), browser.FormToken);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Theory]
    [MemberData(nameof(FormRows))]
    public async Task A_form_that_no_page_of_ours_made_for_this_browser_is_refused(string method, string path)
    {
        using var browser = new Browser(host);
        await browser.OpenSignInAsync();
        if (RowOf(method, path).Access is not RouteAccess.PageForm) await SignInForAsync(browser, RowOf(method, path));
        using var another = new Browser(host);
        await another.OpenSignInAsync();
        foreach (var token in (string?[])[null, "", "x", another.FormToken, browser.FormToken + "x", browser.FormToken[..^1]])
        {
            using var answer = await browser.SendAsync(method, Filled(path), token);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
            Assert.Contains("The form has expired", await answer.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        foreach (var site in (string[])["cross-site", "same-site", "x"])
        {
            using var answer = await browser.SendAsync(method, Filled(path), browser.FormToken, site);
            Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        }
    }

    [Theory]
    [MemberData(nameof(PortalRows))]
    public async Task Every_answer_of_the_portal_keeps_browsers_from_framing_sniffing_and_telling(string method, string path)
    {
        using var browser = new Browser(host);
        using var answer = await browser.SendAsync(method, Filled(path));
        Assert.Equal(
            "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'",
            Assert.Single(answer.Headers.GetValues("Content-Security-Policy")));
        Assert.Equal("nosniff", Assert.Single(answer.Headers.GetValues("X-Content-Type-Options")));
        Assert.Equal("DENY", Assert.Single(answer.Headers.GetValues("X-Frame-Options")));
        Assert.Equal("no-referrer", Assert.Single(answer.Headers.GetValues("Referrer-Policy")));
        Assert.Equal(path.StartsWith("/portal/", StringComparison.Ordinal), !answer.Headers.CacheControl!.NoStore);
    }

    [Theory]
    [MemberData(nameof(Paths))]
    public async Task A_method_that_a_path_has_not_is_answered_with_those_it_has(string path)
    {
        var allowed = Table.All.Where(r => r.Path == path).SelectMany(r => r.Methods).ToList();
        foreach (var method in ((string[])["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]).Except(allowed))
        {
            using var answer = await SendAsync(host, method, path, null);
            Assert.Equal(HttpStatusCode.MethodNotAllowed, answer.StatusCode);
            Assert.Equal(string.Join(", ", allowed), string.Join(", ", answer.Content.Headers.Allow));
        }
    }

    [Theory]
    [MemberData(nameof(RowsWithBody))]
    public async Task A_body_beyond_the_limit_is_not_read(string method, string path)
    {
        var row = RowOf(method, path);
        using var browser = new Browser(host);
        if (NeedsSession(row) || IsForAdministrators(row)) await SignInForAsync(browser, row);
        var statuses = new List<HttpStatusCode>();
        foreach (var type in (string[])["application/json", "application/x-www-form-urlencoded"])
        {
            using var content = new ByteArrayContent(
                new byte[row.MaxBody + 1]) { Headers = { ContentType = new MediaTypeHeaderValue(type) } };
            using var answer = NeedsSession(row) || IsForAdministrators(row)
                ? await browser.SendAsync(method, Filled(path), content)
                : await SendAsync(host, method, path, CredentialsFor(method, path), content);
            statuses.Add(answer.StatusCode);
        }

        Assert.Contains(HttpStatusCode.RequestEntityTooLarge, statuses);
        Assert.All(statuses, s => Assert.True(s is HttpStatusCode.RequestEntityTooLarge or HttpStatusCode.BadRequest, $"{s}"));
    }

    [Theory]
    [MemberData(nameof(HeadRows))]
    public async Task HEAD_is_answered_as_GET_without_the_body(string path)
    {
        using var get = await SendAsync(host, "GET", path, CredentialsFor("GET", path));
        using var head = await SendAsync(host, "HEAD", path, CredentialsFor("HEAD", path));
        Assert.Equal(get.StatusCode, head.StatusCode);
        Assert.Equal(HeadersOf(get), HeadersOf(head));
        Assert.Empty(await head.Content.ReadAsByteArrayAsync(Cancel));
    }

    private static bool NeedsSession(TokenServerRoute row) => row.Access is RouteAccess.SessionPage or RouteAccess.SessionForm;

    private static bool IsForAdministrators(TokenServerRoute row) =>
        row.Access is RouteAccess.AdminPage or RouteAccess.AdminQuestion or RouteAccess.AdminForm;

    private static bool IsForm(TokenServerRoute row) => row.Access is RouteAccess.PageForm or RouteAccess.SessionForm
        or RouteAccess.AdminQuestion or RouteAccess.AdminForm;

    private static Task SignInForAsync(Browser browser, TokenServerRoute row) => IsForAdministrators(row)
        ? browser.SignInAsync("admin", TokenServerHost.AdminPassword)
        : browser.SignInAsync();

    private static bool IsPortal(TokenServerRoute row) =>
        row.Access is RouteAccess.Page or RouteAccess.PageForm || NeedsSession(row) || IsForAdministrators(row)
        || row.Path.StartsWith(AssetEndpoint.Path + "/", StringComparison.Ordinal);

    private static AuthenticationHeaderValue Registry => TokenServerHost.Basic("registry", TokenServerHost.Credential);

    private static AuthenticationHeaderValue? CredentialsFor(string method, string path) => RowOf(method, path).Access switch
    {
        RouteAccess.Registry => Registry,
        RouteAccess.Account or RouteAccess.Subject => TokenServerHost.Basic("alice", TokenServerHost.AlicePassword),
        _ => null,
    };

    private static TokenServerRoute RowOf(string method, string path) =>
        Table.All.Single(r => r.Path == path && r.Methods.Contains(method));

    private static string HeadersOf(HttpResponseMessage answer) => string.Join('\n', answer.Headers.Concat(answer.Content.Headers)
        .Where(h => h.Key is not ("Date" or "X-Request-ID" or "Transfer-Encoding")).Select(h => $"{h.Key}: {string.Join(", ", h.Value)}")
        .Order(StringComparer.Ordinal));

    private static TheoryData<string, string> Of(Func<TokenServerRoute, bool> isMeant)
    {
        var data = new TheoryData<string, string>();
        foreach (var row in Table.All.Where(isMeant))
        {
            foreach (var method in row.Methods) data.Add(method, row.Path);
        }

        return data;
    }

    /// <summary>The table without a server: its handlers are never run.</summary>
    private static TokenServerRoutes Build()
    {
        var constructor = typeof(TokenServerRoutes).GetConstructors().Single();
        return (TokenServerRoutes)constructor.Invoke(
            [.. constructor.GetParameters().Select(p => p.ParameterType == typeof(PortalOptions)
                ? new PortalOptions()
                : RuntimeHelpers.GetUninitializedObject(p.ParameterType))]);
    }

    private static string Filled(string path) => path == AssetEndpoint.Path + "/{name}"
        ? AssetEndpoint.PathOf("style.css")
        : path.Replace("{name}", "public/app", StringComparison.Ordinal).Replace("{id}", "x", StringComparison.Ordinal);

    private static void AssertSentToSignIn(HttpResponseMessage answer)
    {
        Assert.Equal(HttpStatusCode.SeeOther, answer.StatusCode);
        Assert.StartsWith("/sign-in", answer.Headers.Location!.ToString(), StringComparison.Ordinal);
    }

    private static void AssertNotSentToSignIn(HttpResponseMessage answer) =>
        Assert.False(answer.Headers.Location?.ToString().StartsWith("/sign-in", StringComparison.Ordinal) == true);

    private static async Task<HttpResponseMessage> SendAsync(
        TokenServerHost host, string method, string path, AuthenticationHeaderValue? credentials, HttpContent? content = null)
    {
        using var request = new HttpRequestMessage(
            new HttpMethod(method),
            Filled(path))
        {
            Content = content,
            Headers = { Authorization = credentials, ExpectContinue = content is not null },
        };
        return await host.Client.SendAsync(request, Cancel);
    }

    private static async Task<string> TokenAsync(
        TokenServerHost host, string user = "alice", string password = TokenServerHost.AlicePassword)
    {
        using var answer = await host.GetAsync("/token?service=registry&scope=repository:public/app:pull", user, password);
        return (await answer.JsonAsync())["token"]!.ToString();
    }

    private static async Task AssertRefusedAsync(HttpResponseMessage answer, string method)
    {
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
        Assert.Equal("""Basic realm="authindex", charset="UTF-8" """.TrimEnd(), answer.Headers.WwwAuthenticate.ToString());
        Assert.Equal("no-store", answer.Headers.CacheControl?.ToString());
        var body = await answer.Content.ReadAsStringAsync(Cancel);
        Assert.Equal(method == "HEAD" ? "" : "invalid_client", method == "HEAD" ? body : JsonNode.Parse(body)!["error"]!.ToString());
    }
}
