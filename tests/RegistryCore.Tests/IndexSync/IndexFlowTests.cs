using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.IndexSync;

/// <summary>From a change in a registry to what the index says, whatever breaks on the way.</summary>
public sealed class IndexFlowTests
{
    private const string Repository = "team/app";
    private static readonly CancellationToken None = CancellationToken.None;

    [Fact]
    public async Task A_push_is_found_in_the_index_with_all_that_is_known_of_it()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        var digest = await flow.PushAsync("registry", Repository, "1.0", "one");
        await flow.ExpectTagsAsync(Repository, $"1.0@registry={digest}");

        var place = (await flow.AskAsync($"/{Repository}/tags"))!["tags"]![0]!["registries"]![0]!;
        Assert.Equal("application/vnd.oci.image.index.v1+json", (string)place["mediaType"]!);
        Assert.True((long)place["size"]! > 100);
        Assert.Equal("alice", (string)place["pushedBy"]!);
        Assert.Equal(flow.Registry().Clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'"), (string)place["pushed"]!);
        Assert.Equal("""["team/app"]""", Names(await flow.AskAsync("?q=app")));
    }

    [Fact]
    public async Task What_is_moved_and_deleted_in_the_registry_is_moved_and_deleted_in_the_index()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        var one = await flow.PushAsync("registry", Repository, "1.0", "one");
        await flow.PushAsync("registry", Repository, "latest", "one");
        var two = await flow.PushAsync("registry", Repository, "latest", "two");
        await flow.ExpectTagsAsync(Repository, $"1.0@registry={one} latest@registry={two}");

        await flow.DeleteAsync("registry", Repository, "1.0");
        await flow.ExpectTagsAsync(Repository, $"latest@registry={two}");
        Assert.Equal(2, (int)(await flow.AskAsync($"/{Repository}"))!["registries"]![0]!["manifests"]!);

