using System.Net;
using System.Text;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Import;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Tests.Storage;
using AuthIndex.TestKit;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Import;

/// <summary>
/// The import of a storage of distribution: everything sound is taken, everything else is named, and nothing there is changed.
/// </summary>
public sealed class DistributionImportTests : IClassFixture<DistributionImportTests.Target>, IDisposable
{
    private static int tests;

    private readonly int number = Interlocked.Increment(ref tests); // each test has content and repositories of its own
    private readonly TemporaryDirectory folder = new(inMemory: true);
    private readonly RegistryHost registry;
    private readonly DistributionFolder source;
    private readonly TestImage image;

    public DistributionImportTests(Target target)
    {
        registry = target.Registry;
        source = new DistributionFolder(folder);
        image = Image(1);
    }

    private string Repository => $"team{number}/app";

    public void Dispose() => folder.Dispose();

    [Fact]
    public async Task Images_indexes_and_tags_are_taken_with_a_history_and_nothing_there_is_changed()
    {
        var (other, child) = (Image(2), Image(3));
        source.Push(Repository, image, "1.0", "latest");
        source.Push("library/deep/er/base", other, "1");
        source.Push(Repository, child);
        var index = source.PushManifest(Repository, TestImage.Index(image.Digest, child.Digest), "multi");
        var outer = source.PushManifest(Repository, TestImage.Index(index), "nested");
        DistributionFolder.Write(Path.Combine(source.Repository(Repository), "_uploads", "1", "data"), "an upload in progress");
        var before = source.Fingerprint();

        var report = await ImportAsync();

        Assert.Empty(report.Problems);
        Assert.Equal((2, 5, 6, 5), (report.Repositories, report.Manifests, report.Blobs, report.Tags));
        Assert.Equal(before, source.Fingerprint());
        await image.AssertPullableAsync(Client(), Repository, "latest");
        await other.AssertPullableAsync(Client("library/deep/er/base"), "library/deep/er/base", "1");
        Assert.Equal(HttpStatusCode.OK, await StatusAsync("manifests/multi"));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync($"manifests/{outer}"));
        var move = Assert.Single(await Tags.HistoryAsync(Name(Repository), "latest"));
        Assert.Equal((DistributionImport.Account, null, image.Digest), (move.By, move.OldDigest, move.NewDigest));
        Assert.False(Directory.Exists(Path.Combine(registry.Root, "imports")));
    }

    [Fact]
    public async Task A_second_run_takes_only_what_is_missing_and_follows_tags_that_moved_there()
    {
        var next = Image(2);
        source.Push(Repository, image, "latest", "old");
        await ImportAsync();
        source.Push(Repository, next, "latest");

        var second = await ImportAsync();
        Assert.Equal((1, 1, 2, 1), (second.Manifests, second.ManifestsBefore, second.Blobs, second.Tags));
        await next.AssertPullableAsync(Client(), Repository, "latest");
        Assert.Equal(2, (await Tags.HistoryAsync(Name(Repository), "latest")).Count);

        var third = await ImportAsync();
        Assert.Equal((0, 2, 0, 0), (third.Manifests, third.ManifestsBefore, third.Blobs, third.Tags));
    }

    [Fact]
    public async Task Vendors_layers_come_along_where_they_are_stored_and_are_counted_where_they_are_not()
    {
        var (stored, elsewhere) = (Image(4).Layer, Image(5).Layer);
        var config = image.Config;
        var manifest = Encoding.UTF8.GetBytes(
            $$"""{"schemaVersion":2,"mediaType":"{{TestImage.ManifestType}}","config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"{{TestImage.DigestOf(config)}}","size":{{config.Length}}},"layers":[{{Foreign(stored)}},{{Foreign(elsewhere)}}]}""");
        foreach (var blob in (byte[][])[config, stored]) source.Link(Repository, blob);
        source.PushManifest(Repository, manifest, "latest");

        var report = await ImportAsync();
        Assert.Empty(report.Problems);
        Assert.Equal((1, 2, 1), (report.Manifests, report.Blobs, report.ForeignLayers));
        Assert.Equal(HttpStatusCode.OK, await StatusAsync($"blobs/{TestImage.DigestOf(stored)}"));

        source.Link(Repository, elsewhere);
        Assert.Equal((0, 1, 0), await ImportAsync() is var again ? (again.Manifests, again.Blobs, again.ForeignLayers) : default);
        Assert.Equal(HttpStatusCode.OK, await StatusAsync($"blobs/{TestImage.DigestOf(elsewhere)}"));

        static string Foreign(byte[] layer) =>
            $$"""{"mediaType":"application/vnd.docker.image.rootfs.foreign.diff.tar.gzip","digest":"{{TestImage.DigestOf(layer)}}","size":{{layer.Length}}}""";
    }

    [Fact]
    public async Task What_somebody_has_moved_or_deleted_here_since_stays_as_it_is()
    {
        var pushed = Image(2);
        source.Push(Repository, image, "moved", "deleted");
        await ImportAsync();
        await pushed.PushAsync(Client(), Repository, "moved");
        Assert.Equal(
            HttpStatusCode.Accepted, await TestImage.StatusAsync(Client(), HttpMethod.Delete, $"/v2/{Repository}/manifests/deleted"));

        foreach (var dryRun in (bool[])[true, false])
        {
            var report = await ImportAsync(dryRun: dryRun);
            Assert.Equal([$"{Repository}:deleted", $"{Repository}:moved"], report.Kept);
            Assert.Equal((0, 0), (report.Tags, report.Problems.Count));
        }

        await pushed.AssertPullableAsync(Client(), Repository, "moved");
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("manifests/deleted"));
    }

    [Fact]
    public async Task A_dry_run_finds_the_same_and_changes_nothing()
    {
        var (broken, child) = (Image(2), Image(3));
        source.Push(Repository, image, "1");
        source.Push($"team{number}/copy", image, "1");
        source.Push($"team{number}/copy", child);
        source.PushManifest($"team{number}/copy", TestImage.Index(image.Digest, child.Digest), "multi");
        source.Push(Repository, broken, "broken");
        File.WriteAllBytes(source.Blob(TestImage.DigestOf(broken.Layer)), [1, 2, 3]);

        var before = Blobs().ToList();
        var dry = await ImportAsync(dryRun: true);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("manifests/1"));
        Assert.False(Directory.Exists(Path.Combine(registry.Root, "imports")));
        Assert.Equal(before, Blobs());

        var real = await ImportAsync();
        Assert.Equal((dry.Manifests, dry.Tags, dry.BlobBytes), (real.Manifests, real.Tags, real.BlobBytes));
        Assert.Equal(dry.Problems, real.Problems);
        Assert.Equal(3, real.Problems.Count); // the layer, its manifest, its tag
    }

    [Theory]
    [InlineData("Link", true)]
    [InlineData("Any", true)]
    [InlineData("Copy", false)]
    public async Task Blobs_are_shared_or_copied_as_was_asked(string transfer, bool isShared)
    {
        source.Push(Repository, image, "1");
        source.Push($"team{number}/other", image, "1");
        var report = await ImportAsync(transfer: Enum.Parse<BlobTransfer>(transfer));

        Assert.Equal((2, isShared ? 2 : 0), (report.Blobs, report.Linked));
        var digest = TestImage.DigestOf(image.Layer);
        Assert.Equal(
            isShared, Hosting.Files.FileVersion.Of(source.Blob(digest))!.Value.Inode == Hosting.Files.FileVersion.Of(
                Path.Combine(registry.Root, "blobs", "sha256", digest[7..9], digest[7..]))!.Value.Inode);
        Directory.Delete(source.Root, recursive: true);
        await image.AssertPullableAsync(Client($"team{number}/other"), $"team{number}/other", "1");
    }

    [Fact]
    public async Task Only_repositories_that_match_are_taken()
    {
        foreach (var name in (string[])[$"team{number}/app", $"team{number}/app/deep", "other"]) source.Push(name, image, "1");

        Assert.Equal(1, (await ImportAsync(repositories: [$"team{number}/*"])).Repositories);
        Assert.Equal(
            HttpStatusCode.NotFound,
            await TestImage.StatusAsync(Client($"team{number}/app/deep"), HttpMethod.Head, $"/v2/team{number}/app/deep/manifests/1"));
        Assert.Equal(3, (await ImportAsync(repositories: [$"team{number}/**", "other"])).Repositories);
        var nothing = await Assert.ThrowsAsync<OperatorException>(() => ImportAsync(repositories: ["teem/*", "a.her"]));
        Assert.Contains("no repository that matches teem/* or a.her", nothing.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_folder_that_is_no_storage_of_distribution_is_refused()
    {
        var refused = await Assert.ThrowsAsync<OperatorException>(() => ImportAsync());
        Assert.Contains("does not contain distribution's storage", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Deleted_manifests_and_tags_and_blobs_that_no_manifest_needs_are_left()
    {
        var deleted = Image(2);
        source.Push(Repository, image, "1", "gone");
        source.Push(Repository, deleted);
        File.Delete(source.Revision(Repository, deleted.Digest));
        File.Delete(source.Tag(Repository, "gone"));

        var report = await ImportAsync();
        Assert.Equal((1, 2, 1, 0), (report.Manifests, report.Blobs, report.Tags, report.Problems.Count));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync($"manifests/{deleted.Digest}"));
    }

    [Fact]
    public async Task A_manifest_without_a_media_type_gets_the_one_that_distribution_answers_with()
    {
        var config = "{}"u8.ToArray();
        source.Link(Repository, config);
        var plain = Encoding.UTF8.GetBytes(
            $$$"""{"schemaVersion":2,"config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"{{{TestImage.DigestOf(config)}}}","size":2},"layers":[]}""");
        var digest = source.PushManifest(Repository, plain, "image");
        source.PushManifest(
            Repository, Encoding.UTF8.GetBytes(
                $$$"""{"schemaVersion":2,"manifests":[{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"{{{digest}}}","size":{{{plain.Length}}}}]}"""), "index");

        Assert.Empty((await ImportAsync()).Problems);
        Assert.Equal(TestImage.ManifestType, await TypeAsync("image"));
        Assert.Equal(TestImage.IndexType, await TypeAsync("index"));

        async Task<string?> TypeAsync(string tag)
        {
            using var answer = await Client()
                .GetAsync(new Uri($"/v2/{Repository}/manifests/{tag}", UriKind.Relative), TestContext.Current.CancellationToken);
            return answer.Content.Headers.ContentType?.MediaType;
        }
    }

    [Fact]
    public async Task A_layer_that_another_repository_holds_is_not_given_to_this_one()
    {
        source.Push($"team{number}/secret", image, "1");
        source.Link(Repository, image.Config);
        source.PushManifest(Repository, image.Manifest, "stolen");

        var report = await ImportAsync();
        Assert.Contains(new ImportProblem(Repository, TestImage.DigestOf(image.Layer), "the repository does not hold it"), report.Problems);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync($"blobs/{TestImage.DigestOf(image.Layer)}"));
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("manifests/stolen"));
    }

    [Fact]
    public async Task A_damaged_blob_here_is_healed_by_the_one_there()
    {
        source.Push(Repository, image, "1");
        await ImportAsync(transfer: BlobTransfer.Copy);
        var digest = TestImage.DigestOf(image.Layer);
        File.WriteAllBytes(Path.Combine(registry.Root, "blobs", "sha256", digest[7..9], digest[7..]), [1]);
        await registry.Services.GetRequiredService<Scrubber>()
            .RunAsync(long.MaxValue, withManifests: true, null, TestContext.Current.CancellationToken);
        Assert.Equal(HttpStatusCode.NotFound, await StatusAsync($"blobs/{digest}"));

        source.PushManifest(Repository, new TestImage((100 * number) + 1, subject: image.Digest).Manifest); // needs the same blobs
        Assert.Empty((await ImportAsync()).Problems);
        await image.AssertPullableAsync(Client(), Repository, "1");
    }

    /// <summary>Each defect, and what is said of it. The sound image beside it is taken every time.</summary>
    public static TheoryData<string, string, string> Defects => new()
    {
        { "truncated layer", "LAYER", "damaged" },
        { "other bytes of the same length", "LAYER", "damaged" },
        { "missing layer", "LAYER", "its content is missing" },
        { "folder for a layer", "LAYER", "no regular file" },
        { "pipe for a layer", "LAYER", "no regular file" },
        { "layer is a link", "LAYER", "symbolic link" },
        { "folder of a layer is a link", "LAYER", "symbolic link" },
        { "layer not linked", "LAYER", "does not hold it" },
        { "link of the layer names another", "LAYER", "names another digest" },
        { "rubbish in the link of the layer", "LAYER", "does not contain a sha256 or sha512 digest" },
        { "missing manifest", "MANIFEST", "its content is missing" },
        { "damaged manifest", "MANIFEST", "damaged" },
        { "manifest that is no manifest", "OTHER", "not acceptable JSON" },
        { "huge manifest", "OTHER", "registry.limits.manifestSize" },
        { "schema 1", "OTHER", "schema 1" },
        { "unknown type", "OTHER", "is not the media type of a manifest" },
        { "index of what is not there", "OTHER", "it needs sha256:" },
        { "rubbish in the link of the manifest", "MANIFEST", "does not contain a sha256 or sha512 digest" },
        { "endless link of the manifest", "MANIFEST", "does not contain a sha256 or sha512 digest" },
        { "link of the manifest is a link", "MANIFEST", "symbolic link" },
        { "other algorithm", "md5:0123456789abcdef0123456789abcdef", "is not a sha256 or sha512 digest" },
        { "tag of a deleted manifest", "tag bad", "the repository does not contain" },
        { "empty tag", "tag bad", "its link file is empty" },
        { "path in a tag", "tag bad", "does not contain a sha256 or sha512 digest" },
        { "no tag", "tag -bad", "is not a tag" },
        { "repository is a link", "repositories/elsewhere", "symbolic link" },
        { "no repository name", "repositories/Upper", "is not a repository name" },
    };

    [Theory]
    [MemberData(nameof(Defects))]
    public async Task A_defect_is_named_and_everything_sound_is_taken(string defect, string what, string reason)
    {
        var bad = Image(2);
        var (layer, other) = (TestImage.DigestOf(bad.Layer), "");
        source.Push(Repository, image, "good");
        source.Push(Repository, bad, "bad");
        File.WriteAllText(folder["secret"], "a secret of this machine");
        var blob = source.Blob(layer);
        switch (defect)
        {
            case "truncated layer": File.WriteAllBytes(blob, bad.Layer[..100]); break;
            case "other bytes of the same length": File.WriteAllBytes(blob, [.. bad.Layer.Reverse()]); break;
            case "missing layer": Directory.Delete(Path.GetDirectoryName(blob)!, recursive: true); break;
            case "folder for a layer":
                File.Delete(blob);
                Directory.CreateDirectory(blob);
                break;
            case "pipe for a layer":
                File.Delete(blob);
                Assert.Equal(0, (await ChildProcess.RunAsync("mkfifo", [blob])).ExitCode);
                break;
            case "layer is a link":
                File.Move(blob, folder["moved"]);
                File.CreateSymbolicLink(blob, folder["moved"]);
                break;
            case "folder of a layer is a link":
                Directory.Move(Path.GetDirectoryName(blob)!, folder["moved"]);
                Directory.CreateSymbolicLink(Path.GetDirectoryName(blob)!, folder["moved"]);
                break;
            case "layer not linked": File.Delete(source.Layer(Repository, layer)); break;
            case "link of the layer names another": File.WriteAllText(source.Layer(Repository, layer), image.Digest); break;
            case "rubbish in the link of the layer": File.WriteAllBytes(source.Layer(Repository, layer), [0xff, 0xfe, 0]); break;
            case "missing manifest": File.Delete(source.Blob(bad.Digest)); break;
            case "damaged manifest": File.AppendAllText(source.Blob(bad.Digest), " "); break;
            case "manifest that is no manifest": other = source.PushManifest(Repository, "{"u8.ToArray(), "bad"); break;
            case "huge manifest": other = source.PushManifest(
                Repository, [.. bad.Manifest, .. Enumerable.Repeat((byte)' ', 4096)], "bad"); break;
            case "schema 1": other = source.PushManifest(
                Repository, """{"schemaVersion":1,"name":"team/app","fsLayers":[],"history":[]}"""u8.ToArray(), "bad"); break;
            case "unknown type": other = source.PushManifest(
                Repository, """{"schemaVersion":2,"mediaType":"application/x-other"}"""u8.ToArray(), "bad"); break;
            case "index of what is not there": other = source.PushManifest(
                Repository, TestImage.Index(image.Digest, "sha256:" + new string('0', 64)), "bad"); break;
            case "rubbish in the link of the manifest": File.WriteAllText(source.Revision(Repository, bad.Digest), "a secret"); break;
            case "endless link of the manifest": File.WriteAllText(
                source.Revision(Repository, bad.Digest), bad.Digest + new string(' ', 10_000)); break;
            case "link of the manifest is a link":
                File.Delete(source.Revision(Repository, bad.Digest));
                File.CreateSymbolicLink(source.Revision(Repository, bad.Digest), folder["secret"]);
                break;
            case "other algorithm": DistributionFolder.Write(source.Revision(Repository, what), what); break;
            case "tag of a deleted manifest": File.Delete(source.Revision(Repository, bad.Digest)); break;
            case "empty tag": File.WriteAllText(source.Tag(Repository, "bad"), ""); break;
            case "path in a tag": File.WriteAllText(source.Tag(Repository, "bad"), "sha256:../../../../../../../../etc/passwd"); break;
            case "no tag": DistributionFolder.Write(source.Tag(Repository, "-bad"), image.Digest); break;
            case "repository is a link": Directory.CreateSymbolicLink(source.Repository("elsewhere"), source.Repository(Repository)); break;
            case "no repository name": source.Push("Upper", bad, "1"); break;
        }

        var named = what switch { "LAYER" => layer, "MANIFEST" => bad.Digest, "OTHER" => other, _ => what };
        var report = await ImportAsync();

        Assert.Contains(report.Problems, p => p.What == named && p.Reason.Contains(reason, StringComparison.Ordinal));
        Assert.DoesNotContain("secret", string.Join(' ', report.Problems), StringComparison.Ordinal);
        await image.AssertPullableAsync(Client(), Repository, "good");
        if (what is "LAYER" or "MANIFEST")
        {
            Assert.Equal(HttpStatusCode.NotFound, await StatusAsync($"manifests/{bad.Digest}"));
            Assert.Equal(HttpStatusCode.NotFound, await StatusAsync("manifests/bad"));
        }

        Assert.All(Blobs(), file =>
        {
            Assert.Null(new FileInfo(file).LinkTarget);
            Assert.Equal(Path.GetFileName(file), TestImage.DigestOf(File.ReadAllBytes(file))[7..]);
        });
    }

    /// <summary>The registry that all tests import into.</summary>
    public sealed class Target : IAsyncLifetime
    {
        public RegistryHost Registry { get; private set; } = null!;

        public async ValueTask InitializeAsync() =>
            Registry = await RegistryHost.StartAsync(o => o.Limits.ManifestSize = new ByteSize(4096));

        public ValueTask DisposeAsync() => Registry.DisposeAsync();
    }

    private TestImage Image(int seed) => new((100 * number) + seed);

    private IEnumerable<string> Blobs() =>
        Directory.EnumerateFiles(Path.Combine(registry.Root, "blobs"), "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal);

    private ITagStore Tags => registry.Services.GetRequiredService<ITagStore>();

    private static TokenContract.RepositoryName Name(string text) =>
        TokenContract.RepositoryName.TryParse(text, out var name) ? name : throw new ArgumentException(text);

    private Task<ImportReport> ImportAsync(BlobTransfer transfer = BlobTransfer.Any, bool dryRun = false, params string[] repositories) =>
        registry.Services.GetRequiredService<DistributionImport>().RunAsync(
            new ImportRequest(source.Root, transfer, repositories, dryRun), _ => ValueTask.CompletedTask,
            TestContext.Current.CancellationToken);

    private HttpClient Client(string? repository = null) => registry.As($"repository:{repository ?? Repository}:pull,push,delete");

    private Task<HttpStatusCode> StatusAsync(string tail) => TestImage.StatusAsync(Client(), HttpMethod.Get, $"/v2/{Repository}/{tail}");
}
