using System.Net;
using System.Text;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.RegistryCore.Storage.Sqlite.Collection;
using AuthIndex.TestKit;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage.Collection;

/// <summary>What the collector removes, and what it keeps.</summary>
public sealed class GarbageCollectorTests
{
    private const string Repository = "gc/repo";

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Fact]
    public async Task What_no_manifest_needs_goes_after_the_grace_period_and_its_bytes_are_given_back()
    {
        await using var registry = await StartAsync(untagged: null);
        using var http = registry.As(Scope);
        var (kept, dropped) = (new TestImage(1), new TestImage(2));
        await kept.PushAsync(http, Repository, "kept");
        await dropped.PushAsync(http, Repository, "dropped");
        await TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{Repository}/manifests/{dropped.Digest}");

        Assert.Equal(0, (await CollectAsync(registry)).Links);
        registry.Clock.Advance(TimeSpan.FromMinutes(61));
        using var later = registry.As(Scope);
        var planned = await registry.Services.GetRequiredService<GarbageCollector>()
            .RunAsync(isDryRun: true, TestContext.Current.CancellationToken);
        var done = await CollectAsync(registry);

        Assert.Equal(planned, done with { DryRun = true });
        Assert.Equal((2, 2, 2100L), (done.Links, done.Blobs, done.BlobBytes));
        Assert.Equal(2, StoredBlobs.Files(Path.GetDirectoryName(registry.Root)!).Count);
        Assert.Equal(
            HttpStatusCode.NotFound,
            await TestImage.StatusAsync(later, HttpMethod.Get, $"/v2/{Repository}/blobs/{TestImage.DigestOf(dropped.Layer)}"));
        await kept.AssertPullableAsync(later, Repository, "kept");
    }

    [Fact]
    public async Task A_manifest_that_is_collected_leaves_an_event_for_the_index()
    {
        await using var registry = await RegistryHost.StartAsync(o =>
        {
            o.GarbageCollection.Every = TimeSpan.Zero;
            o.GarbageCollection.Untagged = new UntaggedPolicy(TimeSpan.FromHours(1));
            o.Reporting.Enabled = true;
            o.TokenServer.Url = new Uri("http://127.0.0.1:1"); // nobody there: events stay
        });
        var image = new TestImage(1);
        await image.PushAsync(registry.As(Scope), Repository);
        registry.Clock.Advance(TimeSpan.FromHours(2));
        Assert.Equal(1, (await CollectAsync(registry)).Manifests);

        var last = (await registry.Services.GetRequiredService<IOutbox>().ReadAsync(100)).Events[^1];
        Assert.Equal((EventKind.ManifestDeleted, Repository, image.Digest, ""), (last.Kind, last.Repository, last.Digest, last.Account));
    }

    [Fact]
    public async Task Room_of_removed_rows_is_given_back_to_the_file_system()
    {
        await using var registry = await StartAsync(untagged: null);
        using var http = registry.As(Scope);
        var padding = new string('x', 1_000_000);
        var manifests = Enumerable.Range(0, 30)
            .Select(
                i => Encoding.UTF8.GetBytes(
                    $$"""{"schemaVersion":2,"mediaType":"{{TestImage.IndexType}}","manifests":[],"annotations":{"n":"{{i}}{{padding}}"} }""")).ToList();
        foreach (var manifest in manifests)
        {
            Assert.Equal(
                HttpStatusCode.Created,
                await TestImage.PushManifestAsync(http, Repository, TestImage.DigestOf(manifest), manifest, TestImage.IndexType));
        }

        var database = registry.Services.GetRequiredService<RegistryDatabase>();
        var before = Pages(database);
        foreach (var manifest in manifests)
        {
            await TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{Repository}/manifests/{TestImage.DigestOf(manifest)}");
        }

        Assert.Equal(before, Pages(database));
        await CollectAsync(registry);
        Assert.True(Pages(database) < before / 4, $"{Pages(database)} of {before} pages");

        static long Pages(RegistryDatabase database) => database.Read(db => db.ExecuteScalar<long>("PRAGMA page_count"));
    }

    [Fact]
    public async Task A_pull_that_has_begun_ends_whole_though_the_blob_is_deleted_and_collected_meanwhile()
    {
        await using var registry = await StartAsync(untagged: null);
        var blob = new TestImage(1, 40_000_000).Layer;
        var path = new Uri($"/v2/{Repository}/blobs/{TestImage.DigestOf(blob)}", UriKind.Relative);
        await TestImage.PushBlobAsync(registry.As(Scope), Repository, blob);
        registry.Clock.Advance(TimeSpan.FromHours(2));
        using var http = registry.As(Scope);
        using var answer = await http.GetAsync(path, HttpCompletionOption.ResponseHeadersRead, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, await TestImage.StatusAsync(http, HttpMethod.Delete, path.OriginalString));
        Assert.Equal(1, (await CollectAsync(registry)).Blobs);
        Assert.Empty(StoredBlobs.Files(Path.GetDirectoryName(registry.Root)!));

        Assert.Equal(HttpStatusCode.NotFound, await TestImage.StatusAsync(http, HttpMethod.Get, path.OriginalString));
        Assert.Equal(blob, await answer.Content.ReadAsByteArrayAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task An_existence_check_protects_a_blob_for_the_grace_period_also_across_a_restart()
    {
        await using var registry = await StartAsync(untagged: null);
        var blob = new TestImage(1).Layer;
        await TestImage.PushBlobAsync(registry.As(Scope), Repository, blob);
        registry.Clock.Advance(TimeSpan.FromMinutes(50));
        Assert.Equal(
            HttpStatusCode.OK,
            await TestImage.StatusAsync(registry.As(Scope), HttpMethod.Head, $"/v2/{Repository}/blobs/{TestImage.DigestOf(blob)}"));
        registry.Clock.Advance(TimeSpan.FromMinutes(50));
        Assert.Equal(0, (await CollectAsync(registry)).Links);

        await registry.RestartAsync();
        Assert.Equal(0, (await CollectAsync(registry)).Links);
        registry.Clock.Advance(TimeSpan.FromMinutes(11));
        Assert.Equal((1, 1), await CollectAsync(registry) is var report ? (report.Links, report.Blobs) : default);
    }

    [Fact]
    public async Task Manifests_without_a_tag_are_kept_when_the_policy_says_so()
    {
        await using var registry = await StartAsync(untagged: null);
        var image = new TestImage(1);
        await image.PushAsync(registry.As(Scope), Repository);
        registry.Clock.Advance(TimeSpan.FromDays(400));
        var report = await CollectAsync(registry);
        Assert.Equal((0, 0), (report.Manifests, report.Links));
        await image.AssertPullableAsync(registry.As(Scope), Repository);
    }

    [Fact]
    public async Task Children_of_tagged_indexes_and_referrers_of_what_lives_stay_and_all_else_without_a_tag_goes_when_it_is_old()
    {
        await using var registry = await StartAsync(untagged: TimeSpan.FromDays(7));
        using var http = registry.As(Scope);
        var (child, loose, looseChild) = (new TestImage(1), new TestImage(2), new TestImage(3));
        var (signature, looseSignature) = (new TestImage(4, subject: child.Digest), new TestImage(5, subject: loose.Digest));
        foreach (var image in (TestImage[])[child, loose, looseChild, signature, looseSignature]) await image.PushAsync(http, Repository);
        var (index, looseIndex) = (TestImage.Index(child.Digest), TestImage.Index(looseChild.Digest, loose.Digest));
        Assert.Equal(HttpStatusCode.Created, await TestImage.PushManifestAsync(http, Repository, "tagged", index, TestImage.IndexType));
        Assert.Equal(
            HttpStatusCode.Created,
            await TestImage.PushManifestAsync(http, Repository, TestImage.DigestOf(looseIndex), looseIndex, TestImage.IndexType));

        registry.Clock.Advance(TimeSpan.FromDays(6));
        Assert.Equal(0, (await CollectAsync(registry)).Manifests);
        registry.Clock.Advance(TimeSpan.FromDays(2));
        var planned = await registry.Services.GetRequiredService<GarbageCollector>()
            .RunAsync(isDryRun: true, TestContext.Current.CancellationToken);
        var done = await CollectAsync(registry);

        Assert.Equal(4, done.Manifests);
        Assert.Equal(planned, done with { DryRun = true });
        using var later = registry.As(Scope);
        await child.AssertPullableAsync(later, Repository);
        await signature.AssertPullableAsync(later, Repository);
        foreach (var gone in (string[])[loose.Digest, looseChild.Digest, looseSignature.Digest, TestImage.DigestOf(looseIndex)])
        {
            Assert.Equal(
                HttpStatusCode.NotFound, await TestImage.StatusAsync(later, HttpMethod.Head, $"/v2/{Repository}/manifests/{gone}"));
        }
    }

    [Fact]
    public async Task A_manifest_that_lost_its_tag_is_kept_for_the_time_of_the_policy_counted_from_then()
    {
        await using var registry = await StartAsync(untagged: TimeSpan.FromDays(7));
        var (old, replacement) = (new TestImage(1), new TestImage(2));
        await old.PushAsync(registry.As(Scope), Repository, "latest");
        registry.Clock.Advance(TimeSpan.FromDays(100));
        await replacement.PushAsync(registry.As(Scope), Repository, "latest");
        registry.Clock.Advance(TimeSpan.FromDays(6));
        Assert.Equal(0, (await CollectAsync(registry)).Manifests);
        registry.Clock.Advance(TimeSpan.FromDays(2));
        Assert.Equal(1, (await CollectAsync(registry)).Manifests);
    }

    [Fact]
    public async Task A_file_without_a_row_goes_once_it_is_old_and_foreign_files_stay()
    {
        await using var registry = await StartAsync(untagged: null);
        var folder = Path.Combine(registry.Root, "blobs", "sha256", "ab");
        var (left, fresh, foreign) =
            (Path.Combine(folder, "ab" + new string('a', 62)), Path.Combine(folder, "ab" + new string('b', 62)), Path.Combine(
                folder, "notes.txt"));
        foreach (var file in (string[])[left, fresh, foreign])
        {
            await File.WriteAllTextAsync(file, "left", TestContext.Current.CancellationToken);
        }

        foreach (var file in (string[])[left, foreign]) File.SetLastWriteTimeUtc(file, registry.Clock.GetUtcNow().UtcDateTime.AddHours(-2));

        Assert.Equal((1, 4L), await CollectAsync(registry) is var report ? (report.Leftovers, report.LeftoverBytes) : default);
        Assert.Equal([false, true, true], new[] { left, fresh, foreign }.Select(File.Exists));
    }

    [Fact]
    public async Task More_files_without_a_row_than_crashes_leave_are_kept_until_the_command_says_that_they_go()
    {
        await using var registry = await StartAsync(untagged: null);
        await new TestImage(1).PushAsync(registry.As(Scope), Repository, "latest");
        for (var i = 0; i < 250; i++)
        {
            var file = Path.Combine(registry.Root, "blobs", "sha256", "ab", "ab" + i.ToString("x2") + new string('a', 60));
            await File.WriteAllTextAsync(file, "of a newer database", TestContext.Current.CancellationToken);
            File.SetLastWriteTimeUtc(file, registry.Clock.GetUtcNow().UtcDateTime.AddHours(-2));
        }

        Assert.Equal((0, 250), await CollectAsync(registry) is var report ? (report.Leftovers, report.Unexplained) : default);
        Assert.Equal(252, StoredBlobs.Files(Path.GetDirectoryName(registry.Root)!).Count);
        var forced = await registry.Service<GarbageCollector>()
            .RunAsync(isDryRun: false, TestContext.Current.CancellationToken, withUnexplained: true);
        Assert.Equal((250, 0), (forced.Leftovers, forced.Unexplained));
    }

    [Fact]
    public async Task Checks_of_what_does_not_exist_leave_no_touch()
    {
        await using var registry = await StartAsync(untagged: TimeSpan.FromHours(1));
        using var http = registry.As(Scope);
        var image = new TestImage(1);
        await image.PushAsync(http, Repository, "latest");
        var touches = registry.Service<RecentAccess>();
        await touches.WriteAsync();
        for (var seed = 2; seed < 12; seed++)
        {
            Assert.Equal(
                HttpStatusCode.NotFound,
                await TestImage.StatusAsync(http, HttpMethod.Head, $"/v2/{Repository}/blobs/{new TestImage(seed).Digest}"));
            Assert.Equal(
                HttpStatusCode.NotFound,
                await TestImage.StatusAsync(http, HttpMethod.Head, $"/v2/{Repository}/manifests/{new TestImage(seed).Digest}"));
        }

        Assert.Equal(0, touches.Count);
        Assert.Equal(
            HttpStatusCode.OK,
            await TestImage.StatusAsync(http, HttpMethod.Head, $"/v2/{Repository}/blobs/{TestImage.DigestOf(image.Layer)}"));
        Assert.InRange(touches.Count, 0, 1); // the writer may have come between
    }

    [Fact]
    public async Task The_command_works_beside_a_server_and_without_one()
    {
        using var deep = new TemporaryDirectory();
        // longer than a socket's address may be
        var folder = Directory.CreateDirectory(Path.Combine(deep.Root, new string('d', 120))).FullName;
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder, tokens);
        await new TestImage(1).PushAsync(server.Client(tokens, Scope), Repository, "latest");
        Assert.Equal(
            UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(Path.Combine(folder, "registry", "control.sock")));

        var beside = await RegistryProcess.RunAsync(null, "gc", "--dry-run", "--json", "--data", folder);
        Assert.Equal(0, beside.Status);
        Assert.Contains("\"dryRun\": true", beside.Output, StringComparison.Ordinal);
        await server.KillAsync();
        var alone = await RegistryProcess.RunAsync(null, "gc", "--data", folder);
        Assert.True(alone.Status == 0, alone.Error);
        Assert.Contains("removed", alone.Output, StringComparison.Ordinal);
        Assert.Equal(1, (await RegistryProcess.RunAsync(null, "gc", "--data", deep["nothing"])).Status);
    }

    private static Task<RegistryHost> StartAsync(TimeSpan? untagged) => RegistryHost.StartAsync(o =>
    {
        o.GarbageCollection.Every = TimeSpan.Zero;
        o.GarbageCollection.Untagged = new UntaggedPolicy(untagged);
    });

    private static Task<CollectionReport> CollectAsync(RegistryHost registry) =>
        registry.Services.GetRequiredService<GarbageCollector>().RunAsync(isDryRun: false, TestContext.Current.CancellationToken);
}
