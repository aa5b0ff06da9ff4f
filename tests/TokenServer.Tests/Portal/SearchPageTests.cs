using System.Net;
using System.Text.RegularExpressions;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Portal;
using AuthIndex.TokenServer.Tests.Index;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>The first page: what a visitor may pull, and nothing of the rest.</summary>
public sealed partial class SearchPageTests
{
    [Fact]
    public async Task An_address_that_asks_too_often_without_a_session_is_told_to_wait()
    {
        await using var host = await TokenServerHost.StartAsync(o =>
        {
            o.TrustedProxies = [new IPNetwork(IPAddress.Parse("127.0.0.0"), 8)];
            o.UnauthenticatedPerSecond = 2;
        });
        using var signedIn = new Browser(host, forwardedFor: "198.51.100.7");
        await signedIn.SignInAsync();
        using var anonymous = new Browser(host, forwardedFor: "198.51.100.7");
        var statuses = new List<HttpStatusCode>();
        for (var i = 0; i < 30; i++)
        {
            using var answer = await anonymous.SendAsync("GET", i % 2 == 0 ? "/?q=x" : "/repositories/public/app");
            statuses.Add(answer.StatusCode);
        }

        Assert.Equal(HttpStatusCode.OK, statuses[0]);
        Assert.Equal(HttpStatusCode.TooManyRequests, statuses[^1]);
        Assert.Contains("Sign out", await signedIn.PageAsync("/"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Everyone_sees_what_they_may_pull_and_no_more()
    {
        await using var host = await FilledAsync("public/tool", "users/alice/app", "users/bob/app", "team/secret");
        using var browser = new Browser(host);
        Assert.Equal(["public/tool"], Names(await browser.PageAsync("/")));
        await browser.SignInAsync();
        Assert.Equal(["public/tool", "users/alice/app"], Names(await browser.PageAsync("/")));
        Assert.Equal(["users/alice/app"], Names(await browser.PageAsync("/?q=app")));
        using var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        Assert.Equal(["public/tool", "team/secret", "users/alice/app", "users/bob/app"], Names(await admin.PageAsync("/")));
    }

    [Fact]
    public async Task A_page_without_rows_says_the_same_whether_something_is_hidden_or_not()
    {
        await using var host = await FilledAsync("team/secret");
        using var browser = new Browser(host);
        var hidden = await browser.PageAsync("/?q=team%2Fsecret");
        var none = await browser.PageAsync("/?q=team%2Fnothin");
        Assert.Equal(none, hidden.Replace("secret", "nothin", StringComparison.Ordinal));
        Assert.Contains("Sign in</a> to see what your account may pull", hidden, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Pages_follow_each_other_and_show_everything_once()
    {
        await using var host = await FilledAsync(
            [.. Enumerable.Range(0, 120).SelectMany(i => new[] { $"public/p{i:000}", $"public{i:000}/hidden" })]);
        using var browser = new Browser(host);
        var (found, next, pages) = (new List<string>(), (string?)"/?q=p", 0);
        while (next is not null)
        {
            var page = await browser.PageAsync(next);
            found.AddRange(Names(page));
            next = Browser.NextLink(page);
            pages++;
        }

        Assert.Equal(Enumerable.Range(0, 120).Select(i => $"public/p{i:000}"), found);
        Assert.Equal(3, pages);
    }

    [Fact]
    public async Task What_a_visitor_types_is_text_on_the_page()
    {
        await using var host = await FilledAsync("public/a");
        using var browser = new Browser(host);
        var page = await browser.PageAsync($"/?q={Uri.EscapeDataString("\"><script>alert('x')</script>")}&after=%00%22%3E");
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;", page, StringComparison.Ordinal);
        Assert.DoesNotContain("\"><script", page, StringComparison.Ordinal);
    }

    /// <summary>The policy forbids what is inside a page, so a page that had such would not work.</summary>
    [Fact]
    public async Task No_page_has_scripts_or_styles_inside()
    {
        await using var host = await FilledAsync("public/a");
        using var browser = new Browser(host);
        foreach (var path in (string[])["/", "/sign-in", "/?q=none"])
        {
            var page = await browser.PageAsync(path);
            Assert.DoesNotMatch(Inline(), page);
        }
    }

    [Fact]
    public async Task Assets_are_kept_under_an_address_that_changes_with_them()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var answer = await host.GetAsync(AssetEndpoint.PathOf("script.js"));
        Assert.Equal("public, max-age=31536000, immutable", answer.Headers.GetValues("Cache-Control").Single());
        Assert.Equal("text/javascript; charset=utf-8", answer.Content.Headers.ContentType!.ToString());
        using var missing = await host.GetAsync("/portal/..%2fstyle.css");
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
    }

    private static Task<TokenServerHost> FilledAsync(params string[] names) =>
        Reports.FilledHostAsync(null, [.. names.Select(n => Reports.Push(0, n, "1"))]);

    private static List<string> Names(string page) => [.. Name().Matches(page).Select(m => m.Groups["name"].Value)];

    [GeneratedRegex("<th scope=\"row\">(<a[^>]*>)?(?<name>[^<]+)<", RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Name();

    [GeneratedRegex("<style|<script(?! src=)| style=| on[a-z]+=|javascript:", RegexOptions.None, 1000)]
    private static partial Regex Inline();
}
