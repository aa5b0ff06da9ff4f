using System.Net;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests.Storage;

/// <summary>Deletions of what something else cannot be pulled without, and how the loss is found.</summary>
public sealed class NeededContentTests
{
    [Fact]
    public async Task A_deletion_of_a_needed_blob_or_child_is_done_with_a_warning_by_default_and_a_scrub_names_the_loss()
    {
        using var folder = new TemporaryDirectory();
        using var tokens = new TokenMaker(TimeProvider.System);
        await using var server = await RegistryProcess.ServeAsync(folder.Root, tokens);
        using var http = server.Client(tokens, "repository:some/repo:pull,push,delete");
        var (image, child) = (new TestImage(1), new TestImage(2));
        await image.PushAsync(http, "some/repo", "v1");
        await child.PushAsync(http, "some/repo");
        Assert.Equal(
            HttpStatusCode.Created,
            await TestImage.PushManifestAsync(http, "some/repo", "multi", TestImage.Index(child.Digest), TestImage.IndexType));
        Assert.Equal(0, (await RegistryProcess.RunAsync(null, "scrub", "--data", folder.Root)).Status);

        Assert.Contains(
            $"the tag v1 ({image.Digest}) needs", await WarningAsync($"blobs/{TestImage.DigestOf(image.Layer)}"), StringComparison.Ordinal);
        Assert.Contains("the tag multi", await WarningAsync($"manifests/{child.Digest}"), StringComparison.Ordinal);
        Assert.Equal("", await WarningAsync("manifests/v1"));
        Assert.Equal(
            HttpStatusCode.Created, await TestImage.PushManifestAsync(http, "some/repo", "copy", TestImage.Index(), TestImage.IndexType));

        var scrub = await RegistryProcess.RunAsync(null, "scrub", "--data", folder.Root);
        Assert.Equal(1, scrub.Status);
        Assert.Contains(
            $"some/repo: the tag multi ({TestImage.DigestOf(TestImage.Index(child.Digest))}) needs {child.Digest}, which is gone",
            scrub.Output, StringComparison.Ordinal);
        Assert.Contains($"needs {TestImage.DigestOf(image.Layer)}, which is gone", scrub.Output, StringComparison.Ordinal);

        async Task<string> WarningAsync(string path)
        {
            using var answer = await http.DeleteAsync(
                new Uri($"/v2/some/repo/{path}", UriKind.Relative), TestContext.Current.CancellationToken);
            Assert.Equal(HttpStatusCode.Accepted, answer.StatusCode);
            return answer.Headers.TryGetValues("Warning", out var warnings) ? string.Join(',', warnings) : "";
        }
    }

