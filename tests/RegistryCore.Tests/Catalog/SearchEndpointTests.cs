using System.Net;
using System.Text.Json;
using AuthIndex.TestKit;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.RegistryCore.Tests.Catalog;

/// <summary>What <c>docker search</c> asks the registry, and the registry the index.</summary>
public sealed class SearchEndpointTests : IAsyncLifetime
{
    private readonly List<JsonElement> questions = [];
    private StandIn index = null!;
    private RegistryHost host = null!;
    private string said = """{"repositories":["a/web","b/web"],"refusal":null}""";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        index = await StandIn.StartAsync();
        index.Answer = async http =>
        {
            using var body = await JsonDocument.ParseAsync(http.Request.Body);
            questions.Add(body.RootElement.Clone());
            await http.Response.WriteAsync(said);
        };
        host = await RegistryHost.StartAsync(o => o.TokenServer.Url = index.Url);
        OwnerOnlyFile.Write(Path.Combine(Path.GetDirectoryName(host.Root)!, "registry-credential"), "s3cret\n");
    }

    public async ValueTask DisposeAsync()
    {
        await host.DisposeAsync();
        await index.DisposeAsync();
    }

    [Fact]
    public async Task The_ping_of_the_first_version_needs_no_credentials()
    {
        var answer = await GetAsync("/v1/_ping");
        answer.MustBe(HttpStatusCode.OK);
        Assert.Equal("true", answer["X-Docker-Registry-Standalone"]);
        Assert.Empty(index.Asked);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("Basic YTpi")]
    [InlineData("Bearer x.y.z")]
    public async Task A_search_goes_to_the_index_with_what_the_caller_shows_and_comes_back_as_docker_reads_it(string? authorization)
    {
        var answer = (await GetAsync("/v1/search?q=Web&n=10", authorization)).MustBe(HttpStatusCode.OK).Json;
        Assert.Equal(
            (2, "Web", 1, 1, 10),
            (answer.GetProperty("num_results").GetInt32(), answer.GetProperty("query").GetString(), answer.GetProperty("page").GetInt32(),
                answer.GetProperty("num_pages").GetInt32(), answer.GetProperty("page_size").GetInt32()));
        Assert.Equal(
            """{"name":"a/web","description":"","star_count":0,"is_official":false,"is_automated":false}""",
            answer.GetProperty("results")[0].GetRawText());
        var question = Assert.Single(questions);
        Assert.Equal(authorization, question.GetProperty("authorization").GetString());
        Assert.Equal(
            ("127.0.0.1", "web", 10),
            (question.GetProperty("address").GetString(), question.GetProperty("text").GetString(), question.GetProperty("count").GetInt32()));
    }

    [Theory]
    [InlineData("", 25)]
    [InlineData("&n=0", 1)]
    [InlineData("&n=101", 100)]
    [InlineData("&n=99999999999999999999", 100)]
    public async Task The_number_of_results_is_bounded(string n, int count)
    {
        (await GetAsync($"/v1/search?q=x{n}")).MustBe(HttpStatusCode.OK);
        Assert.Equal(count, Assert.Single(questions).GetProperty("count").GetInt32());
    }

    [Fact]
    public async Task What_the_index_refuses_is_refused_and_without_the_index_there_is_no_search()
    {
        said = """{"repositories":null,"refusal":{"status":401,"message":"wrong","retryAfter":null}}""";
        var wrong = (await GetAsync("/v1/search?q=x", "Basic YTpi")).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED");
        Assert.StartsWith("Basic ", wrong["WWW-Authenticate"], StringComparison.Ordinal);
        said = """{"repositories":null,"refusal":{"status":429,"message":"slowly","retryAfter":7}}""";
        Assert.Equal("7", (await GetAsync("/v1/search?q=x")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS")["Retry-After"]);
        (await GetAsync("/v1/search?q=x&n=many")).MustBe(HttpStatusCode.BadRequest, "PAGINATION_NUMBER_INVALID");
        said = "{}";
        (await GetAsync("/v1/search?q=x")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await index.StopAsync();
        (await GetAsync("/v1/search?q=x")).MustBe(HttpStatusCode.ServiceUnavailable, "UNAVAILABLE");
        await index.StartAgainAsync();
    }

    [Fact]
    public async Task A_text_longer_than_any_name_finds_nothing_and_nobody_is_asked()
    {
        var answer = (await GetAsync($"/v1/search?q={new string('x', 256)}")).MustBe(HttpStatusCode.OK);
        Assert.Equal(0, answer.Json.GetProperty("num_results").GetInt32());
        Assert.Empty(questions);
    }

    [Fact]
    public async Task Of_the_first_version_there_is_nothing_else()
    {
        (await GetAsync("/v1/users/")).MustBe(HttpStatusCode.NotFound, "UNSUPPORTED");
        using var post = await host.Client.PostAsync("/v1/search", null, Cancel);
        Assert.Equal(HttpStatusCode.MethodNotAllowed, post.StatusCode);
    }

    private async Task<Answer> GetAsync(string path, string? authorization = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, path);
        if (authorization is not null) request.Headers.TryAddWithoutValidation("Authorization", authorization);
        using var response = await host.Client.SendAsync(request, Cancel);
        return await Answer.ReadAsync(response);
    }
}
