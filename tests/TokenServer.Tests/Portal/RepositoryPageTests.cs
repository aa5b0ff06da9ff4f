using System.Net;
using System.Text.RegularExpressions;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Tests.Index;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>The page of a repository: where it is and its tags, for whoever may pull it.</summary>
public sealed partial class RepositoryPageTests
{
    [Fact]
    public async Task A_repository_shows_its_registries_its_tags_and_how_to_pull_it()
    {
        await using var host = await Reports.FilledHostAsync(o => o.Services =
        [
            new ServiceOptions { Name = "registry", CredentialFile = o.CredentialPath, Url = new Uri("https://images.example.com:5000") },
        ], Reports.Push(0, "public/app", "1"), Reports.Tag(0, "public/app", "v1", "1"));
        using var browser = new Browser(host);
        Assert.Contains("href=\"/repositories/public/app\"", await browser.PageAsync("/"), StringComparison.Ordinal);
        var page = await browser.PageAsync("/repositories/public/app");
        Assert.Contains("docker pull images.example.com:5000/public/app:v1", page, StringComparison.Ordinal);
        Assert.Contains("sha256:000000000000", page, StringComparison.Ordinal);
        Assert.Contains("one image", page, StringComparison.Ordinal);
        Assert.Contains("by alice", page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("team/secret")]
    [InlineData("team/nothing")]
    [InlineData("public/nothing")]
    [InlineData("..%2f..%2fetc")]
    [InlineData("%3Cscript%3E")]
    [InlineData("")]
    public async Task What_is_hidden_is_answered_as_what_does_not_exist(string name)
    {
        await using var host = await Reports.FilledHostAsync(null, Reports.Push(0, "team/secret", "1"), Reports.Tag(0, "team/secret", "v1", "1"));
        using var browser = new Browser(host);
        var page = await browser.PageAsync($"/repositories/{name}", HttpStatusCode.NotFound);
        Assert.Contains(ErrorAnswer.RepositoryUnknown.Message, page, StringComparison.Ordinal);
        Assert.DoesNotContain("secret", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Tags_come_in_pages_and_each_is_shown_once()
    {
        await using var host = await Reports.FilledHostAsync(
            null, [Reports.Push(0, "public/app", "1"), .. Enumerable.Range(0, 120).Select(i => Reports.Tag(0, "public/app", $"v{i:000}", "1"))]);
        using var browser = new Browser(host);
        var (tags, next, pages) = (new List<string>(), (string?)"/repositories/public/app", 0);
        while (next is not null)
        {
            var page = await browser.PageAsync(next);
            tags.AddRange(Tag().Matches(page).Select(m => m.Groups["tag"].Value));
            next = Browser.NextLink(page);
            pages++;
        }

        Assert.Equal(Enumerable.Range(0, 120).Select(i => $"v{i:000}"), tags);
        Assert.Equal(3, pages);
    }

    [Fact]
    public async Task Who_pushed_is_text_on_the_page()
    {
        var tag = Reports.Tag(0, "public/app", "v1", "1");
        tag["account"] = "<script>alert(1)</script>";
        await using var host = await Reports.FilledHostAsync(null, Reports.Push(0, "public/app", "1"), tag);
        using var browser = new Browser(host);
        var page = await browser.PageAsync("/repositories/public/app");
        Assert.Contains("&lt;script&gt;alert(1)", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
    }

    [GeneratedRegex("<th scope=\"row\"><a href=\"/images/[^\"]*\">(?<tag>v[0-9]+)</a></th>", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Tag();
}
