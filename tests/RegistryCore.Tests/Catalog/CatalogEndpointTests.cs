using System.Net;
using System.Text;
using System.Text.Json;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.Catalog;

public sealed class CatalogEndpointTests : IAsyncLifetime
{
    private static readonly string[] All = ["a/one", "a/two", "b", "c/x/y", "z"];

    private readonly List<(string Authorization, JsonElement Question)> questions = [];
    private StandIn index = null!;
    private RegistryHost host = null!;

    public async ValueTask InitializeAsync()
    {
        index = await StandIn.StartAsync();
        host = await RegistryHost.StartAsync(o => o.TokenServer.Url = index.Url);
        OwnerOnlyFile.Write(Path.Combine(Path.GetDirectoryName(host.Root)!, "registry-credential"), "s3cret\n");
        foreach (var name in All) await new Repository(host, name).PushManifestAsync(Manifest.Empty(), "v1");
        await new Repository(host, "blobs/only").PushBlobAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await index.DisposeAsync();
    }

    [Fact]
    public async Task Who_may_see_the_catalog_sees_every_repository_that_holds_a_manifest()
    {
        var answer = (await ListAsync("registry:catalog:*")).MustBe(HttpStatusCode.OK);
        Assert.Equal(All, Names(answer));
        Assert.Empty(index.Asked);
    }

    [Theory]
    [InlineData("registry:catalog:*")]
    [InlineData("repository:b:pull")]
    public async Task Pages_follow_each_other_by_their_links_until_all_were_seen(string scope)
    {
        Allow(All);
        var seen = new List<string>();
        for (var next = "/v2/_catalog?n=2"; next is not null;)
        {
            var page = (await ListAsync(scope, next)).MustBe(HttpStatusCode.OK);
            Assert.InRange(Names(page).Count, 1, 2);
            seen.AddRange(Names(page));
            next = Links.Next(page);
        }

        Assert.Equal(All, seen);
    }

    [Fact]
    public async Task Others_see_what_the_index_says_they_may_pull_and_nothing_that_is_not_here()
    {
        Allow("b", "z", "never/here");
        var answer = (await ListAsync("repository:some/repo:pull")).MustBe(HttpStatusCode.OK);
        Assert.Equal(["b", "z"], Names(answer));

        var (authorization, question) = Assert.Single(questions);
        Assert.Equal("Basic " + Convert.ToBase64String("registry:s3cret"u8), authorization);
        Assert.Equal(All, question.GetProperty("repositories").EnumerateArray().Select(r => r.GetString()));
        Assert.Equal("127.0.0.1", question.GetProperty("address").GetString());
        Assert.Equal(3, question.GetProperty("token").GetString()!.Split('.').Length);
        Assert.Equal("/index/v1/pullable", Assert.Single(index.Asked));
    }

    [Fact]
    public async Task A_page_is_filled_from_what_the_caller_may_pull()
    {
        Allow("a/two", "c/x/y", "z");
        var first = (await ListAsync("repository:b:pull", "/v2/_catalog?n=2")).MustBe(HttpStatusCode.OK);
        Assert.Equal(["a/two", "c/x/y"], Names(first));
        var second = (await ListAsync("repository:b:pull", Links.Next(first)!)).MustBe(HttpStatusCode.OK);
        Assert.Equal(["z"], Names(second));
        Assert.Null(Links.Next(second));
    }

    [Fact]
    public async Task A_listing_asks_about_the_names_of_its_page_and_then_only_about_what_the_index_says_may_be_pulled()
    {
        foreach (var i in Enumerable.Range(0, 20)) await new Repository(host, $"hidden/{i:00}").PushManifestAsync(Manifest.Empty(), "v1");
        Allow(["c/", "z"], "c/x/y", "z");
        var first = (await ListAsync("repository:b:pull", "/v2/_catalog?n=1")).MustBe(HttpStatusCode.OK);
        Assert.Equal(["c/x/y"], Names(first));
        var second = (await ListAsync("repository:b:pull", Links.Next(first)!)).MustBe(HttpStatusCode.OK);
        Assert.Equal(["z"], Names(second));
        Assert.Null(Links.Next(second));
        Assert.Equal(
            ["a/one a/two", "c/x/y z", "hidden/00 hidden/01", "z"],
            questions.Select(q => string.Join(' ', q.Question.GetProperty("repositories").EnumerateArray())));

        Allow(prefixes: []);
        Assert.Empty(Names((await ListAsync("repository:b:pull", "/v2/_catalog?n=1")).MustBe(HttpStatusCode.OK)));
        Assert.Equal(5, questions.Count);
    }