        await flow.DeleteAsync("registry", Repository, two);
        await flow.DeleteAsync("registry", Repository, one);
        await flow.ExpectToldAsync();
        Assert.Null(await flow.AskAsync($"/{Repository}"));
        Assert.Equal("[]", Names(await flow.AskAsync("")));
    }

    [Fact]
    public async Task Two_registries_of_one_name_are_noticed_and_told_apart_from_one_loss()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        await flow.PushAsync("registry", Repository, "1.0", "one");
        await flow.ExpectToldAsync();
        await flow.RestartIndexAsync(isForgetful: true);
        await flow.PushAsync("registry", Repository, "2.0", "two");
        await flow.ExpectToldAsync();
        Assert.False((bool)(await flow.StatusAsync())["isContested"]!);

        var log = flow.RecordLog();
        await flow.AddRegistryAsync("rival", "registry");
        for (var push = 0; push < 20 && !(bool)(await flow.StatusAsync())["isContested"]!; push++)
        {
            await flow.PushAsync("rival", Repository, "1.0", $"rival {push}");
            await flow.ExpectToldAsync("rival");
            await flow.PushAsync("registry", Repository, "1.0", $"own {push}");
            await flow.ExpectToldAsync();
        }

        Assert.Equal("degraded", (string)(await flow.StatusAsync())["status"]!);
        Assert.Contains(log.Lines, l => l.Contains("Another registry seems to report as 'registry'", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_deletion_while_the_index_is_down_arrives_though_both_are_restarted_before()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        var digest = await flow.PushAsync("registry", Repository, "1.0", "one");
        await flow.PushAsync("registry", Repository, "2.0", "two");
        await flow.ExpectToldAsync();

        flow.DisconnectIndex();
        await flow.DeleteAsync("registry", Repository, digest);
        await flow.Registry().RestartAsync();
        Assert.True((long)(await flow.StatusAsync())["waiting"]! >= 2);
        Assert.Contains("1.0@registry", await flow.TagsAsync(Repository), StringComparison.Ordinal);
        await flow.RestartIndexAsync();
        flow.ConnectIndex();

        await flow.ExpectTagsAsync(Repository, $"2.0@registry={IndexedRegistries.DigestOf("two")}");
    }

    [Fact]
    public async Task The_registry_serves_and_is_ready_while_the_index_is_away_and_says_how_much_waits()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        await flow.ExpectToldAsync();
        flow.DisconnectIndex();
        await flow.PushAsync("registry", Repository, "1.0", "one");
        flow.Registry().Clock.Advance(TimeSpan.FromMinutes(2));

        await Eventually.TrueAsync(
            async () => !(bool)(await flow.StatusAsync())["isReached"]!, TimeSpan.FromSeconds(30), () => "never out of reach");
        var status = await flow.StatusAsync();
        Assert.Equal(2, (long)status["waiting"]!);
        Assert.InRange((long)status["oldestSeconds"]!, 120, 180);
        using var ready = await flow.Registry().Client.GetAsync(new Uri("/healthz/ready", UriKind.Relative), None);
        Assert.Equal(HttpStatusCode.OK, ready.StatusCode);
    }

    [Fact]
    public async Task Reports_whose_answers_are_lost_or_that_arrive_twice_count_once()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        await flow.ExpectToldAsync();
        flow.Line.LosesAnswers = true;
        await flow.PushAsync("registry", Repository, "1.0", "one");
        await flow.ExpectTagsAsync(Repository, $"1.0@registry={IndexedRegistries.DigestOf("one")}");
        var before = flow.Line.Requests;
        await flow.DeleteAsync("registry", Repository, "1.0");
        await flow.PushAsync("registry", Repository, "1.0", "two");
        await Eventually.TrueAsync(() => flow.Line.Requests > before + 3, TimeSpan.FromSeconds(30), () => "not repeated");
        Assert.True((long)(await flow.StatusAsync())["waiting"]! > 0);

        (flow.Line.LosesAnswers, flow.Line.Repeats) = (false, true);
        await flow.PushAsync("registry", Repository, "2.0", "three");
        await flow.ExpectToldAsync();
        Assert.Equal(
            $"1.0@registry={IndexedRegistries.DigestOf("two")} 2.0@registry={IndexedRegistries.DigestOf("three")}",
            await flow.TagsAsync(Repository));
    }

    [Fact]
    public async Task An_index_that_lost_its_catalog_is_told_everything_though_nothing_changes_any_more()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        for (var i = 0; i < 5; i++) await flow.PushAsync("registry", $"{Repository}-{i}", "1.0", $"{i}");
        await flow.ExpectToldAsync();

        await flow.RestartIndexAsync(isForgetful: true);
        flow.Registry().Clock.Advance(TimeSpan.FromMinutes(2)); // the registry asks again whether the index knows all

        await flow.ExpectTagsAsync($"{Repository}-4", $"1.0@registry={IndexedRegistries.DigestOf("4")}");
        Assert.Equal(5, (await flow.AskAsync(""))!["repositories"]!.AsArray().Count);
    }

    [Fact]
    public async Task A_registry_that_was_restored_from_a_backup_is_told_as_it_is_now()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        using var backup = new TemporaryDirectory();
        await flow.PushAsync("registry", Repository, "old", "old");
        await flow.ExpectToldAsync();
        var database = Path.Combine(flow.Registry().Root, "registry.db");
        await flow.Registry().RestartAsync(() => File.Copy(database, backup["registry.db"]));
        await flow.PushAsync("registry", Repository, "lost", "lost");
        await flow.ExpectTagsAsync(
            Repository, $"lost@registry={IndexedRegistries.DigestOf("lost")} old@registry={IndexedRegistries.DigestOf("old")}");

        await flow.Registry().RestartAsync(() => File.Copy(backup["registry.db"], database, overwrite: true));
        await flow.PushAsync("registry", Repository, "new", "new"); // the numbers of the lost events come again

        await flow.ExpectTagsAsync(
            Repository, $"new@registry={IndexedRegistries.DigestOf("new")} old@registry={IndexedRegistries.DigestOf("old")}");
    }

    [Fact]
    public async Task A_wrong_credential_is_told_in_the_log_and_the_right_one_counts_without_a_restart()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        await flow.ExpectToldAsync();
        var log = flow.RecordLog();
        await flow.ShowCredentialAsync("registry", right: false);
        var digest = await flow.PushAsync("registry", Repository, "1.0", "one");

        await Eventually.TrueAsync(
            () => log.Lines.Any(l => l.Contains("does not accept the credential in", StringComparison.Ordinal)), TimeSpan.FromSeconds(30),
            () => string.Join('\n', log.Lines));
        Assert.Single(log.Lines, l => l.StartsWith("Warning", StringComparison.Ordinal));
        Assert.DoesNotContain(log.Lines, l => l.Contains("some-other-credential", StringComparison.Ordinal));
        await flow.ShowCredentialAsync("registry", right: true);
        await flow.ExpectTagsAsync(Repository, $"1.0@registry={digest}");
    }

    [Fact]
    public async Task The_index_tells_which_of_two_registries_holds_an_image_and_where_it_is()
    {
        await using var flow = await IndexedRegistries.StartAsync("north", "south");
        var one = await flow.PushAsync("north", Repository, "1.0", "one");
        var two = await flow.PushAsync("south", Repository, "1.0", "two");
        await flow.PushAsync("south", "team/south", "1.0", "two");
        await flow.ExpectToldAsync("north");
        await flow.ExpectToldAsync("south");

        Assert.Equal($"1.0@north={one} 1.0@south={two}", await flow.TagsAsync(Repository));
        var found = (await flow.AskAsync("?q=team"))!["repositories"]!;
        Assert.Equal(
            """[{"name":"team/app","registries":["north","south"]},{"name":"team/south","registries":["south"]}]""", found.ToJsonString());
        Assert.Equal("https://south.example.com", (string)(await flow.AskAsync("/team/south"))!["registries"]![0]!["url"]!);

        await flow.DeleteAsync("north", Repository, one);
        await flow.ExpectTagsAsync(Repository, $"1.0@south={two}");
    }

    [Fact]
    public async Task A_pull_is_known_to_the_index_after_a_while()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        await flow.PushAsync("registry", Repository, "1.0", "one");
        await flow.ExpectToldAsync();
        Assert.Null((await flow.AskAsync($"/{Repository}"))!["registries"]![0]!["pulled"]);
        flow.Registry().Clock.Advance(TimeSpan.FromSeconds(50));
        (await flow.SendAsync("registry", HttpMethod.Get, Repository, "manifests/1.0")).Dispose();
        var pulled = flow.Registry().Clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
        flow.Registry().Clock.Advance(TimeSpan.FromSeconds(50));

        await Eventually.TrueAsync(
            async () => (string?)(await flow.AskAsync($"/{Repository}"))!["registries"]![0]!["pulled"] == pulled, TimeSpan.FromSeconds(30),
            () => "the pull is not known");
        Assert.Equal(pulled, (string)(await flow.AskAsync($"/{Repository}/tags"))!["tags"]![0]!["registries"]![0]!["pulled"]!);
    }

    [Fact]
    public async Task A_pull_that_was_not_reported_when_the_registry_stopped_is_reported_after_its_next_start()
    {
        await using var flow = await IndexedRegistries.StartAsync("registry");
        await flow.PushAsync("registry", Repository, "1.0", "one");
        await flow.ExpectToldAsync();
        flow.Registry().Clock.Advance(TimeSpan.FromSeconds(5));
        (await flow.SendAsync("registry", HttpMethod.Get, Repository, "manifests/1.0")).Dispose();
        var pulled = flow.Registry().Clock.GetUtcNow().ToString("yyyy-MM-dd'T'HH:mm:ss'Z'");
        await flow.Registry().StopAsync();
        await flow.Registry().StartAgainAsync();
        await Eventually.TrueAsync(
            async () => (string?)(await flow.AskAsync($"/{Repository}"))!["registries"]![0]!["pulled"] == pulled, TimeSpan.FromSeconds(30),
            () => "the pull is not known");
    }

    private static string Names(JsonNode? answer) =>
        new JsonArray([.. answer!["repositories"]!.AsArray().Select(r => r!["name"]!.DeepClone())]).ToJsonString();
}
