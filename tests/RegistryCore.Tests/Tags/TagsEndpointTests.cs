using System.Net;

namespace AuthIndex.RegistryCore.Tests.Tags;

public sealed class TagsEndpointTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    private static readonly string[] Sorted = ["0", "A", "Z", "_x", "a", "a-b", "a.b", "a0", "b"];

    [Fact]
    public async Task Tags_are_listed_in_the_order_of_their_bytes()
    {
        var repository = await WithTagsAsync();
        var answer = (await repository.GetAsync("tags/list")).MustBe(HttpStatusCode.OK);
        Assert.Equal((repository.Name, ""), (answer.Json.GetProperty("name").GetString(), answer["Link"]));
        Assert.Equal(Sorted.Order(StringComparer.Ordinal), Names(answer));
    }

    [Theory]
    [InlineData("?n=3", "0 A Z", true)]
    [InlineData("?n=3&last=Z", "_x a a-b", true)]
    [InlineData("?n=3&last=a-b", "a.b a0 b", false)]
    [InlineData("?n=100", "0 A Z _x a a-b a.b a0 b", false)]
    [InlineData("?last=a", "a-b a.b a0 b", false)]
    [InlineData("?last=a-", "a-b a.b a0 b", false)] // need not exist
    [InlineData("?last=zzz", "", false)]
    [InlineData("?n=9", "0 A Z _x a a-b a.b a0 b", false)] // exactly all: no further page
    [InlineData("?n=0", "", false)]
    [InlineData("?n=0&last=a", "", false)]
    [InlineData("?n=99999999999999999999999", "0 A Z _x a a-b a.b a0 b", false)]
    [InlineData("?n=", "0 A Z _x a a-b a.b a0 b", false)]
    [InlineData("?n=2&n=x", "0 A", true)] // the first of two counts
    [InlineData("?last=%FF%FE", "0 A Z _x a a-b a.b a0 b", false)] // no text: taken as it stands, and % comes before all
    public async Task A_page_is_what_was_asked(string query, string expected, bool hasMore)
    {
        var answer = (await (await WithTagsAsync()).GetAsync("tags/list" + query)).MustBe(HttpStatusCode.OK);
        Assert.Equal(expected, string.Join(' ', Names(answer)));
        Assert.Equal(hasMore, Links.Next(answer) is not null);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(4)]
    public async Task Pages_follow_each_other_by_their_links_until_all_were_seen(int size)
    {
        var repository = await WithTagsAsync();
        var seen = new List<string>();
        for (var next = $"/v2/{repository.Name}/tags/list?n={size}"; next is not null;)
        {
            var page = await repository.GetAsync(next);
            seen.AddRange(Names(page));
            next = Links.Next(page);
        }

        Assert.Equal(Sorted.Order(StringComparer.Ordinal), seen);
    }

    [Theory]
    [InlineData("-1")]
    [InlineData("ten")]
    [InlineData("1.5")]
    public async Task What_is_no_number_is_refused(string n) =>
        (await registry.New().GetAsync($"tags/list?n={n}")).MustBe(HttpStatusCode.BadRequest, "PAGINATION_NUMBER_INVALID");

    [Fact]
    public async Task A_line_break_in_last_reaches_no_header()
    {
        var answer = (await (await WithTagsAsync()).GetAsync("tags/list?n=1&last=0%0d%0aX-Evil:%20yes%3E")).MustBe(HttpStatusCode.OK);
        Assert.Equal("", answer["X-Evil"]);
        Assert.EndsWith("/tags/list?n=1&last=A", Links.Next(answer), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_repository_that_was_never_used_is_unknown() =>
        (await registry.New().GetAsync("tags/list")).MustBe(HttpStatusCode.NotFound, "NAME_UNKNOWN");

    [Fact]
    public async Task A_repository_without_tags_has_an_empty_list()
    {
        var repository = registry.New();
        await repository.PushManifestAsync(Manifest.Empty());
        Assert.Empty(Names((await repository.GetAsync("tags/list")).MustBe(HttpStatusCode.OK)));
    }

    private async Task<Repository> WithTagsAsync()
    {
        var repository = registry.New();
        var manifest = Manifest.Empty();
        (await repository.TryPushManifestAsync(manifest, $"{manifest.Digest}?tag={string.Join("&tag=", Sorted.Reverse())}")).MustBe(
            HttpStatusCode.Created);
        return repository;
    }

    private static List<string> Names(Answer answer) => [.. answer.Json.GetProperty("tags").EnumerateArray().Select(t => t.GetString()!)];
}
