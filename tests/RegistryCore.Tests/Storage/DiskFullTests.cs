using System.Net;
using System.Text.Json;
using AuthIndex.Hosting.Configuration;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Tests.Upstreams;
using AuthIndex.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>What the registry does when the disk is full: nothing that it would have to regret.</summary>
public sealed class DiskFullTests
{
    private const string Repository = "full/repo";
    private const int Megabyte = 1024 * 1024;

    private static readonly string Scope = $"repository:{Repository}:pull,push,delete";

    [Fact]
    public async Task Below_the_floor_pushes_are_refused_while_pulls_deletes_and_collections_go_on_until_there_is_room_again()
    {
        using var volume = SmallVolume.TryMount(48);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        await using var registry = await StartAsync(volume, floor: 16 * Megabyte);
        using var http = registry.As(Scope);
        var kept = new TestImage(1);
        await kept.PushAsync(http, Repository, "kept");

        var pushed = new List<TestImage>();
        var status = HttpStatusCode.Created;
        while (status == HttpStatusCode.Created)
        {
            Assert.True(pushed.Count < 20);
            var image = new TestImage(100 + pushed.Count, 3 * Megabyte);
            status = await TestImage.PushBlobAsync(http, Repository, image.Layer);
            if (status == HttpStatusCode.Created) pushed.Add(image);
        }

        Assert.Equal(HttpStatusCode.Forbidden, status);
        Assert.True(pushed.Count > 3);
        Assert.Equal(HttpStatusCode.Forbidden, await TestImage.StatusAsync(http, HttpMethod.Post, $"/v2/{Repository}/blobs/uploads/"));
        Assert.Equal(HttpStatusCode.Forbidden, await TestImage.PushManifestAsync(http, Repository, "other", kept.Manifest));
        Assert.Contains("bytes are free; pushes are refused", await ReadinessAsync(registry, "degraded"), StringComparison.Ordinal);
        Assert.Empty(Directory.GetFiles(Path.Combine(volume.Root, "registry", "uploads")));

        await kept.AssertPullableAsync(http, Repository, "kept");
        foreach (var image in pushed)
        {
            Assert.Equal(
                HttpStatusCode.Accepted,
                await TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{Repository}/blobs/{TestImage.DigestOf(image.Layer)}"));
        }

        var report = await registry.Services.GetRequiredService<GarbageCollector>()
            .RunAsync(isDryRun: false, TestContext.Current.CancellationToken);
        Assert.Equal(pushed.Count, report.Blobs);

        await ReadinessAsync(registry, "ok");
        await pushed[0].PushAsync(http, Repository, "again");
        await pushed[0].AssertPullableAsync(http, Repository, "again");
    }

    [Fact]
    public async Task On_a_volume_filled_to_the_last_byte_nothing_half_done_stays_and_no_error_reads_as_not_found()
    {
        using var volume = SmallVolume.TryMount(24);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        await using var registry = await StartAsync(volume, floor: 0);
        using var http = registry.As(Scope);
        var kept = new TestImage(1);
        await kept.PushAsync(http, Repository, "kept");
        var session = await BeginAsync(http);
        volume.Fill();

        Assert.Equal(HttpStatusCode.Forbidden, await TestImage.PushBlobAsync(http, Repository, new TestImage(2, 2 * Megabyte).Layer));
        Assert.Equal(HttpStatusCode.Forbidden, await PatchAsync(http, session, new byte[Megabyte]));
        Assert.Equal(HttpStatusCode.Forbidden, await TestImage.StatusAsync(http, HttpMethod.Post, $"/v2/{Repository}/blobs/uploads/"));
        Assert.Equal(HttpStatusCode.Forbidden, await TestImage.PushManifestAsync(http, Repository, "moved", kept.Manifest));
        await kept.AssertPullableAsync(http, Repository, "kept");
        Assert.Equal(HttpStatusCode.Accepted, await TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{Repository}/manifests/kept"));
        Assert.Equal(0, Directory.GetFiles(Path.Combine(volume.Root, "registry", "uploads"), "*.data").Sum(f => new FileInfo(f).Length));
        Assert.Equal(
            StoredBlobs.Rows(volume.Root).Select(r => r.Digest).Order(StringComparer.Ordinal),
            StoredBlobs.Files(volume.Root).Order(StringComparer.Ordinal));

        volume.Clear();
        await ReadinessAsync(registry, "ok");
        Assert.Equal(HttpStatusCode.Accepted, await PatchAsync(http, session, new byte[Megabyte]));
        await new TestImage(2, Megabyte).PushAsync(http, Repository, "kept");
        await new TestImage(2, Megabyte).AssertPullableAsync(http, Repository, "kept");
    }

    [Fact]
    public async Task On_a_volume_filled_to_the_last_byte_deletions_and_collections_go_on_and_give_their_room_back()
    {
        using var volume = SmallVolume.TryMount(48);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        await using var registry = await StartAsync(volume, floor: 0);
        var images = Enumerable.Range(10, 12).Select(seed => new TestImage(seed, Megabyte)).ToList();
        foreach (var image in images) await image.PushAsync(registry.As(Scope), Repository, $"t{image.Digest[7..12]}");
        var reserve = Path.Combine(volume.Root, "registry", "reserve");
        Assert.Equal(SpaceReserve.Size, new FileInfo(reserve).Length);

        for (var round = 0; round < 2; round++)
        {
            volume.Fill();
            registry.Clock.Advance(TimeSpan.FromHours(2));
            using var http = registry.As(Scope);
            Assert.Equal(HttpStatusCode.Forbidden, await TestImage.PushManifestAsync(http, Repository, "other", images[^1].Manifest));
            foreach (var image in images[..6])
            {
                Assert.Equal(
                    HttpStatusCode.Accepted,
                    await TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{Repository}/manifests/{image.Digest}"));
                Assert.Equal(
                    HttpStatusCode.NotFound,
                    await TestImage.StatusAsync(http, HttpMethod.Get, $"/v2/{Repository}/manifests/{image.Digest}"));
            }

            var report = await registry.Services.GetRequiredService<GarbageCollector>()
                .RunAsync(isDryRun: false, TestContext.Current.CancellationToken);
            Assert.Equal(12, report.Blobs);
            images.RemoveRange(0, 6);
            if (round == 1) break;
            volume.Clear();
            await images[0].PushAsync(registry.As(Scope), Repository, "again");
            Assert.Equal(SpaceReserve.Size, new FileInfo(reserve).Length);
        }
    }

    [Fact]
    public async Task A_registry_on_a_volume_filled_to_the_last_byte_starts_again_and_serves_pulls_deletions_and_collections()
    {
        using var volume = SmallVolume.TryMount(48);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        await using var registry = await StartAsync(volume, floor: 0);
        var (kept, dropped) = (new TestImage(1, Megabyte), new TestImage(2, Megabyte));
        await kept.PushAsync(registry.As(Scope), Repository, "kept");
        await dropped.PushAsync(registry.As(Scope), Repository, "dropped");
        volume.Fill();
        await registry.RestartAsync();
        registry.Clock.Advance(TimeSpan.FromHours(2)); // the stop may have left the journal, which looks like a crash

        using var http = registry.As(Scope);
        await kept.AssertPullableAsync(http, Repository, "kept");
        Assert.Contains("\"freeSpace\":{\"status\":\"degraded\"", await ReadinessAsync(registry, "degraded"), StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, await TestImage.PushManifestAsync(http, Repository, "other", kept.Manifest));
        Assert.Equal(
            HttpStatusCode.Accepted, await TestImage.StatusAsync(http, HttpMethod.Delete, $"/v2/{Repository}/manifests/{dropped.Digest}"));
        var report = await registry.Services.GetRequiredService<GarbageCollector>()
            .RunAsync(isDryRun: false, TestContext.Current.CancellationToken);
        Assert.Equal(2, report.Blobs);
        await kept.AssertPullableAsync(http, Repository, "kept");
    }

    [Fact]
    public async Task The_room_of_the_reserve_is_not_for_pushes_though_there_is_no_floor_and_it_is_taken_back_without_a_write()
    {
        using var volume = SmallVolume.TryMount(48);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        await using var registry = await StartAsync(volume, floor: 0);
        using var http = registry.As(Scope);
        await new TestImage(1).PushAsync(http, Repository, "kept");
        var reserve = registry.Services.GetRequiredService<SpaceReserve>();
        Assert.Equal(0, reserve.Missing);
        volume.Fill();
        Assert.True(reserve.Release()); // as a deletion does

        Assert.Equal(HttpStatusCode.Forbidden, await TestImage.PushBlobAsync(http, Repository, new TestImage(2, 2 * Megabyte).Layer));
        Assert.Equal(HttpStatusCode.Forbidden, await TestImage.PushManifestAsync(http, Repository, "other", new TestImage(1).Manifest));
        volume.Clear();
        await Eventually.TrueAsync(() => reserve.Missing == 0, TimeSpan.FromSeconds(60), () => "the reserve was not taken back");
        Assert.Equal(SpaceReserve.Size, new FileInfo(Path.Combine(volume.Root, "registry", "reserve")).Length);
        Assert.Equal(HttpStatusCode.Created, await TestImage.PushBlobAsync(http, Repository, new TestImage(2, 2 * Megabyte).Layer));
    }

    [Fact]
    public async Task A_blob_whose_commit_found_no_room_cannot_be_finished_again_without_its_bytes()
    {
        using var volume = SmallVolume.TryMount(24);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        await using var registry = await StartAsync(volume, floor: 0);
        using var http = registry.As(Scope);
        var blob = new TestImage(3, Megabyte).Layer;
        var session = await BeginAsync(http);
        Assert.Equal(HttpStatusCode.Accepted, await PatchAsync(http, session, blob));
        volume.Fill();

        Assert.Equal(
            HttpStatusCode.Forbidden, await TestImage.StatusAsync(http, HttpMethod.Put, $"{session}?digest={TestImage.DigestOf(blob)}"));
        volume.Clear();
        Assert.Empty(StoredBlobs.Files(volume.Root));
        Assert.Equal(
            HttpStatusCode.NotFound, await TestImage.StatusAsync(http, HttpMethod.Put, $"{session}?digest={TestImage.DigestOf(blob)}"));
        Assert.Equal(
            HttpStatusCode.NotFound,
            await TestImage.StatusAsync(http, HttpMethod.Get, $"/v2/{Repository}/blobs/{TestImage.DigestOf(blob)}"));

        Assert.Equal(HttpStatusCode.Created, await TestImage.PushBlobAsync(http, Repository, blob));
        Assert.Equal(
            blob, await http.GetByteArrayAsync(
                new Uri($"/v2/{Repository}/blobs/{TestImage.DigestOf(blob)}", UriKind.Relative), TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_blob_whose_file_cannot_be_read_is_a_failure_and_not_unknown()
    {
        await using var registry = await RegistryHost.StartAsync();
        using var http = registry.As(Scope);
        var image = new TestImage(4);
        await image.PushAsync(http, Repository, "latest");
        File.Delete(StoredBlobs.FileOf(Path.GetDirectoryName(registry.Root)!, TestImage.DigestOf(image.Layer)));

        Assert.Equal(
            HttpStatusCode.InternalServerError,
            await TestImage.StatusAsync(http, HttpMethod.Get, $"/v2/{Repository}/blobs/{TestImage.DigestOf(image.Layer)}"));
    }

    [Fact]
    public async Task On_a_volume_filled_to_the_last_byte_uses_of_upstreams_images_are_written_down_and_what_nobody_uses_is_evicted()
    {
        using var volume = SmallVolume.TryMount(24);
        Assert.SkipWhen(volume is null, SmallVolume.NeedsRoot);
        await using var upstream = await StubUpstream.StartAsync();
        var (old, used) = (upstream.Image("acme/old", "1"), upstream.Image("acme/used", "1"));
        await using var registry = await StartAsync(volume, floor: 0, o => o.Upstreams = [upstream.Options(u =>
        {
            (u.Check, u.EvictAfter) = (TimeSpan.FromDays(30), TimeSpan.FromDays(1));
        })]);
        foreach (var (name, layer) in ((string, Content)[])[("acme/old", old.Layer), ("acme/used", used.Layer)])
        {
            (await new Repository(registry, $"hub/{name}").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
            (await new Repository(registry, $"hub/{name}").GetAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.OK);
        }

        registry.Clock.Advance(TimeSpan.FromDays(2));
        volume.Fill();
        (await new Repository(registry, "hub/acme/used").GetAsync("manifests/1")).MustBe(HttpStatusCode.OK);
        var report = await registry.Services.GetRequiredService<GarbageCollector>()
            .RunAsync(isDryRun: false, TestContext.Current.CancellationToken);
        Assert.Equal((1, 1), (report.Evicted, report.Blobs));
    }

    private static Task<RegistryHost> StartAsync(SmallVolume volume, long floor, Action<RegistryOptions>? more = null) =>
        RegistryHost.StartAsync(o =>
        {
            o.DataDirectory = volume.Root;
            o.FreeSpaceFloor = new ByteSize(floor);
            o.GarbageCollection.Every = TimeSpan.Zero;
            more?.Invoke(o);
        });

    private static async Task<string> BeginAsync(HttpClient http)
    {
        using var response = await http.PostAsync(
            new Uri($"/v2/{Repository}/blobs/uploads/", UriKind.Relative), null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.Accepted, response.StatusCode);
        return response.Headers.Location!.ToString();
    }

    private static async Task<HttpStatusCode> PatchAsync(HttpClient http, string session, byte[] bytes)
    {
        using var response = await http.PatchAsync(
            new Uri(session, UriKind.Relative), new ByteArrayContent(bytes), TestContext.Current.CancellationToken);
        if (!response.IsSuccessStatusCode)
        {
            using var json = JsonDocument.Parse(await response.Content.ReadAsStreamAsync(TestContext.Current.CancellationToken));
            Assert.Equal("DENIED", json.RootElement.GetProperty("errors")[0].GetProperty("code").GetString());
        }

        return response.StatusCode;
    }

    private static async Task<string> ReadinessAsync(RegistryHost registry, string expected)
    {
        using var response = await registry.Client.GetAsync(
            new Uri("/healthz/ready", UriKind.Relative), TestContext.Current.CancellationToken);
        var text = await response.Content.ReadAsStringAsync(TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        Assert.StartsWith($"{{\"status\":\"{expected}\"", text, StringComparison.Ordinal);
        return text;
    }
}
