using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.State;
using Dapper;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>Deleting tags in the portal, at a real registry.</summary>
public sealed class DeletePageTests
{
    private const string Repository = "users/alice/app";

    private static readonly JsonObject Config = new() { ["os"] = "linux", ["architecture"] = "amd64" };

    [Fact]
    public async Task Chosen_tags_are_deleted_after_the_page_said_what_else_that_means()
    {
        await using var servers = await PortalServers.StartAsync();
        foreach (var tag in (string[])["v1", "v1.0", "latest"]) await servers.PushImageAsync($"{Repository}:{tag}", Config, null, "one");
        var lone = await servers.PushImageAsync($"{Repository}:lone", Config, null, "two");
        await servers.PushReferrerAsync(Repository, "application/vnd.cncf.notary.signature", lone);
        using var browser = new Browser(servers.Host);
        await browser.SignInAsync();
        Assert.Contains("value=\"v1@registry\"", await browser.PageAsync($"/repositories/{Repository}"), StringComparison.Ordinal);

        var page = await browser.PageAsync($"/delete/{Repository}?tag=v1@registry&tag=v1.0@registry&tag=lone@registry&tag=none@registry");
        Assert.Contains("v1, v1.0 at registry", page, StringComparison.Ordinal);
        Assert.Contains("Other tags point at the same image: latest.", page, StringComparison.Ordinal);
        Assert.Contains("the one signature or other artifact", page, StringComparison.Ordinal);
        Assert.Contains("Delete these 3 tags", page, StringComparison.Ordinal);

        var values = page.Split("name=\"tag\" value=\"").Skip(1).Select(p => ("tag", p[..p.IndexOf('"', StringComparison.Ordinal)])).ToArray();
        using var done = await browser.SubmitAsync($"/delete/{Repository}", values);
        Assert.Equal(HttpStatusCode.SeeOther, done.StatusCode);
        var after = await browser.PageAsync(done.Headers.Location!.ToString()); // right away
        Assert.Contains("latest@registry", after, StringComparison.Ordinal);
        Assert.DoesNotContain("v1@registry", after, StringComparison.Ordinal);
        Assert.DoesNotContain("lone@registry", after, StringComparison.Ordinal);
        await Eventually.TrueAsync(
            () => File.ReadAllText(servers.Host.Options.AuditPath).Split('\n').Count(l =>
                l.Contains("\"action\":\"tags delete\"", StringComparison.Ordinal) && l.Contains("alice at 127.0.0.1", StringComparison.Ordinal)
                && l.Contains("\"outcome\":\"done\"", StringComparison.Ordinal)) == 3,
            TimeSpan.FromSeconds(30), () => File.ReadAllText(servers.Host.Options.AuditPath));
    }

    [Fact]
    public async Task An_image_without_tags_is_deleted_by_its_digest_and_one_with_tags_is_not()
    {
        await using var servers = await PortalServers.StartAsync();
        var old = await servers.PushImageAsync($"{Repository}:v1", Config, null, "one");
        var tagged = await servers.PushImageAsync($"{Repository}:v1", Config, null, "two");
        using var browser = new Browser(servers.Host);
        await browser.SignInAsync();
        Assert.DoesNotContain("/delete-image/", await browser.PageAsync($"/images/{Repository}@{tagged}"), StringComparison.Ordinal);
        await browser.PageAsync($"/delete-image/{Repository}@{tagged}?registry=registry", HttpStatusCode.Conflict);
        using (var kept = await browser.SubmitAsync($"/delete-image/{Repository}@{tagged}", ("registry", "registry")))
        {
            Assert.Equal(HttpStatusCode.Conflict, kept.StatusCode);
        }

        Assert.Contains(
            $"href=\"/delete-image/{Repository}@{old}?registry=registry\"", await browser.PageAsync($"/images/{Repository}@{old}"),
            StringComparison.Ordinal);
        Assert.Contains(
            "No tag points at this image", await browser.PageAsync($"/delete-image/{Repository}@{old}?registry=registry"),
            StringComparison.Ordinal);
        foreach (var wrong in (string[])[
            $"/delete-image/{Repository}:v1?registry=registry", $"/delete-image/{Repository}@{old}?registry=none", $"/delete-image/{Repository}@{old}"])
        {
            await browser.PageAsync(wrong, HttpStatusCode.NotFound);
        }

        using (var done = await browser.SubmitAsync($"/delete-image/{Repository}@{old}", ("registry", "registry")))
        {
            Assert.Equal($"/repositories/{Repository}", done.Headers.Location!.ToString());
        }

        await browser.PageAsync($"/images/{Repository}@{old}", HttpStatusCode.NotFound);
        Assert.Contains("Layers", await browser.PageAsync($"/images/{Repository}:v1"), StringComparison.Ordinal);
        await Eventually.TrueAsync(
            () => File.ReadAllText(servers.Host.Options.AuditPath).Contains("\"action\":\"images delete\"", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30), () => "the audit log has no such line");
    }

