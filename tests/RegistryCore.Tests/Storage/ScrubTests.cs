using System.Net;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.TestKit;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>What the scrub finds, and how it heals.</summary>
public sealed class ScrubTests
{
    private const string Repository = "scrub/repo";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Theory]
    [InlineData("flipped")]
    [InlineData("shorter")]
    [InlineData("missing")]
    public async Task A_damaged_blob_is_unknown_until_it_is_pushed_again(string damage)
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var (broken, whole) = (new TestImage(1), new TestImage(2));
        await broken.PushAsync(http, Repository, "broken");
        await whole.PushAsync(http, Repository, "whole");
        var digest = TestImage.DigestOf(broken.Layer);
        Damage(FileOf(registry, digest), damage);

        var report = await ScrubAsync(registry);
        Assert.Equal([digest], report.Damaged);
        Assert.Equal((4, 2), (report.Blobs, report.Manifests));
        foreach (var method in (HttpMethod[])[HttpMethod.Head, HttpMethod.Get])
        {
            Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(http, method, $"/v2/{Repository}/blobs/{digest}"));
        }

        Assert.Equal(HttpStatusCode.NotFound, await TestImage.PushManifestAsync(http, Repository, "new", broken.Manifest));
        Assert.Equal(
            HttpStatusCode.Accepted,
            await TestImage.StatusAsync(
                registry.As(Scope, "repository:scrub/other:pull,push"), HttpMethod.Post,
                $"/v2/scrub/other/blobs/uploads/?mount={digest}&from={Repository}"));
        await whole.AssertPullableAsync(http, Repository, "whole");

        Assert.Equal(HttpStatusCode.Created, await TestImage.PushBlobAsync(http, Repository, broken.Layer));
        await broken.AssertPullableAsync(http, Repository, "broken");
        Assert.Empty((await ScrubAsync(registry)).Damaged);
    }

    [Fact]
    public async Task A_blob_that_is_whole_again_loses_its_mark()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(3);
        await image.PushAsync(http, Repository, "latest");
        var file = FileOf(registry, TestImage.DigestOf(image.Layer));
        File.Move(file, file + ".away");
        Assert.Single((await ScrubAsync(registry)).Damaged);
        File.Move(file + ".away", file);

        Assert.Equal(1, (await ScrubAsync(registry, before: 0)).Healed); // however shortly before it was checked
        await image.AssertPullableAsync(http, Repository, "latest");
    }

    [Fact]
    public async Task A_damaged_manifest_is_unknown_until_it_is_pushed_again()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(4);
        await image.PushAsync(http, Repository, "latest");
        await registry.Services.GetRequiredService<RegistryDatabase>()
            .WriteAsync(db => db.Execute("UPDATE manifest_contents SET bytes = zeroblob(10)"));

        Assert.Equal([image.Digest], (await ScrubAsync(registry)).Damaged);
        Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(http, HttpMethod.Head, $"/v2/{Repository}/manifests/latest"));
        Assert.Equal(HttpStatusCode.Created, await TestImage.PushManifestAsync(http, Repository, "latest", image.Manifest));
        await image.AssertPullableAsync(http, Repository, "latest");
    }

    [Fact]
    public async Task A_mark_that_comes_after_a_blob_was_read_stays()
    {
        var pace = new FakeTimeProvider();
        await using var registry = await StartPacedAsync(pace);
        using var http = registry.As(Scope);
        var blobs = (await StoreAsync(http, 3, 1_000_000)).Order(StringComparer.Ordinal).ToList();
        var slow = registry.Service<Scrubber>()
            .RunAsync(long.MaxValue, withManifests: false, bytesPerSecond: 1024 * 1024, TestContext.Current.CancellationToken);
        await AdvanceAsync(pace, async () => await CheckedAsync(registry) > 1);
        await registry.Service<RegistryDatabase>()
            .WriteAsync(db => db.Execute("UPDATE blobs SET damaged_at = 7 WHERE digest = @digest", new { digest = blobs[0] }));
        await AdvanceAsync(pace, () => Task.FromResult(slow.IsCompleted));
        await slow;

        Assert.Equal(
            7, registry.Service<RegistryDatabase>()
            .Read(db => db.ExecuteScalar<long?>("SELECT damaged_at FROM blobs WHERE digest = @digest", new { digest = blobs[0] })));
    }

    [Fact]
    public async Task A_scrub_by_command_takes_the_turn_of_the_one_in_the_background_and_what_it_finds_stays_marked()
    {
        var pace = new FakeTimeProvider();
        await using var registry = await StartPacedAsync(pace);
        using var http = registry.As(Scope);
        var blobs = (await StoreAsync(http, 3, 3_000_000)).Order(StringComparer.Ordinal).ToList();
        var slow = registry.Service<Scrubber>()
            .RunAsync(long.MaxValue, withManifests: false, bytesPerSecond: 1024 * 1024, TestContext.Current.CancellationToken);
        await AdvanceAsync(pace, async () => await CheckedAsync(registry) > 1);
        Damage(FileOf(registry, blobs[0]), "flipped");

        var command = ScrubAsync(registry);
        await AdvanceAsync(pace, () => Task.FromResult(slow.IsCompleted));
        Assert.Equal([blobs[0]], (await command).Damaged);
        Assert.InRange((await slow).Blobs, 1, 2);
        Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(http, HttpMethod.Head, $"/v2/{Repository}/blobs/{blobs[0]}"));
    }

    [Fact]
    public async Task A_manifest_pushed_again_over_bytes_that_rotted_unnoticed_is_whole_in_every_repository()
    {
        const string other = "scrub/other";
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope, $"repository:{other}:pull,push");
        var image = new TestImage(6);
        foreach (var repository in (string[])[Repository, other]) await image.PushAsync(http, repository, "latest");
        await registry.Service<RegistryDatabase>().WriteAsync(db => db.Execute("UPDATE manifest_contents SET bytes = zeroblob(10)"));
        // which remembers what it read
        Assert.Equal(HttpStatusCode.OK, await TestImage.StatusAsync(http, HttpMethod.Get, $"/v2/{other}/manifests/latest"));
        Damage(FileOf(registry, TestImage.DigestOf(image.Layer)), "flipped");

        await image.PushAsync(http, Repository, "latest");
        foreach (var repository in (string[])[Repository, other]) await image.AssertPullableAsync(http, repository, "latest");
        Assert.Empty((await ScrubAsync(registry)).Damaged);
    }

    [Fact]
    public async Task A_damaged_manifest_is_nothing_to_build_on_or_to_go_back_to_and_can_be_pushed_as_new()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var (first, second) = (new TestImage(7), new TestImage(8));
        await first.PushAsync(http, Repository, "latest");
        await second.PushAsync(http, Repository, "latest");
        await registry.Service<RegistryDatabase>()
            .WriteAsync(
                db => db.Execute(
                    "UPDATE manifest_contents SET bytes = zeroblob(10) WHERE digest = @digest", new { digest = first.Digest }));
        await ScrubAsync(registry);

        Assert.Equal(
            HttpStatusCode.NotFound,
            await TestImage.PushManifestAsync(http, Repository, "index", TestImage.Index(first.Digest), TestImage.IndexType));
        var tags = registry.Service<ITagStore>();
        Assert.True(TokenContract.RepositoryName.TryParse(Repository, out var name));
        Assert.Equal(new RollbackOutcome.ManifestGone(first.Digest), await tags.RollBackAsync(name, "latest", null, "operator"));
        Assert.False((await tags.HistoryAsync(name, "latest"))[1].IsPresent);
        Assert.True(RegistryCore.Protocol.Digest.TryParse(first.Digest, out var digest));
        Assert.Equal(TagImportOutcome.NoManifest, await tags.ImportAsync(name, "imported", digest, "import"));

        http.DefaultRequestHeaders.Add("If-None-Match", "*");
        Assert.Equal(HttpStatusCode.Created, await TestImage.PushManifestAsync(http, Repository, first.Digest, first.Manifest));
        await first.AssertPullableAsync(registry.As(Scope), Repository);
    }

    [Fact]
    public async Task The_command_fails_while_something_is_damaged_and_says_what()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        using var http = server.Client(tokens, Scope);
        var image = new TestImage(5);
        await image.PushAsync(http, Repository, "latest");
        Assert.Equal(0, (await RegistryProcess.RunAsync(null, "scrub", "--data", folder.Root)).Status);
        File.Delete(StoredBlobs.FileOf(folder.Root, TestImage.DigestOf(image.Config)));

        var beside = await RegistryProcess.RunAsync(null, "scrub", "--data", folder.Root, "--json");
        Assert.Equal(1, beside.Status);
        Assert.Contains(TestImage.DigestOf(image.Config), beside.Output, StringComparison.Ordinal);
        Assert.Equal(0, await server.StopAsync());
        Assert.False(File.Exists(Path.Combine(folder.Root, "registry", "control.sock")));
        Assert.Equal(1, (await RegistryProcess.RunAsync(null, "scrub", "--data", folder.Root)).Status);
    }

    private static async Task<IReadOnlyList<string>> StoreAsync(HttpClient http, int count, int size)
    {
        var digests = new List<string>();
        for (var i = 0; i < count; i++)
        {
            var layer = new TestImage(100 + i, size).Layer;
            Assert.Equal(HttpStatusCode.Created, await TestImage.PushBlobAsync(http, Repository, layer));
            digests.Add(TestImage.DigestOf(layer));
        }

        return digests;
    }

    /// <summary>How many blobs and manifests scrubs have begun to check.</summary>
    /// <summary>A registry whose scrubs read on only as a clock is turned.</summary>
    private static Task<RegistryHost> StartPacedAsync(TimeProvider pace) => RegistryHost.StartAsync(
        replace: s => s.AddSingleton(p => ActivatorUtilities.CreateInstance<Scrubber>(p, pace)));

    private static Task AdvanceAsync(FakeTimeProvider pace, Func<Task<bool>> until) => Eventually.TrueAsync(
        async () =>
        {
            pace.Advance(TimeSpan.FromSeconds(0.3));
            return await until();
        },
        TimeSpan.FromMinutes(1),
        () => "nothing more was read");

    private static async Task<int> CheckedAsync(RegistryHost registry)
    {
        var page = await registry.Client.GetStringAsync(new Uri("/metrics", UriKind.Relative), TestContext.Current.CancellationToken);
        return int.Parse(
            page.Split('\n').Single(line => line.StartsWith("authindex_scrub_checked_total ", StringComparison.Ordinal)).Split(' ')[1],
            System.Globalization.CultureInfo.InvariantCulture);
    }

    private static Task<ScrubReport> ScrubAsync(RegistryHost registry, long before = long.MaxValue) =>
        registry.Services.GetRequiredService<Scrubber>()
        .RunAsync(before, withManifests: true, bytesPerSecond: null, TestContext.Current.CancellationToken);

    private static string FileOf(RegistryHost registry, string digest) => StoredBlobs.FileOf(Path.GetDirectoryName(registry.Root)!, digest);

    private static void Damage(string file, string damage)
    {
        var bytes = File.ReadAllBytes(file);
        if (damage == "missing") File.Delete(file);
        else if (damage == "shorter") File.WriteAllBytes(file, bytes[..^1]);
        else
        {
            bytes[10] ^= 1;
            File.WriteAllBytes(file, bytes);
        }
    }
}
