using System.Net;
using System.Text;
using System.Text.Json;

namespace AuthIndex.RegistryCore.Tests.Manifests;

public sealed class ReferrersEndpointTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    [Fact]
    public async Task A_digest_or_a_repository_that_nobody_refers_to_has_an_empty_index()
    {
        var (never, used) = (registry.New(), registry.New());
        await used.PushManifestAsync(Manifest.Empty(), "v1");
        foreach (var repository in (Repository[])[never, used])
        {
            var answer = (await repository.GetAsync($"referrers/{Content.Random().Digest}")).MustBe(HttpStatusCode.OK);
            Assert.Equal(Manifest.Index, answer["Content-Type"]);
            Assert.Equal(
                (2, Manifest.Index, 0),
                (answer.Json.GetProperty("schemaVersion").GetInt32(), answer.Json.GetProperty("mediaType")
                    .GetString(), answer.Json.GetProperty("manifests").GetArrayLength()));
        }
    }

    [Fact]
    public async Task Referrers_are_listed_with_type_size_artifact_type_and_annotations()
    {
        var repository = registry.New();
        var subject = await repository.PushImageAsync();
        var signature = await repository.PushManifestAsync(Manifest.OfReferrer(subject.Digest));
        var entry = Assert.Single(await ListAsync(repository, subject.Digest));
        Assert.Equal(Manifest.Index, entry.GetProperty("mediaType").GetString());
        Assert.Equal(signature.Digest, entry.GetProperty("digest").GetString());
        Assert.Equal(signature.Size, entry.GetProperty("size").GetInt64());
        Assert.Equal("example/signature", entry.GetProperty("artifactType").GetString());
        Assert.Equal(
            JsonDocument.Parse(signature.Bytes).RootElement.GetProperty("annotations").ToString(),
            entry.GetProperty("annotations").ToString());
    }

    [Fact]
    public async Task Without_an_artifact_type_it_is_that_of_the_config()
    {
        var repository = registry.New();
        var (config, subject) = (await repository.PushBlobAsync(), Content.Random());
        await repository.PushManifestAsync(
            Manifest.OfImage(config, [], $$""","subject":{{subject.Descriptor(Manifest.Image)}}"""), "v1", Manifest.Image);
        var entry = Assert.Single(await ListAsync(repository, subject.Digest));
        Assert.Equal(Manifest.Config, entry.GetProperty("artifactType").GetString());
        Assert.False(entry.TryGetProperty("annotations", out _));
    }

    [Fact]
    public async Task Annotations_with_half_a_surrogate_pair_are_copied_as_they_are()
    {
        var repository = registry.New();
        var subject = Content.Random();
        await repository.PushManifestAsync(
            Manifest.OfIndex([], $$""","subject":{{subject.Descriptor(Manifest.Image)}},"annotations":{"a":"\ud800"}"""));
        Assert.Equal(
            """{"a":"\ud800"}""", Assert.Single(await ListAsync(repository, subject.Digest)).GetProperty("annotations").GetRawText());
    }

    [Fact]
    public async Task A_filter_by_artifact_type_is_applied_and_says_so()
    {
        var repository = registry.New();
        var subject = Content.Random().Digest;
        var bill = await repository.PushManifestAsync(Manifest.OfReferrer(subject, "example/sbom+json"));
        await repository.PushManifestAsync(Manifest.OfReferrer(subject));
        var filtered = await repository.GetAsync($"referrers/{subject}?artifactType=example%2Fsbom%2Bjson");
        Assert.Equal("artifactType", filtered["OCI-Filters-Applied"]);
        Assert.Equal([bill.Digest], Digests(filtered));
        Assert.Contains("\"example/sbom+json\"", Encoding.UTF8.GetString(filtered.Body), StringComparison.Ordinal); // readable: the plus is not escaped
        Assert.Empty(Digests(await repository.GetAsync($"referrers/{subject}?artifactType=example%2Fother")));
        var all = await repository.GetAsync($"referrers/{subject}?artifactType=");
        Assert.Equal((2, ""), (Digests(all).Count, all["OCI-Filters-Applied"]));
    }

    [Theory]
    [InlineData("")]
    [InlineData("&artifactType=example%2Fsignature")]
    public async Task Pages_follow_each_other_by_their_links_until_all_were_seen(string filter)
    {
        var repository = registry.New();
        var subject = Content.Random().Digest;
        var pushed = new List<string>();
        for (var i = 0; i < 5; i++) pushed.Add((await repository.PushManifestAsync(Manifest.OfReferrer(subject))).Digest);
        await repository.PushManifestAsync(Manifest.OfReferrer(subject, "example/zzz"));

        var seen = new List<string>();
        for (string? next = $"/v2/{repository.Name}/referrers/{subject}?n=2{filter}"; next is not null;)
        {
            var page = (await repository.GetAsync(next)).MustBe(HttpStatusCode.OK);
            Assert.InRange(Digests(page).Count, 1, 2);
            seen.AddRange(Digests(page));
            next = Links.Next(page);
        }

        Assert.Equal(seen.Order(StringComparer.Ordinal), seen);
        Assert.Equal(filter.Length == 0 ? 6 : 5, seen.Distinct().Count());
        Assert.Empty(pushed.Except(seen));
    }

    [Fact]
    public async Task A_page_ends_before_annotations_make_it_larger_than_a_manifest_may_be()
    {
        var repository = registry.New();
        var subject = Content.Random();
        for (var i = 0; i < 5; i++)
        {
            await repository.PushManifestAsync(
                Manifest.OfIndex(
                    [], $$""","subject":{{Content.Descriptor(Manifest.Image, subject.Digest, 7)}},"annotations":{"n{{i}}":"{{new string('a', 1_500_000)}}"}"""));
        }

        var sizes = new List<int>();
        for (var next = $"referrers/{subject.Digest}"; next is not null;)
        {
            var page = (await repository.GetAsync(next)).MustBe(HttpStatusCode.OK);
            sizes.Add(page.Json.GetProperty("manifests").GetArrayLength());
            next = Links.Next(page);
        }

        Assert.Equal([2, 2, 1], sizes);
    }

    [Fact]
    public async Task What_older_clients_list_under_the_fallback_tag_is_folded_in_once()
    {
        var repository = registry.New();
        var subject = Content.Random().Digest;
        var known = await repository.PushManifestAsync(Manifest.OfReferrer(subject));
        var old = await repository.PushManifestAsync(Manifest.Empty());
        await repository.PushManifestAsync(
            Manifest.OfIndex([old.Descriptor(Manifest.Index), known.Descriptor(Manifest.Index)]), subject.Replace(':', '-'));
        Assert.Equal(
            new[] { known.Digest, old.Digest }.Order(StringComparer.Ordinal), Digests(await repository.GetAsync($"referrers/{subject}")));
    }

    [Fact]
    public async Task A_fallback_tag_that_is_no_index_is_passed_over()
    {
        var repository = registry.New();
        var subject = Content.Random().Digest;
        await repository.PushImageAsync(subject.Replace(':', '-'));
        Assert.Empty(await ListAsync(repository, subject));
    }

    [Fact]
    public async Task A_subject_may_be_named_by_sha512()
    {
        var repository = registry.New();
        var subject = Content.Random();
        var signature = await repository.PushManifestAsync(Manifest.OfReferrer(subject.Digest512));
        var fallback = await repository.PushManifestAsync(Manifest.Empty());
        await repository.PushManifestAsync(
            Manifest.OfIndex([fallback.Descriptor(Manifest.Index)]), subject.Digest512.Replace(':', '-')[..128]);
        Assert.Equal(
            new[] { signature.Digest, fallback.Digest }.Order(StringComparer.Ordinal),
            Digests(await repository.GetAsync($"referrers/{subject.Digest512}")));
        Assert.Empty(await ListAsync(repository, subject.Digest));
    }

    [Fact]
    public async Task A_referrer_of_another_repository_is_not_listed_and_a_deleted_one_no_more()
    {
        var (repository, other) = (registry.New(), registry.New());
        var subject = Content.Random().Digest;
        await other.PushManifestAsync(Manifest.OfReferrer(subject));
        Assert.Empty(await ListAsync(repository, subject));
        var own = await repository.PushManifestAsync(Manifest.OfReferrer(subject));
        Assert.Single(await ListAsync(repository, subject));
        (await repository.DeleteAsync($"manifests/{own.Digest}")).MustBe(HttpStatusCode.Accepted);
        Assert.Empty(await ListAsync(repository, subject));
        Assert.Single(await ListAsync(other, subject));
    }

    [Theory]
    [InlineData("latest", "", "DIGEST_INVALID")]
    [InlineData("sha256:abc", "", "DIGEST_INVALID")]
    [InlineData("sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef", "?n=x", "PAGINATION_NUMBER_INVALID")]
    public async Task What_is_no_digest_and_no_number_is_refused(string digest, string query, string code) =>
        (await registry.New().GetAsync($"referrers/{digest}{query}")).MustBe(HttpStatusCode.BadRequest, code);

    private static async Task<List<JsonElement>> ListAsync(Repository repository, string subject) =>
        [.. (await repository.GetAsync($"referrers/{subject}")).MustBe(HttpStatusCode.OK).Json.GetProperty("manifests").EnumerateArray()];

    private static List<string> Digests(Answer answer) =>
        [.. answer.Json.GetProperty("manifests").EnumerateArray().Select(m => m.GetProperty("digest").GetString()!)];
}
