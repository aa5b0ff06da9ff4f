using System.Net;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.TokenContract;
using Microsoft.Extensions.DependencyInjection;

namespace AuthIndex.RegistryCore.Tests.Manifests;

public sealed class ManifestEndpointTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    private const int Limit = 4 * 1024 * 1024;

    [Fact]
    public async Task What_was_pushed_comes_back_byte_for_byte_by_tag_and_by_digest()
    {
        var repository = registry.New();
        var manifest = Content.Text(
            $"\n{{ \"schemaVersion\" : 2,\r\n\t\"manifests\":[ ], \"annotations\":{{\"x\":\"\\u00e9é\"}}, "
            + $"\"mediaType\":\"{Manifest.Index}\"}} \n\n");
        var pushed = (await repository.TryPushManifestAsync(manifest, "v1")).MustBe(HttpStatusCode.Created);
        Assert.Equal(
            (repository.PathOf($"manifests/{manifest.Digest}"), manifest.Digest), (pushed["Location"], pushed["Docker-Content-Digest"]));
        foreach (var reference in (string[])["v1", manifest.Digest])
        {
            var get = (await repository.GetAsync($"manifests/{reference}")).MustBe(HttpStatusCode.OK);
            var head = (await repository.HeadAsync($"manifests/{reference}")).MustBe(HttpStatusCode.OK);
            Assert.Equal(manifest.Bytes, get.Body);
            Assert.Empty(head.Body);
            foreach (var answer in (Answer[])[get, head])
            {
                Assert.Equal(Manifest.Index, answer["Content-Type"]);
                Assert.Equal(manifest.Digest, answer["Docker-Content-Digest"]);
                Assert.Equal($"\"{manifest.Digest}\"", answer["ETag"]);
                Assert.Equal($"{manifest.Size}", answer["Content-Length"]);
            }
        }
    }

    [Theory]
    [InlineData(Manifest.Image)]
    [InlineData(Manifest.DockerImage)]
    [InlineData(Manifest.Index)]
    [InlineData(Manifest.DockerList)]
    [InlineData(Manifest.Artifact)]
    public async Task Every_type_is_taken_and_given_back(string type)
    {
        var repository = registry.New();
        var (config, layer) = (await repository.PushBlobAsync(), await repository.PushBlobAsync());
        var child = await repository.PushImageAsync();
        var manifest = Content.Text(type switch
        {
            Manifest.Index or Manifest.DockerList =>
                $$"""{"schemaVersion":2,"mediaType":"{{type}}","manifests":[{{child.Descriptor(Manifest.Image)}}]}""",
            Manifest.Artifact => $$"""{"mediaType":"{{type}}","artifactType":"x/y","blobs":[{{layer.Descriptor("x/y")}}]}""",
            _ =>
                $$"""{"schemaVersion":2,"mediaType":"{{type}}","config":{{config.Descriptor(Manifest.Config)}},"layers":[{{layer.Descriptor(Manifest.Layer)}}]}""",
        });
        await repository.PushManifestAsync(manifest, "v1", type + "; charset=utf-8");
        var got = (await repository.GetAsync("manifests/v1", ("Accept", "text/plain"))).MustBe(HttpStatusCode.OK);
        Assert.Equal(type, got["Content-Type"]);
        Assert.Equal(manifest.Bytes, got.Body);
    }

    [Fact]
    public async Task A_manifest_that_needs_what_is_not_here_is_refused_and_changes_nothing()
    {
        var (repository, other) = (registry.New(), registry.New());
        var (here, elsewhere) = (await repository.PushBlobAsync(), await other.PushBlobAsync());
        var unknown = Content.Random();
        foreach (var (config, layer, missing) in ((Content, Content, Content)[])[(here, elsewhere, elsewhere), (unknown, here, unknown)])
        {
            var manifest = Manifest.OfImage(config, [layer]);
            var refused = (await repository.TryPushManifestAsync(manifest, "v1", Manifest.Image)).MustBe(
                HttpStatusCode.NotFound, "MANIFEST_BLOB_UNKNOWN");
            Assert.Equal(missing.Digest, refused.Json.GetProperty("errors")[0].GetProperty("detail").GetProperty("digest").GetString());
            (await repository.GetAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        }

        (await repository.GetAsync("manifests/v1")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
    }

    [Fact]
    public async Task A_refused_push_does_not_make_a_repository()
    {
        var repository = registry.New();
        (await repository.TryPushManifestAsync(Manifest.OfImage(Content.Random(), []), "v1", Manifest.Image)).MustBe(
            HttpStatusCode.NotFound, "MANIFEST_BLOB_UNKNOWN");
        (await repository.GetAsync("tags/list")).MustBe(HttpStatusCode.NotFound, "NAME_UNKNOWN");
    }

    [Fact]
    public async Task The_child_of_an_index_may_be_a_manifest_or_a_blob_but_must_be_here()
    {
        var repository = registry.New();
        var (image, cache) = (await repository.PushImageAsync(), await repository.PushBlobAsync());
        await repository.PushManifestAsync(Manifest.OfIndex([image.Descriptor(Manifest.Image), cache.Descriptor(Manifest.Layer)]), "v1");
        var foreign = await registry.New().PushImageAsync();
        (await repository.TryPushManifestAsync(Manifest.OfIndex([foreign.Descriptor(Manifest.Image)]), "v2")).MustBe(
            HttpStatusCode.NotFound, "MANIFEST_BLOB_UNKNOWN");
    }

    [Fact]
    public async Task A_layer_that_stays_with_its_vendor_need_not_be_here()
    {
        var repository = registry.New();
        var (config, layer) = (await repository.PushBlobAsync(), Content.Random());
        var manifest = Content.Text(
            $$"""{"schemaVersion":2,"config":{{config.Descriptor(Manifest.Config)}},"layers":[{{layer.Descriptor("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip")}}]}""");
        await repository.PushManifestAsync(manifest, "v1", Manifest.DockerImage);
    }

    [Fact]
    public async Task A_subject_need_not_be_here_and_is_confirmed()
    {
        var repository = registry.New();
        var subject = Content.Random().Digest;
        var answer = (await repository.TryPushManifestAsync(Manifest.OfReferrer(subject), "v1")).MustBe(HttpStatusCode.Created);
        Assert.Equal(subject, answer["OCI-Subject"]);
        Assert.Equal("", (await repository.TryPushManifestAsync(Manifest.Empty(), "v2"))["OCI-Subject"]);
    }

    [Fact]
    public async Task A_push_by_digest_may_set_several_tags()
    {
        var repository = registry.New();
        var manifest = Manifest.Empty();
        var answer = (await repository.TryPushManifestAsync(manifest, $"{manifest.Digest}?tag=v1&tag=v1.0&tag=latest&tag=v1")).MustBe(
            HttpStatusCode.Created);
        Assert.Equal(["v1", "v1.0", "latest"], answer.Headers["OCI-Tag"]);
        foreach (var tag in (string[])["v1", "v1.0", "latest"])
        {
            Assert.Equal(manifest.Digest, (await repository.HeadAsync($"manifests/{tag}"))["Docker-Content-Digest"]);
        }
    }

    [Theory]
    [InlineData("?tag=ok&tag=-bad")]
    [InlineData("?tag=")]
    [InlineData("?tag=a%0d%0aX-Evil:%20y")]
    [InlineData("?tag=a%2Fb")]
    public async Task A_push_with_one_bad_tag_sets_none(string query)
    {
        var repository = registry.New();
        var manifest = Manifest.Empty();
        (await repository.TryPushManifestAsync(manifest, manifest.Digest + query)).MustBe(HttpStatusCode.BadRequest, "TAG_INVALID");
        (await repository.HeadAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.NotFound);
        (await repository.HeadAsync("manifests/ok")).MustBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task The_digest_in_the_path_or_the_query_must_be_that_of_the_bytes()
    {
        var repository = registry.New();
        var (manifest, other) = (Manifest.Empty(), Manifest.Empty());
        (await repository.TryPushManifestAsync(manifest, other.Digest)).MustBe(HttpStatusCode.BadRequest, "DIGEST_INVALID");
        (await repository.TryPushManifestAsync(manifest, $"v1?digest={other.Digest}")).MustBe(HttpStatusCode.BadRequest, "DIGEST_INVALID");
        (await repository.TryPushManifestAsync(manifest, "v1?digest=sha256:x")).MustBe(HttpStatusCode.BadRequest, "DIGEST_INVALID");
        (await repository.TryPushManifestAsync(manifest, $"v1?digest={manifest.Digest}")).MustBe(HttpStatusCode.Created);
        (await repository.HeadAsync($"manifests/{other.Digest}")).MustBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_manifest_may_be_named_by_sha512()
    {
        var repository = registry.New();
        var (one, two) = (Manifest.Empty(), Manifest.Empty());
        Assert.Equal(
            one.Digest512,
            (await repository.TryPushManifestAsync(one, one.Digest512)).MustBe(HttpStatusCode.Created)["Docker-Content-Digest"]);
        Assert.Equal(
            two.Digest512,
            (await repository.TryPushManifestAsync(two, $"v1?digest={two.Digest512}")).MustBe(
                HttpStatusCode.Created)["Docker-Content-Digest"]);
        Assert.Equal(one.Bytes, (await repository.GetAsync($"manifests/{one.Digest512}")).Body);
        Assert.Equal(two.Digest512, (await repository.HeadAsync("manifests/v1"))["Docker-Content-Digest"]);
        (await repository.TryPushManifestAsync(one, two.Digest512)).MustBe(HttpStatusCode.BadRequest, "DIGEST_INVALID");
    }

    [Fact]
    public async Task A_manifest_of_4_MiB_is_taken_and_one_byte_more_is_not()
    {
        var repository = registry.New();
        foreach (var isChunked in (bool[])[false, true])
        {
            var (fits, tooLarge) = (OfSize(Limit), OfSize(Limit + 1));
            (await PutAsync(repository, fits, isChunked)).MustBe(HttpStatusCode.Created);
            Assert.Equal(fits.Bytes, (await repository.GetAsync("manifests/large")).Body);
            Assert.Contains(
                "4194304", (await PutAsync(repository, tooLarge, isChunked)).MustBe(
                    HttpStatusCode.RequestEntityTooLarge, "MANIFEST_INVALID").ErrorMessage, StringComparison.Ordinal);
            (await repository.HeadAsync($"manifests/{tooLarge.Digest}")).MustBe(HttpStatusCode.NotFound);
        }
    }

    [Fact]
    public async Task After_a_manifest_that_is_too_large_the_connection_goes_on()
    {
        var repository = registry.New();
        var token = registry.Host.Tokens.Make("alice", $"repository:{repository.Name}:push");
        using var connection = await RawConnection.OpenAsync(registry.Host.Client);
        await connection.WriteAsync(
            $"PUT {repository.PathOf("manifests/v1")} HTTP/1.1\r\nHost: registry\r\nContent-Type: {Manifest.Index}\r\nAuthorization: "
            + $"Bearer {token}\r\nTransfer-Encoding: chunked\r\n\r\n");
        await connection.WriteAsync($"{Limit + 1:x}\r\n");
        await connection.WriteAsync(new byte[Limit + 1]);
        await connection.WriteAsync("\r\n0\r\n\r\n");
        (await connection.ReadAnswerAsync()).MustBe(HttpStatusCode.RequestEntityTooLarge, "MANIFEST_INVALID");
        await connection.WriteAsync($"GET /v2/ HTTP/1.1\r\nHost: registry\r\nAuthorization: Bearer {token}\r\n\r\n");
        (await connection.ReadAnswerAsync()).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task A_manifest_that_says_it_has_a_gibibyte_is_refused_before_it_comes()
    {
        var repository = registry.New();
        var token = registry.Host.Tokens.Make("alice", $"repository:{repository.Name}:push");
        using var connection = await RawConnection.OpenAsync(registry.Host.Client);
        await connection.WriteAsync(
            $"PUT {repository.PathOf("manifests/v1")} HTTP/1.1\r\nHost: registry\r\nExpect: 100-continue\r\nConnection: "
            + $"close\r\nContent-Type: {Manifest.Index}\r\nAuthorization: Bearer {token}\r\nContent-Length: 1073741824\r\n\r\n");
        (await connection.ReadAnswerAsync()).MustBe(HttpStatusCode.RequestEntityTooLarge, "MANIFEST_INVALID");
    }

    [Theory]
    [InlineData("text/plain", """{"schemaVersion":2,"manifests":[]}""")]
    [InlineData(null, """{"schemaVersion":2,"manifests":[]}""")]
    [InlineData(Manifest.Image, """{"schemaVersion":2,"manifests":[]}""")]
    [InlineData(Manifest.Index, """{"schemaVersion":2,"manifests":[]""")]
    [InlineData(Manifest.Index, "")]
    [InlineData(Manifest.Index, """{"schemaVersion":2,"manifests":[],"layers":[]}""")]
    [InlineData(
        Manifest.Index, """{"schemaVersion":2,"mediaType":"application/vnd.docker.distribution.manifest.list.v2+json","manifests":[]}""")]
    [InlineData(Manifest.Index, """{"schemaVersion":2,"manifests":[],"manifests":[]}""")]
    [InlineData(Manifest.Index, """{"schemaVersion":2,"manifests":[],"mediaType":"\ud800"}""")]
    public async Task What_is_no_manifest_is_refused(string? type, string json) =>
        (await registry.New().TryPushManifestAsync(Content.Text(json), "v1", type)).MustBe(HttpStatusCode.BadRequest, "MANIFEST_INVALID");

    [Fact]
    public async Task An_index_of_a_million_entries_or_of_deep_nesting_is_refused()
    {
        var repository = registry.New();
        var wide = Content.Text($$"""{"schemaVersion":2,"manifests":[{{string.Join(',', Enumerable.Repeat("{}", 1_000_000))}}]}""");
        var deep = Content.Text(
            $$"""{"schemaVersion":2,"manifests":[],"x":{{new string('[', 1_000_000)}}{{new string(']', 1_000_000)}}}""");
        foreach (var manifest in (Content[])[wide, deep])
        {
            (await repository.TryPushManifestAsync(manifest, "v1")).MustBe(HttpStatusCode.BadRequest, "MANIFEST_INVALID");
        }
    }

    [Theory]
    [InlineData("-bad")]
    [InlineData(".bad")]
    [InlineData("a+b")]
    [InlineData("abc:de")]
    [InlineData("a:cdef")]
    [InlineData("sha256:abc")]
    [InlineData("a%2Fb")]
    [InlineData(
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")]
    public async Task What_is_neither_tag_nor_digest_names_no_manifest_and_is_refused_as_the_name_of_a_new_one(string reference)
    {
        var repository = registry.New();
        (await repository.GetAsync($"manifests/{reference}")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await repository.HeadAsync($"manifests/{reference}")).MustBe(HttpStatusCode.NotFound);
        (await repository.TryPushManifestAsync(Manifest.Empty(), reference)).MustBe(HttpStatusCode.BadRequest, "TAG_INVALID");
        (await repository.DeleteAsync($"manifests/{reference}")).MustBe(HttpStatusCode.BadRequest, "TAG_INVALID");
    }

    [Fact]
    public async Task A_missing_manifest_is_unknown_as_podman_expects_of_a_missing_signature()
    {
        var repository = registry.New();
        (await repository.GetAsync("manifests/sha256-0123.sig")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await repository.HeadAsync("manifests/v1")).MustBe(HttpStatusCode.NotFound);
    }

    [Fact]
    public async Task A_manifest_of_another_repository_is_not_here()
    {
        var (owner, other) = (registry.New(), registry.New());
        var manifest = await owner.PushManifestAsync(Manifest.Empty(), "v1");
        await other.PushManifestAsync(Manifest.Empty(), "v2");
        (await other.GetAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await other.GetAsync("manifests/v1")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await other.DeleteAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");

        await other.PushManifestAsync(manifest, "v1");
        (await other.DeleteAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.Accepted);
        Assert.Equal(manifest.Bytes, (await owner.GetAsync("manifests/v1")).Body);
    }

    [Fact]
    public async Task Deleting_a_tag_leaves_the_manifest_and_its_other_tags()
    {
        var repository = registry.New();
        var manifest = Manifest.Empty();
        await repository.TryPushManifestAsync(manifest, $"{manifest.Digest}?tag=a&tag=b");
        (await repository.DeleteAsync("manifests/a")).MustBe(HttpStatusCode.Accepted);
        (await repository.GetAsync("manifests/a")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await repository.DeleteAsync("manifests/a")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        (await repository.GetAsync("manifests/b")).MustBe(HttpStatusCode.OK);
        (await repository.GetAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.OK);
    }

    [Fact]
    public async Task Deleting_a_manifest_takes_every_tag_that_points_at_it_and_no_other()
    {
        var repository = registry.New();
        var (manifest, other) = (Manifest.Empty(), Manifest.Empty());
        await repository.TryPushManifestAsync(manifest, $"{manifest.Digest}?tag=a&tag=b");
        await repository.PushManifestAsync(other, "c");
        (await repository.DeleteAsync($"manifests/{manifest.Digest}")).MustBe(HttpStatusCode.Accepted);
        foreach (var reference in (string[])["a", "b", manifest.Digest])
        {
            (await repository.GetAsync($"manifests/{reference}")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        }

        Assert.Equal(["c"], (await repository.GetAsync("tags/list")).Json.GetProperty("tags").EnumerateArray().Select(t => t.GetString()));
        (await repository.GetAsync("manifests/c")).MustBe(HttpStatusCode.OK);
        await repository.PushManifestAsync(manifest, "a");
    }

    [Fact]
    public async Task A_copy_that_the_client_has_is_not_sent_again_until_the_tag_moves()
    {
        var repository = registry.New();
        var manifest = await repository.PushManifestAsync(Manifest.Empty(), "v1");
        var unchanged = (await repository.GetAsync("manifests/v1", ("If-None-Match", $"\"{manifest.Digest}\""))).MustBe(
            HttpStatusCode.NotModified);
        Assert.Empty(unchanged.Body);
        Assert.Equal(manifest.Digest, unchanged["Docker-Content-Digest"]);
        var next = await repository.PushManifestAsync(Manifest.Empty(), "v1");
        Assert.Equal(
            next.Bytes, (await repository.GetAsync("manifests/v1", ("If-None-Match", $"\"{manifest.Digest}\""))).MustBe(
                HttpStatusCode.OK).Body);
    }

    [Fact]
    public async Task If_None_Match_star_makes_a_tag_that_nobody_can_overwrite()
    {
        var repository = registry.New();
        var first = Manifest.Empty();
        (await repository.TryPushManifestAsync(first, "v1", Manifest.Index, ("If-None-Match", "*"))).MustBe(HttpStatusCode.Created);
        (await repository.TryPushManifestAsync(Manifest.Empty(), "v1", Manifest.Index, ("If-None-Match", "*"))).MustBe(
            HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        Assert.Equal(first.Bytes, (await repository.GetAsync("manifests/v1")).Body);
    }

    [Fact]
    public async Task If_Match_moves_and_deletes_a_tag_only_from_where_it_was_seen()
    {
        var repository = registry.New();
        var (one, two, three) = (Manifest.Empty(), Manifest.Empty(), Manifest.Empty());
        (await repository.TryPushManifestAsync(one, "v1", Manifest.Index, ("If-Match", $"\"{one.Digest}\""))).MustBe(
            HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        await repository.PushManifestAsync(one, "v1");
        (await repository.TryPushManifestAsync(two, "v1", Manifest.Index, ("If-Match", $"\"{one.Digest}\""))).MustBe(
            HttpStatusCode.Created);
        (await repository.TryPushManifestAsync(three, "v1", Manifest.Index, ("If-Match", $"\"{one.Digest}\""))).MustBe(
            HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        (await repository.HeadAsync($"manifests/{three.Digest}")).MustBe(HttpStatusCode.NotFound);
        (await repository.DeleteAsync("manifests/v1", ("If-Match", $"\"{one.Digest}\""))).MustBe(
            HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        Assert.Equal(two.Bytes, (await repository.GetAsync("manifests/v1")).Body);
        (await repository.DeleteAsync("manifests/v1", ("If-Match", $"\"{two.Digest}\""))).MustBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task A_manifest_that_is_to_have_no_tags_is_deleted_only_when_it_has_none()
    {
        var repository = registry.New();
        var manifest = Manifest.Empty();
        await repository.PushManifestAsync(manifest, "v1");
        var kept = (await repository.DeleteAsync($"manifests/{manifest.Digest}?untagged=true")).MustBe(HttpStatusCode.Conflict, "DENIED");
        Assert.Contains(
            $"tags point at {manifest.Digest}: v1; delete them first", System.Text.Encoding.UTF8.GetString(kept.Body),
            StringComparison.Ordinal);
        Assert.Equal(manifest.Bytes, (await repository.GetAsync("manifests/v1")).Body);
        (await repository.DeleteAsync("manifests/v1?untagged=true")).MustBe(HttpStatusCode.BadRequest, "UNSUPPORTED");
        (await repository.DeleteAsync($"manifests/{manifest.Digest}?untagged=1")).MustBe(HttpStatusCode.BadRequest, "UNSUPPORTED");
        (await repository.DeleteAsync("manifests/v1")).MustBe(HttpStatusCode.Accepted);
        (await repository.DeleteAsync($"manifests/{manifest.Digest}?untagged=true")).MustBe(HttpStatusCode.Accepted);
    }

    [Fact]
    public async Task A_condition_holds_for_each_of_several_tags_or_none_moves()
    {
        var repository = registry.New();
        var (one, two) = (Manifest.Empty(), Manifest.Empty());
        await repository.PushManifestAsync(one, "taken");
        (await repository.TryPushManifestAsync(two, $"{two.Digest}?tag=free&tag=taken", Manifest.Index, ("If-None-Match", "*"))).MustBe(
            HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED");
        (await repository.HeadAsync("manifests/free")).MustBe(HttpStatusCode.NotFound);
        Assert.Equal(one.Bytes, (await repository.GetAsync("manifests/taken")).Body);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_many_who_compare_and_swap_at_once_exactly_one_wins(bool isNew)
    {
        var repository = registry.New();
        var condition = isNew
            ? ("If-None-Match", "*")
            : ("If-Match", $"\"{(await repository.PushManifestAsync(Manifest.Empty(), "v1")).Digest}\"");
        var contenders = Enumerable.Range(0, 16).Select(_ => Manifest.Empty()).ToList();
        var answers = await Task.WhenAll(contenders.Select(m => repository.TryPushManifestAsync(m, "v1", Manifest.Index, condition)));
        var winner = Assert.Single(answers, a => a.Status == HttpStatusCode.Created);
        Assert.All(answers.Where(a => a != winner), a => a.MustBe(HttpStatusCode.PreconditionFailed, "PRECONDITION_FAILED"));
        Assert.Equal(winner["Docker-Content-Digest"], (await repository.HeadAsync("manifests/v1"))["Docker-Content-Digest"]);
    }

    [Fact]
    public async Task Of_clients_who_move_a_tag_at_once_the_last_wins_and_its_history_has_no_gap()
    {
        var repository = registry.New();
        var manifests = Enumerable.Range(0, 16).Select(_ => Manifest.Empty()).ToList();
        await Task.WhenAll(manifests.Select(m => repository.PushManifestAsync(m, "latest")));

        var history = await registry.Host.Services.GetRequiredService<ITagStore>()
            .HistoryAsync(RepositoryName.TryParse(repository.Name, out var name) ? name : default, "latest");
        Assert.Equal(
            manifests.Select(m => m.Digest).Order(StringComparer.Ordinal), history.Select(h => h.NewDigest).Order(StringComparer.Ordinal));
        Assert.Equal(history.Skip(1).Select(h => h.NewDigest).Append(null), history.Select(h => h.OldDigest));
        Assert.Equal(history[0].NewDigest, (await repository.GetAsync("manifests/latest"))["Docker-Content-Digest"]);
    }

    [Fact]
    public async Task Readers_of_a_tag_that_many_move_see_one_whole_manifest_and_never_none()
    {
        var repository = registry.New();
        var manifests = Enumerable.Range(0, 8).Select(_ => Manifest.Empty()).ToDictionary(m => m.Digest);
        await repository.PushManifestAsync(manifests.Values.First(), "v1");
        using var done = new CancellationTokenSource();
        var readers = Enumerable.Range(0, 4).Select(async _ =>
        {
            var reads = 0;
            for (; !done.IsCancellationRequested; reads++)
            {
                var got = (await repository.GetAsync("manifests/v1")).MustBe(HttpStatusCode.OK);
                Assert.Equal(manifests[got["Docker-Content-Digest"]].Bytes, got.Body);
            }

            return reads;
        }).ToList();
        await Task.WhenAll(manifests.Values.Chunk(2).Select(async own =>
        {
            for (var i = 0; i < 15; i++)
            {
                await repository.PushManifestAsync(own[i % 2], "v1");
                if (i % 5 == 4) await repository.TryPushManifestAsync(own[(i + 1) % 2], $"{own[(i + 1) % 2].Digest}?tag=v1");
            }
        }));
        await done.CancelAsync();
        Assert.All(await Task.WhenAll(readers), reads => Assert.NotEqual(0, reads));
    }

    [Fact]
    public async Task After_an_answer_every_reader_sees_what_was_answered()
    {
        var repository = registry.New();
        for (var i = 0; i < 30; i++)
        {
            var manifest = await repository.PushManifestAsync(Manifest.Empty(), "v1");
            var seen = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => repository.HeadAsync("manifests/v1")));
            Assert.All(seen, answer => Assert.Equal(manifest.Digest, answer["Docker-Content-Digest"]));
        }
    }

    private static Content OfSize(int size)
    {
        var start =
            $$"""{"schemaVersion":2,"manifests":[],"annotations":{"unique":"{{System.Security.Cryptography.RandomNumberGenerator.GetHexString(32)}}","x":" """;
        return Content.Text(start + new string('x', size - start.Length - 3) + "\"}}");
    }

    private static Task<Answer> PutAsync(Repository repository, Content manifest, bool isChunked)
    {
        var content = new ByteArrayContent(manifest.Bytes);
        return repository.SendAsync(
            HttpMethod.Put, "manifests/large", content,
            [("Content-Type", Manifest.Index), .. isChunked ? [("Transfer-Encoding", "chunked")] : ((string, string)[])[]]);
    }
}
