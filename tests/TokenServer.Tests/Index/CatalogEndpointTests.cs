using System.Diagnostics;
using System.Net;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Ldap;

namespace AuthIndex.TokenServer.Tests.Index;

/// <summary>What people find in the catalog: what they may pull, page by page, and nothing of the rest.</summary>
public sealed class CatalogEndpointTests
{
    private const string Search = "/index/v1/repositories";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task Everyone_finds_what_they_may_pull_and_no_more()
    {
        await using var server = await FilledAsync("public/tool", "users/alice/app", "users/bob/app", "team/secret");
        Assert.Equal(["public/tool"], await FindAsync(server, Search));
        Assert.Equal(["public/tool", "users/alice/app"], await FindAsync(server, Search, "alice"));
        Assert.Equal(["public/tool", "team/secret", "users/alice/app", "users/bob/app"], await FindAsync(server, Search, "admin"));
    }

    [Fact]
    public async Task An_address_that_searches_too_often_without_proving_who_asks_is_told_to_wait()
    {
        await using var server = await TokenServerHost.StartAsync(o =>
        {
            o.UnauthenticatedPerSecond = 1;
            o.TrustedProxies.Add(IPNetwork.Parse("127.0.0.0/8"));
        });
        string alice = TokenServerHost.Basic("alice", TokenServerHost.AlicePassword).ToString(), forged = "Bearer a.b.c";
        for (var i = 0; i < 5; i++)
        {
            Assert.Equal(HttpStatusCode.OK, await StatusAsync("192.0.2.1", null));
            Assert.Equal(HttpStatusCode.Unauthorized, await StatusAsync("192.0.2.1", forged));
        }

        foreach (var path in (string[])[Search, $"{Search}/public/tool/tags"])
        {
            Assert.Equal(HttpStatusCode.TooManyRequests, await StatusAsync("192.0.2.1", null, path));
            Assert.Equal(HttpStatusCode.TooManyRequests, await StatusAsync("192.0.2.1", forged, path));
        }

        Assert.Equal(HttpStatusCode.OK, await StatusAsync("192.0.2.1", alice));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("192.0.2.2", null));