    [Fact]
    public async Task An_image_whose_tag_the_index_does_not_know_yet_stays()
    {
        await using var servers = await PortalServers.StartAsync();
        var digest = await servers.PushImageAsync($"{Repository}:v1", Config, null, "one");
        using var browser = new Browser(servers.Host);
        await browser.SignInAsync();
        await servers.Host.Service<StateDatabase>().WriteAsync(db => db.Execute("DELETE FROM tags"));
        await browser.PageAsync($"/delete-image/{Repository}@{digest}?registry=registry");
        using var kept = await browser.SubmitAsync($"/delete-image/{Repository}@{digest}", ("registry", "registry"));
        Assert.Equal(HttpStatusCode.Conflict, kept.StatusCode);
        Assert.Contains(
            "a tag points at it", await kept.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        Assert.Contains("Layers", await browser.PageAsync($"/images/{Repository}@{digest}"), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Whoever_may_not_delete_deletes_no_image_by_its_digest()
    {
        await using var servers = await PortalServers.StartAsync();
        var old = await servers.PushImageAsync("public/app:v1", Config, null, "one");
        await servers.PushImageAsync("public/app:v1", Config, null, "two");
        using var alice = new Browser(servers.Host);
        await alice.SignInAsync();
        Assert.DoesNotContain("/delete-image/", await alice.PageAsync($"/images/public/app@{old}"), StringComparison.Ordinal);
        await alice.PageAsync($"/delete-image/public/app@{old}?registry=registry", HttpStatusCode.Forbidden);
        using var refused = await alice.SubmitAsync($"/delete-image/public/app@{old}", ("registry", "registry"));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        await alice.PageAsync($"/images/public/app@{old}");
    }

    [Fact]
    public async Task A_tag_that_moved_meanwhile_stays()
    {
        await using var servers = await PortalServers.StartAsync();
        var first = await servers.PushImageAsync($"{Repository}:v1", Config, null, "one");
        using var browser = new Browser(servers.Host);
        await browser.SignInAsync();
        await browser.PageAsync($"/delete/{Repository}?tag=v1@registry");
        var second = await servers.PushImageAsync($"{Repository}:v1", Config, null, "two");
        using var answer = await browser.SubmitAsync($"/delete/{Repository}", ("tag", $"v1@registry@{first}"));
        Assert.Equal(HttpStatusCode.Conflict, answer.StatusCode);
        Assert.Contains(
            "v1: The registry registry did not answer as it should: the tag has moved meanwhile",
            await answer.Content.ReadAsStringAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
        await servers.KnownAsync(Repository, "v1", second);
    }

    [Fact]
    public async Task Whoever_may_not_delete_is_not_offered_it_and_is_refused()
    {
        await using var servers = await PortalServers.StartAsync();
        var digest = await servers.PushImageAsync("public/app:v1", Config, null, "one");
        using var browser = new Browser(servers.Host);
        await browser.SignInAsync();
        Assert.DoesNotContain("type=\"checkbox\"", await browser.PageAsync("/repositories/public/app"), StringComparison.Ordinal);
        Assert.DoesNotContain("Delete this tag", await browser.PageAsync("/images/public/app:v1"), StringComparison.Ordinal);
        Assert.Contains(
            "delete on public/app refused", await browser.PageAsync("/delete/public/app?tag=v1@registry", HttpStatusCode.Forbidden),
            StringComparison.Ordinal);
        using var answer = await browser.SubmitAsync("/delete/public/app", ("tag", $"v1@registry@{digest}"));
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        await servers.KnownAsync("public/app", "v1", digest);
        await browser.PageAsync("/images/public/app:v1");
    }

    [Theory]
    [InlineData("tag=../x@registry")]
    [InlineData("tag=v1")]
    [InlineData("tag=v1@other")]
    [InlineData("")]
    public async Task What_cannot_be_a_chosen_tag_is_passed_over(string query)
    {
        await using var servers = await PortalServers.StartAsync();
        await servers.PushImageAsync($"{Repository}:v1", Config, null, "one");
        using var browser = new Browser(servers.Host);
        await browser.SignInAsync();
        Assert.Contains(
            "Choose at least one tag", await browser.PageAsync($"/delete/{Repository}?{query}", HttpStatusCode.NotFound),
            StringComparison.Ordinal);
    }
}