    [Fact]
    public async Task A_deletion_of_a_needed_blob_or_child_is_refused_where_that_is_configured_until_nothing_needs_it()
    {
        await using var host = await RegistryHost.StartAsync(o => o.DeleteNeeded = "refuse");
        var repository = new Repository(host, "some/repo");
        var (config, layer) = (await repository.PushBlobAsync(), await repository.PushBlobAsync());
        var image = await repository.PushManifestAsync(Manifest.OfImage(config, [layer]), type: Manifest.Image);
        var inner = await repository.PushManifestAsync(Manifest.OfIndex([image.Descriptor(Manifest.Image)]));
        var outer = await repository.PushManifestAsync(Manifest.OfIndex([inner.Descriptor(Manifest.Index)]), "multi");

        foreach (var needed in (string[])[
            $"blobs/{layer.Digest}", $"blobs/{config.Digest}", $"manifests/{image.Digest}", $"manifests/{inner.Digest}"])
        {
            var refusal = (await repository.DeleteAsync(needed)).MustBe(HttpStatusCode.Conflict, "DENIED");
            Assert.Contains($"the tag multi ({outer.Digest}) needs", refusal.ErrorMessage, StringComparison.Ordinal);
            (await repository.GetAsync(needed)).MustBe(HttpStatusCode.OK);
        }

        (await repository.DeleteAsync("manifests/multi")).MustBe(HttpStatusCode.Accepted);
        (await repository.DeleteAsync($"manifests/{outer.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await repository.DeleteAsync($"manifests/{inner.Digest}")).MustBe(HttpStatusCode.Accepted);
        Assert.Contains(
            $"the manifest {image.Digest} needs",
            (await repository.DeleteAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.Conflict, "DENIED").ErrorMessage,
            StringComparison.Ordinal);
        (await repository.DeleteAsync($"manifests/{image.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await repository.DeleteAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await repository.DeleteAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
    }

    [Fact]
    public async Task What_another_repository_needs_may_go_from_this_one()
    {
        await using var host = await RegistryHost.StartAsync(o => o.DeleteNeeded = "refuse");
        var (one, other) = (new Repository(host, "some/repo"), new Repository(host, "some/other"));
        var (config, layer) = (await one.PushBlobAsync(), await one.PushBlobAsync());
        foreach (var blob in (Content[])[config, layer]) await other.PushBlobAsync(blob);
        await other.PushManifestAsync(Manifest.OfImage(config, [layer]), "v1", Manifest.Image);
        (await one.DeleteAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task A_vendors_layer_that_was_pushed_stays_as_long_as_its_image_also_in_a_database_from_before()
    {
        await using var host = await RegistryHost.StartAsync(o => o.GarbageCollection.Every = TimeSpan.Zero);
        var repository = new Repository(host, "some/repo");
        var (config, foreign) = (await repository.PushBlobAsync(), await repository.PushBlobAsync());
        var manifest = Content.Text(
            $$"""{"schemaVersion":2,"mediaType":"{{Manifest.Image}}","config":{{config.Descriptor(Manifest.Config)}},"layers":[{{foreign.Descriptor("application/vnd.oci.image.layer.nondistributable.v1.tar")}}]}""");
        await repository.PushManifestAsync(manifest, "v1", Manifest.Image);
        await AssertKeptAsync();

        await host.RestartAsync(() => OldDatabase.Downgrade(Path.Combine(host.Root, "registry.db")));
        await AssertKeptAsync();

        (await new Repository(host, "some/repo").DeleteAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.Accepted);
        Assert.Equal(2, (await CollectAsync()).Blobs);

        async Task AssertKeptAsync()
        {
            host.Clock.Advance(TimeSpan.FromHours(2));
            Assert.Equal(0, (await CollectAsync()).Links);
            (await new Repository(host, "some/repo").GetAsync($"blobs/{foreign.Digest}")).MustBe(HttpStatusCode.OK);
        }

        Task<CollectionReport> CollectAsync() =>
            host.Service<GarbageCollector>().RunAsync(isDryRun: false, TestContext.Current.CancellationToken);
    }

    [Fact]
    public async Task The_bytes_of_a_digest_keep_the_media_type_that_they_were_pushed_with_first()
    {
        await using var host = await RegistryHost.StartAsync();
        var repository = new Repository(host, "some/repo");
        var (config, layer) = (await repository.PushBlobAsync(), await repository.PushBlobAsync());
        var manifest = Content.Text(
            $$"""{"schemaVersion":2,"config":{{config.Descriptor(Manifest.Config)}},"layers":[{{layer.Descriptor(Manifest.Layer)}}]}""");
        await repository.PushManifestAsync(manifest, "v1", Manifest.Image);

        var refusal = (await repository.TryPushManifestAsync(manifest, "v2", Manifest.DockerImage)).MustBe(
            HttpStatusCode.BadRequest, "MANIFEST_INVALID");
        Assert.Contains(Manifest.Image, refusal.ErrorMessage, StringComparison.Ordinal);
        Assert.Equal(Manifest.Image, (await repository.GetAsync("manifests/v1")).MustBe(HttpStatusCode.OK)["Content-Type"]);
        (await repository.GetAsync("manifests/v2")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await repository.TryPushManifestAsync(manifest, "v2", Manifest.Image)).MustBe(HttpStatusCode.Created);
        (await repository.DeleteAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.Accepted);
        (await repository.TryPushManifestAsync(manifest, "v1", Manifest.DockerImage)).MustBe(HttpStatusCode.Created);
    }
}
