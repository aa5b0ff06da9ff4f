using System.Net;
using AuthIndex.Hosting.Configuration;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.TestKit;
using Dapper;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>What a client may ask for at most is what the configuration says.</summary>
public sealed class LimitsTests
{
    [Fact]
    public async Task An_account_may_have_so_many_uploads_open_also_across_a_restart_and_one_that_ended_makes_room()
    {
        await using var host = await RegistryHost.StartAsync(o => o.Limits.UploadSessions = 2);
        var repository = new Repository(host, "some/repo");
        var (first, second) = (await repository.StartUploadAsync(), await repository.StartUploadAsync());
        var refused = (await repository.PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        Assert.NotEqual("", refused["Retry-After"]);
        await repository.As("bob").StartUploadAsync();
        await repository.PushBlobAsync(); // in one request, and so in no session

        await host.RestartAsync();
        repository = new Repository(host, "some/repo");
        (await repository.PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        (await repository.DeleteAsync(first)).MustBe(HttpStatusCode.NoContent);
        var third = await repository.StartUploadAsync();
        (await repository.PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
        var blob = Content.Random();
        (await repository.PutAsync($"{second}?digest={blob.Digest}", blob.Bytes)).MustBe(HttpStatusCode.Created);
        await repository.StartUploadAsync();
        (await repository.GetAsync(third)).MustBe(HttpStatusCode.NoContent);
    }

    [Fact]
    public async Task An_upload_that_lay_untouched_for_an_hour_gives_way_to_a_new_one_of_its_account()
    {
        await using var host = await RegistryHost.StartAsync(o => o.Limits.UploadSessions = 2);
        var repository = new Repository(host, "some/repo");
        var (oldest, old) = (await repository.StartUploadAsync(), await repository.StartUploadAsync());
        Age(host, oldest, TimeSpan.FromHours(-3));
        Age(host, old, TimeSpan.FromHours(-2));
        await repository.StartUploadAsync();
        (await repository.GetAsync(oldest)).MustBe(HttpStatusCode.NotFound, "BLOB_UPLOAD_UNKNOWN");
        (await repository.GetAsync(old)).MustBe(HttpStatusCode.NoContent);
        Age(host, old, TimeSpan.FromMinutes(-59));
        (await repository.PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.TooManyRequests, "TOOMANYREQUESTS");
    }

    [Fact]
    public async Task Indexes_lie_in_one_another_as_deep_as_is_allowed()
    {
        await using var host = await RegistryHost.StartAsync(o => o.Limits.IndexDepth = 3);
        var repository = new Repository(host, "some/repo");
        var image = await repository.PushImageAsync();
        var inner = await repository.PushManifestAsync(Manifest.OfIndex([image.Descriptor(Manifest.Image)]));
        var middle = await repository.PushManifestAsync(
            Manifest.OfIndex([image.Descriptor(Manifest.Image), inner.Descriptor(Manifest.Index)]));
        var outer = await repository.PushManifestAsync(
            Manifest.OfIndex([inner.Descriptor(Manifest.Index), middle.Descriptor(Manifest.Index)]));
        foreach (var type in (string[])[Manifest.Index, Manifest.DockerList])
        {
            var tooDeep = Content.Text(
                $$"""{"schemaVersion":2,"mediaType":"{{type}}","manifests":[{{inner.Descriptor(Manifest.Index)}},{{outer.Descriptor(Manifest.Index)}}]}""");
            (await repository.TryPushManifestAsync(tooDeep, "deep", type)).MustBe(HttpStatusCode.BadRequest, "MANIFEST_INVALID");
        }
    }

    [Fact]
    public async Task Manifests_of_what_is_not_here_are_taken_where_that_is_allowed_and_their_parts_come_later()
    {
        await using var host = await RegistryHost.StartAsync(o => o.SparseManifests = true);
        var repository = new Repository(host, "some/repo");
        var (config, layer) = (Content.Random(), Content.Random());
        var image = Manifest.OfImage(config, [layer]);
        var index = await repository.PushManifestAsync(Manifest.OfIndex([image.Descriptor(Manifest.Image)]), "multi");
        Assert.Equal(index.Bytes, (await repository.GetAsync("manifests/multi")).MustBe(HttpStatusCode.OK).Body);
        (await repository.GetAsync($"manifests/{image.Digest}")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        await repository.PushManifestAsync(image, type: Manifest.Image);
        (await repository.GetAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.NotFound, "BLOB_UNKNOWN");
        await repository.PushBlobAsync(layer);

        // What a manifest waits for is needed once it is there.
        host.Clock.Advance(TimeSpan.FromHours(2));
        await host.Services.GetRequiredService<GarbageCollector>().RunAsync(isDryRun: false, TestContext.Current.CancellationToken);
        (await new Repository(host, "some/repo").HeadAsync($"blobs/{layer.Digest}")).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Ranges_tags_and_headers_are_bounded_as_configured()
    {
        await using var host = await RegistryHost.StartAsync(o =>
        {
            o.Limits.Ranges = 2;
            o.Limits.TagsPerPush = 10;
            o.Limits.RequestHeaders = new ByteSize(16 * 1024);
        });
        var repository = new Repository(host, "some/repo");
        var blob = await repository.PushBlobAsync();
        (await repository.GetAsync($"blobs/{blob.Digest}", ("Range", "bytes=0-0,2-2"))).MustBe(HttpStatusCode.PartialContent);
        (await repository.GetAsync($"blobs/{blob.Digest}", ("Range", "bytes=0-0,2-2,4-4"))).MustBe(HttpStatusCode.OK);

        var manifest = Manifest.Empty();
        (await repository.TryPushManifestAsync(manifest, $"{manifest.Digest}?{Tags(10)}")).MustBe(HttpStatusCode.Created);
        (await repository.TryPushManifestAsync(manifest, $"{manifest.Digest}?{Tags(11)}")).MustBe(HttpStatusCode.BadRequest, "UNSUPPORTED");

        (await repository.GetAsync("tags/list", ("X-Long", new string('x', 8_000)))).MustBe(HttpStatusCode.OK);
        Assert.Equal(
            HttpStatusCode.RequestHeaderFieldsTooLarge,
            (await repository.GetAsync("tags/list", ("X-Long", new string('x', 17_000)))).Status);

        static string Tags(int count) => string.Join('&', Enumerable.Range(0, count).Select(i => $"tag=t{i}"));
    }

    [Theory]
    [InlineData(0, "")]
    [InlineData(5 * 1024 * 1024, "5242880")]
    public async Task Clients_are_told_how_long_chunks_should_be_at_least(long length, string expected)
    {
        await using var host = await RegistryHost.StartAsync(o => o.Limits.ChunkLength = new ByteSize(length));
        var repository = new Repository(host, "some/repo");
        var begun = (await repository.PostAsync("blobs/uploads/")).MustBe(HttpStatusCode.Accepted);
        Assert.Equal(expected, begun["OCI-Chunk-Min-Length"]);
        (await repository.PatchAsync(begun["Location"], [1, 2, 3], ("Content-Range", "0-2"))).MustBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task A_page_of_a_hundred_thousand_repositories_costs_no_more_than_a_page()
    {
        await using var host = await RegistryHost.StartAsync();
        await host.Services.GetRequiredService<RegistryDatabase>().WriteAsync(db => db.Execute(
            """
            WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 99999)
            INSERT INTO repositories (id, name, created_at) SELECT i + 1, printf('team%03d/app%03d', i / 1000, i % 1000), 0 FROM n;
            INSERT INTO manifest_contents (digest, bytes) VALUES ('d', x'7b7d');
            INSERT INTO manifests (repository, digest, media_type, size, pushed_at, pushed_by, touched_at) SELECT id, 'd', 'm', 2, 0, '', 0 FROM repositories;
            """));
        using var http = host.As("registry:catalog:*");
        var (pages, names) = (0, new List<string>());
        var clock = System.Diagnostics.Stopwatch.StartNew();
        for (var next = "/v2/_catalog?n=1000"; next is not null; pages++)
        {
            using var response = await http.GetAsync(new Uri(next, UriKind.Relative), TestContext.Current.CancellationToken);
            var page = await Answer.ReadAsync(response);
            names.AddRange(page.Json.GetProperty("repositories").EnumerateArray().Select(r => r.GetString()!));
            next = Links.Next(page);
        }

        Assert.Equal((100, 100_000), (pages, names.Distinct(StringComparer.Ordinal).Count()));
        Assert.Equal(names.Order(StringComparer.Ordinal), names);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(20), $"{clock.Elapsed}"); // a scan of all for every page would take minutes
    }

    private static void Age(RegistryHost host, string location, TimeSpan since)
    {
        foreach (var file in Directory.GetFiles(Path.Combine(host.Root, "uploads"), location.Split('/')[^1] + ".*"))
        {
            File.SetLastWriteTimeUtc(file, (host.Clock.GetUtcNow() + since).UtcDateTime);
        }
    }
}