        async Task<HttpStatusCode> StatusAsync(string from, string? authorization, string path = Search)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Address, path));
            request.Headers.Add("X-Forwarded-For", from);
            if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
            using var answer = await server.Client.SendAsync(request, None);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task An_outage_of_a_directory_takes_nothing_from_what_an_address_may_ask()
    {
        await using var server = await TokenServerHost.StartAsync(o =>
        {
            o.UnauthenticatedPerSecond = 1;
            o.TrustedProxies.Add(IPNetwork.Parse("127.0.0.0/8"));
            o.Ldap.Add(new LdapDirectoryOptions
            {
                Name = "corp", Servers = ["ldap://127.0.0.1:1"], AnonymousSearch = true, BaseDn = "dc=org",
                Groups = { Via = "memberOf", BaseDn = "dc=org", NestedDepth = 0 },
            });
        });
        for (var i = 0; i < 20; i++) Assert.Equal(HttpStatusCode.ServiceUnavailable, await StatusAsync(TokenServerHost.Basic("carol", "secret")));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync(null));

        async Task<HttpStatusCode> StatusAsync(AuthenticationHeaderValue? authorization)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, new Uri(server.Address, Search));
            request.Headers.Add("X-Forwarded-For", "192.0.2.1");
            request.Headers.Authorization = authorization;
            using var answer = await server.Client.SendAsync(request, None);
            return answer.StatusCode;
        }
    }

    [Fact]
    public async Task A_search_is_for_a_part_of_the_name_letter_for_letter()
    {
        await using var server = await FilledAsync("public/a_b", "public/axb", "public/web-front", "web/back");
        Assert.Equal(["public/web-front", "web/back"], await FindAsync(server, $"{Search}?q=web", "admin"));
        Assert.Equal(["public/a_b"], await FindAsync(server, $"{Search}?q=a_b", "admin"));
        Assert.Equal(["web/back"], await FindAsync(server, $"{Search}?q=b%2Fb", "admin"));
        Assert.Empty(await FindAsync(server, $"{Search}?q=w%25b", "admin"));
        Assert.Empty(await FindAsync(server, $"{Search}?q=we*b", "admin"));
    }

    [Fact]
    public async Task What_several_rules_show_is_found_once_and_what_one_denies_is_not()
    {
        const string policy = """
            version: 1
            rules:
              - { id: teams, to: [anyone], allow: [pull], on: ["team/**"] }
              - { id: app, to: [anyone], allow: [pull], on: ["team/app/**", "team/app/x", "lib*/**"] }
              - { id: secret, to: [anyone], deny: [pull], on: ["team/app/secret", "**/hidden"] }

            """;
        await using var server = await TokenServerHost.StartAsync(policy: policy);
        string[] names = [
            "lib/a", "lib/hidden", "library/a", "other/a", "team/a", "team/app/secret", "team/app/x", "team/b", "team/hidden", "teams/a"];
        await Reports.MustAsync(server, Reports.Snapshot("e", 0, true, 0, [.. names.Select(n => Reports.Push(0, n, "1"))]));

        Assert.Equal(["lib/a", "library/a", "team/a", "team/app/x", "team/b"], await FindAsync(server, Search));
        Assert.Equal(["team/app/x", "team/b"], await FindAsync(server, $"{Search}?last=team%2Fa"));
        Assert.Equal(["team/b"], await FindAsync(server, $"{Search}?last=team%2Fapp%2Fx"));
        Assert.Empty(await FindAsync(server, $"{Search}?last=teams"));
        Assert.Equal(["library/a", "team/a"], await FindAsync(server, $"{Search}?last=lib%2Fa&n=2"));
    }

    [Fact]
    public async Task Pages_follow_each_other_by_their_links_and_hide_what_may_not_be_seen()
    {
        await using var server = await FilledAsync(
            [.. Enumerable.Range(0, 25).SelectMany(i => new[] { $"public/p{i:00}", $"public{i:00}/hidden" })]);
        var (found, next, pages) = (new List<string>(), (string?)$"{Search}?n=10&q=p", 0);
        while (next is not null)
        {
            using var answer = await server.GetAsync(next);
            found.AddRange(Reports.Names(await answer.Content.ReadFromJsonAsync<JsonNode>(None), "repositories"));
            next = answer.Headers.TryGetValues("Link", out var links) ? links.Single().Split('<', '>')[1] : null;
            Assert.DoesNotContain("hidden", next ?? "", StringComparison.Ordinal);
            pages++;
        }

        Assert.Equal(3, pages);
        Assert.Equal(Enumerable.Range(0, 25).Select(i => $"public/p{i:00}"), found);
    }

    [Theory]
    [InlineData("n=0", 0)]
    [InlineData("n=1", 1)]
    [InlineData("n=99999999999999999999", 3)]
    [InlineData("last=public%2Fa", 2)]
    [InlineData("last=zzz", 0)]
    [InlineData("last=%0d%0aX:%20y", 3)]
    public async Task The_parameters_of_a_page_are_read(string query, int expected)
    {
        await using var server = await FilledAsync("public/a", "public/b", "public/c");
        Assert.Equal(expected, (await FindAsync(server, $"{Search}?{query}")).Count);
    }

    [Fact]
    public async Task A_page_of_no_number_is_refused()
    {
        await using var server = await TokenServerHost.StartAsync();
        using var answer = await server.GetAsync($"{Search}?n=-1");
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
    }

    [Fact]
    public async Task What_may_not_be_seen_is_answered_like_what_is_not_there()
    {
        await using var server = await FilledAsync("team/secret");
        foreach (var tail in new[] { "", "/tags" })
        {
            using var hidden = await server.GetAsync($"{Search}/team/secret{tail}", "alice", TokenServerHost.AlicePassword);
            using var absent = await server.GetAsync($"{Search}/team/absent{tail}", "alice", TokenServerHost.AlicePassword);
            using var impossible = await server.GetAsync($"{Search}/Team/..{tail}", "alice", TokenServerHost.AlicePassword);
            Assert.Equal(HttpStatusCode.NotFound, hidden.StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, absent.StatusCode);
            Assert.Equal(HttpStatusCode.NotFound, impossible.StatusCode);
            Assert.Equal(await Reports.TextAsync(absent), await Reports.TextAsync(hidden));
            foreach (var answer in new[] { absent, hidden }) answer.Headers.Remove("X-Request-ID"); // each request's own
            Assert.Equal($"{absent.Headers}", $"{hidden.Headers}");
            using var seen = await server.GetAsync($"{Search}/team/secret{tail}", "admin", TokenServerHost.AdminPassword);
            Assert.Equal(HttpStatusCode.OK, seen.StatusCode);
        }
    }

    [Fact]
    public async Task A_name_that_ends_in_tags_is_reached_with_its_slashes_escaped()
    {
        await using var server = await FilledAsync("public/tags");
        using var places = await server.GetAsync($"{Search}/public%2Ftags");
        using var tags = await server.GetAsync($"{Search}/public%2Ftags/tags");
        Assert.Equal("public/tags", (string)(await places.Content.ReadFromJsonAsync<JsonNode>(None))!["name"]!);
        Assert.Equal(["latest"], Reports.Names(await tags.Content.ReadFromJsonAsync<JsonNode>(None), "tags"));
    }

    [Fact]
    public async Task Tags_come_in_pages()
    {
        await using var server = await TokenServerHost.StartAsync();
        await Reports.MustAsync(
            server, Reports.Snapshot(
                "e", 0, true, 0,
                [Reports.Push(0, "public/a", "1"), .. Enumerable.Range(0, 5).Select(i => Reports.Tag(0, "public/a", $"t{i}", "1"))]));
        using var first = await server.GetAsync($"{Search}/public/a/tags?n=3");
        Assert.Equal(["t0", "t1", "t2"], Reports.Names(await first.Content.ReadFromJsonAsync<JsonNode>(None), "tags"));
        using var second = await server.GetAsync(first.Headers.GetValues("Link").Single().Split('<', '>')[1]);
        Assert.Equal(["t3", "t4"], Reports.Names(await second.Content.ReadFromJsonAsync<JsonNode>(None), "tags"));
        Assert.False(second.Headers.Contains("Link"));
    }

    [Fact]
    public async Task A_token_of_ours_says_who_searches()
    {
        await using var server = await FilledAsync("public/tool", "users/alice/app");
        using var issued = await server.GetAsync("/token?service=registry", "alice", TokenServerHost.AlicePassword);
        var token = (string)(await issued.Content.ReadFromJsonAsync<JsonNode>(None))!["token"]!;

        using var good = await SendAsync(server, token);
        Assert.Equal(
            ["public/tool", "users/alice/app"], Reports.Names(await good.Content.ReadFromJsonAsync<JsonNode>(None), "repositories"));
        using var forged = await SendAsync(server, token[..^4] + "AAAA");
        Assert.Equal(HttpStatusCode.Unauthorized, forged.StatusCode);
        server.Clock.Advance(TimeSpan.FromHours(1));
        using var old = await SendAsync(server, token);
        Assert.Equal(HttpStatusCode.Unauthorized, old.StatusCode);
    }

    [Fact]
    public async Task A_registrys_token_shows_that_registry_alone_and_a_password_all()
    {
        await using var server = await TokenServerHost.StartAsync(o => o.Services =
        [
            new() { Name = "north", CredentialFile = o.CredentialPath },
            new() { Name = "south", Audience = "south.example.com", CredentialFile = o.CredentialPath },
        ]);
        foreach (var service in new[] { "north", "south" })
        {
            await Reports.MustAsync(
                server, Reports.Snapshot(
                    "e", 0, true, 0,
                    [Reports.Push(0, "public/tool", "1"), Reports.Push(0, $"public/{service}", "1"),
                        Reports.Tag(0, $"public/{service}", "latest", "1")]), service);
        }

        Assert.Equal(["public/north", "public/south", "public/tool"], await FindAsync(server, Search, "alice"));
        foreach (var (service, other) in new[] { ("north", "south"), ("south", "north") })
        {
            using var issued = await server.GetAsync($"/token?service={service}", "alice", TokenServerHost.AlicePassword);
            var token = (string)(await issued.Content.ReadFromJsonAsync<JsonNode>(None))!["token"]!;
            using var found = await SendAsync(server, token);
            var repositories = (await found.Content.ReadFromJsonAsync<JsonNode>(None))!["repositories"]!.AsArray();
            Assert.Equal(
                [$"public/{service} {service}", $"public/tool {service}"],
                repositories.Select(r => $"{r!["name"]} {string.Join(' ', r["registries"]!.AsArray())}"));
            foreach (var tail in new[] { "", "/tags" })
            {
                using var own = await SendAsync(server, token, $"{Search}/public/{service}{tail}");
                using var others = await SendAsync(server, token, $"{Search}/public/{other}{tail}");
                Assert.Equal((HttpStatusCode.OK, HttpStatusCode.NotFound), (own.StatusCode, others.StatusCode));
            }
        }
    }

    [Fact]
    public async Task A_wrong_password_is_refused_and_never_taken_for_anonymous()
    {
        await using var server = await FilledAsync("public/tool");
        using var answer = await server.GetAsync(Search, "alice", "wrong");
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);
    }

    [Fact]
    public async Task A_hundred_thousand_repositories_are_searched_in_no_time()
    {
        await using var server = await TokenServerHost.StartAsync();
        for (var page = 0; page < 50; page++)
        {
            await Reports.MustAsync(
                server, Reports.Snapshot(
                    "e", page, page == 49, 0,
                    [.. Enumerable.Range(page * 2000, 2000).Select(i => Reports.Push(0, $"team-{i % 500}/app-{i}", "1"))]));
        }

        foreach (var (query, user) in new[] { ("", "admin"), ("?q=app-99999", "admin"), ("?last=team-400", "admin"), ("", "alice"),
            ("?q=nowhere", "") })
        {
            await FindAsync(server, Search + query, user);
            var time = Stopwatch.StartNew();
            await FindAsync(server, Search + query, user);
            TestContext.Current.TestOutputHelper!.WriteLine($"{query} {user}: {time.Elapsed.TotalMilliseconds} ms");
            Assert.True(time.Elapsed < TimeSpan.FromSeconds(1), $"{query} as {user} took {time.Elapsed}");
        }
    }

    private static async Task<TokenServerHost> FilledAsync(params string[] names)
    {
        var server = await TokenServerHost.StartAsync();
        await Reports.MustAsync(
            server, Reports.Snapshot(
                "e", 0, true, 0, [.. names.SelectMany(n => new[] { Reports.Push(0, n, "1"), Reports.Tag(0, n, "latest", "1") })]));
        return server;
    }

    private static async Task<IReadOnlyList<string>> FindAsync(TokenServerHost server, string path, string user = "")
    {
        using var answer = user.Length == 0
            ? await server.GetAsync(path)
            : await server.GetAsync(path, user, user == "admin" ? TokenServerHost.AdminPassword : TokenServerHost.AlicePassword);
        return Reports.Names(await answer.EnsureSuccessStatusCode().Content.ReadFromJsonAsync<JsonNode>(None), "repositories");
    }

    private static async Task<HttpResponseMessage> SendAsync(TokenServerHost server, string token, string path = Search)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
        return await server.Client.SendAsync(request, None);
    }
}