    [Fact]
    public async Task Who_may_pull_nothing_sees_an_empty_list()
    {
        Allow();
        Assert.Empty(Names((await ListAsync("repository:b:push")).MustBe(HttpStatusCode.OK)));
    }

    [Theory]
    [InlineData("registry:catalog:pull")]
    [InlineData("registry:other:*")]
    [InlineData("repository:catalog:*")]
    public async Task Another_scope_than_the_catalogs_does_not_open_it(string scope)
    {
        Allow("b");
        Assert.Equal(["b"], Names(await ListAsync(scope)));
    }

    [Fact]
    public async Task An_index_that_is_away_is_told_as_such_and_does_not_hide_the_catalog_from_who_may_see_it()
    {
        await index.StopAsync();
        var answer = (await ListAsync("repository:b:pull")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.NotEqual("", answer["Retry-After"]);
        Assert.Equal(All, Names(await ListAsync("registry:catalog:*")));
        await index.StartAgainAsync();
    }

    [Theory]
    [InlineData(500, "{}")]
    [InlineData(401, "{}")]
    [InlineData(200, "")]
    [InlineData(200, "not json")]
    [InlineData(200, "null")]
    [InlineData(200, "{}")]
    [InlineData(200, """{"repositories":null}""")]
    [InlineData(200, """{"repositories":"b"}""")]
    [InlineData(200, """{"repositories":[7]}""")]
    public async Task An_index_that_answers_nonsense_is_as_good_as_away(int status, string body)
    {
        index.Answer = http =>
        {
            http.Response.StatusCode = status;
            http.Response.ContentType = "application/json";
            return http.Response.WriteAsync(body);
        };
        (await ListAsync("repository:b:pull")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
    }

    [Fact]
    public async Task Without_the_credential_of_the_registry_the_index_cannot_be_asked()
    {
        File.Delete(Path.Combine(Path.GetDirectoryName(host.Root)!, "registry-credential"));
        (await ListAsync("repository:b:pull")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        Assert.Empty(index.Asked);
    }

    [Theory]
    [InlineData("?n=0", "")]
    [InlineData("?n=99999999999999999999", "a/one a/two b c/x/y z")]
    [InlineData("?last=b", "c/x/y z")]
    [InlineData("?last=bb", "c/x/y z")]
    public async Task A_page_is_what_was_asked(string query, string expected) =>
        Assert.Equal(
            expected, string.Join(' ', Names((await ListAsync("registry:catalog:*", "/v2/_catalog" + query)).MustBe(HttpStatusCode.OK))));

    [Fact]
    public async Task What_is_no_number_is_refused() =>
        (await ListAsync("registry:catalog:*", "/v2/_catalog?n=x")).MustBe(HttpStatusCode.BadRequest, "PAGINATION_NUMBER_INVALID");

    [Fact]
    public async Task Without_a_token_the_challenge_asks_for_the_catalog()
    {
        using var response = await host.Client.GetAsync("/v2/_catalog", TestContext.Current.CancellationToken);
        Assert.Contains(
            "scope=\"registry:catalog:*\"",
            (await Answer.ReadAsync(response)).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED")["WWW-Authenticate"],
            StringComparison.Ordinal);
    }

    private void Allow(params string[] names) => Allow(null, names);

    private void Allow(string[]? prefixes, params string[] names) => index.Answer = async http =>
    {
        using var body = new StreamReader(http.Request.Body, Encoding.UTF8);
        questions.Add((http.Request.Headers.Authorization.ToString(), JsonDocument.Parse(await body.ReadToEndAsync()).RootElement));
        await http.Response.WriteAsJsonAsync(new { repositories = names, prefixes });
    };

    private async Task<Answer> ListAsync(string scope, string path = "/v2/_catalog")
    {
        using var client = host.As(scope);
        using var response = await client.GetAsync(path, TestContext.Current.CancellationToken);
        return await Answer.ReadAsync(response);
    }

    private static List<string> Names(Answer answer) =>
        [.. answer.Json.GetProperty("repositories").EnumerateArray().Select(r => r.GetString()!)];
}
