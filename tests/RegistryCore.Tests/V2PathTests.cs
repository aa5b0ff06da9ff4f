using System.Net;
using System.Text;
using AuthIndex.RegistryCore.Blobs;
using AuthIndex.RegistryCore.Catalog;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Tags;
using AuthIndex.RegistryCore.Uploads;
using AuthIndex.RegistryCore.Upstreams;

namespace AuthIndex.RegistryCore.Tests;

public sealed class V2PathTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    private const string Digest = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private static readonly V2Path Paths = new(new V2Routes(
        new CatalogEndpoint(null!, null!, null!),
        new SearchEndpoint(null!),
        new TagsEndpoint(null!, null!),
        new TagHistoryEndpoint(null!),
        new ManifestEndpoint(null!, null!, null!, null!, null!, null!, null!, null!, null!),
        new SizesEndpoint(null!),
        new ReferrersEndpoint(null!, null!, null!),
        new BlobEndpoint(null!, null!, null!, null!),
        new UploadEndpoint(null!, null!, null!, null!, null!, null!),
        new UpstreamEndpoint(null!, null!, null!, null!, null!, null!, null!),
        new UpstreamListsEndpoint(null!, null!, null!, null!, null!),
        new UpstreamReportEndpoint(null!, TimeProvider.System)));

    [Theory]
    [InlineData("GET", "/v2", "", "", "")]
    [InlineData("GET", "/v2/", "", "", "")]
    [InlineData("HEAD", "/v2/", "", "", "")]
    [InlineData("GET", "/v2/_catalog", "_catalog", "", "")]
    [InlineData("GET", "/v2/_authindex/upstreams", "_authindex/upstreams", "", "")]
    [InlineData("GET", "/v2/a/tags/list", "tags/list", "a", "")]
    [InlineData("GET", "/v2/a/b/c/manifests/v1", "manifests/{}", "a/b/c", "v1")]
    [InlineData("PUT", $"/v2/a/manifests/{Digest}", "manifests/{}", "a", Digest)]
    [InlineData("GET", "/v2/a/blobs/sha256%3Aabc", "blobs/{}", "a", "sha256:abc")]
    [InlineData("GET", "/v2/a/blobs/sha256%3aabc", "blobs/{}", "a", "sha256:abc")]
    [InlineData("POST", "/v2/a/blobs/uploads", "blobs/uploads", "a", "")]
    [InlineData("POST", "/v2/a/blobs/uploads/", "blobs/uploads/", "a", "")]
    [InlineData("PATCH", "/v2/a/blobs/uploads/id", "blobs/uploads/{}", "a", "id")]
    [InlineData("GET", $"/v2/a/referrers/{Digest}", "referrers/{}", "a", Digest)]
    public void A_request_finds_its_row(string method, string path, string tail, string repository, string argument)
    {
        Paths.TryFind(method, path, out var match, out var error);
        Assert.Null(error);
        Assert.Equal((tail, repository, argument), (match!.Route.Tail, match.Repository.Value, match.Argument));
        Assert.Contains(method, match.Route.Methods);
    }

    [Theory]
    [InlineData("GET", "/v2/blobs/manifests/v1", "manifests/{}", "blobs", "v1")]
    [InlineData("GET", "/v2/manifests/manifests/manifests", "manifests/{}", "manifests", "manifests")]
    [InlineData("GET", "/v2/tags/list/tags/list", "tags/list", "tags/list", "")]
    [InlineData("GET", "/v2/tags/tags/list", "tags/list", "tags", "")]
    [InlineData("GET", "/v2/a/tags/manifests/list", "manifests/{}", "a/tags", "list")]
    [InlineData("GET", "/v2/a/manifests/tags/list", "tags/list", "a/manifests", "")]
    [InlineData("GET", "/v2/a/blobs/uploads/manifests/v1", "manifests/{}", "a/blobs/uploads", "v1")]
    [InlineData("GET", "/v2/a/blobs/uploads/tags/list", "tags/list", "a/blobs/uploads", "")]
    [InlineData("POST", "/v2/blobs/uploads/blobs/uploads/", "blobs/uploads/", "blobs/uploads", "")]
    [InlineData("PATCH", "/v2/a/blobs/blobs/uploads/id", "blobs/uploads/{}", "a/blobs", "id")]
    [InlineData("PATCH", "/v2/uploads/blobs/uploads/uploads", "blobs/uploads/{}", "uploads", "uploads")]
    [InlineData("GET", "/v2/v2/manifests/v2", "manifests/{}", "v2", "v2")]
    [InlineData("GET", "/v2/referrers/referrers/x", "referrers/{}", "referrers", "x")]
    public void A_repository_may_be_called_like_a_part_of_the_protocol(
        string method, string path, string tail, string repository, string argument) =>
        A_request_finds_its_row(method, path, tail, repository, argument);

    [Theory]
    [InlineData("/v2/A/tags/list")]
    [InlineData("/v2//tags/list")]
    [InlineData("/v2/a//b/tags/list")]
    [InlineData("/v2//a/tags/list")]
    [InlineData("/v2/a//tags/list")]
    [InlineData("/v2/../tags/list")]
    [InlineData("/v2/a/../b/manifests/v1")]
    [InlineData("/v2/a/./b/manifests/v1")]
    [InlineData("/v2/%2e%2e/tags/list")]
    [InlineData("/v2/a/%2E%2E/b/manifests/v1")]
    [InlineData("/v2/a%2Fb/tags/list")]
    [InlineData("/v2/a%2fb/tags/list")]
    [InlineData("/v2/a%5Cb/tags/list")]
    [InlineData("/v2/a%00/tags/list")]
    [InlineData("/v2/a%0d%0a/tags/list")]
    [InlineData("/v2/%61/tags/list")]
    [InlineData("/v2/host%3A5000/a/tags/list")]
    [InlineData("/v2/_catalog/tags/list")]
    [InlineData("/v2/a~b/tags/list")]
    public void A_path_with_what_is_no_name_is_told_so(string path)
    {
        Paths.TryFind("GET", path, out var match, out var error);
        Assert.Null(match);
        Assert.Equal((400, "NAME_INVALID"), (error!.Status, error.Code));
    }

    [Theory]
    [InlineData(255, true)]
    [InlineData(256, false)]
    [InlineData(5000, false)]
    public void A_name_of_more_than_255_characters_is_no_name(int length, bool accepted)
    {
        Paths.TryFind("GET", $"/v2/{new string('a', length)}/tags/list", out var match, out var error);
        Assert.Equal(accepted, match is not null);
        Assert.Equal(accepted ? null : "NAME_INVALID", error?.Code);
        Assert.True(error is null || error.Message.Length < 500);
    }

    [Theory]
    [InlineData("/")]
    [InlineData("")]
    [InlineData("/v1/")]
    [InlineData("/V2/")]
    [InlineData("/v2/a")]
    [InlineData("/v2/a/")]
    [InlineData("/v2/a/tags")]
    [InlineData("/v2/a/tags/list/")]
    [InlineData("/v2/a/manifests/")]
    [InlineData("/v2/a/manifests/v1/")]
    [InlineData("/v2/a/blobs/")]
    [InlineData("/v2/a/referrers/")]
    [InlineData("/v2/tags/list")]
    [InlineData("/v2/manifests/v1")]
    [InlineData("/v2/_catalog/")]
    [InlineData("/v2/a/_catalog")]
    [InlineData("/v2//")]
    [InlineData("//v2/")]
    [InlineData("/v2/a/TAGS/list")]
    [InlineData("/v2/a/manifests%2Fv1")]
    public void A_path_of_no_row_is_not_found(string path)
    {
        Paths.TryFind("GET", path, out var match, out var error);

        Assert.Null(match);
        Assert.Equal(404, error!.Status);
    }

    [Theory]
    [InlineData("POST", "/v2/", "GET, HEAD")]
    [InlineData("DELETE", "/v2/_catalog", "GET, HEAD")]
    [InlineData("PUT", "/v2/a/tags/list", "GET, HEAD")]
    [InlineData("PATCH", "/v2/a/manifests/v1", "GET, HEAD, PUT, DELETE")]
    [InlineData("PUT", "/v2/a/blobs/x", "GET, HEAD, DELETE")]
    [InlineData("GET", "/v2/a/blobs/uploads/", "POST")]
    [InlineData("GET", "/v2/a/blobs/uploads", "POST")]
    [InlineData("POST", "/v2/a/blobs/uploads/id", "GET, HEAD, PATCH, PUT, DELETE")]
    [InlineData("get", "/v2/", "GET, HEAD")]
    [InlineData("OPTIONS", "/v2/a/manifests/v1", "GET, HEAD, PUT, DELETE")]
    public void Another_method_is_told_which_are_allowed(string method, string path, string allow)
    {
        Paths.TryFind(method, path, out var match, out var error);
        Assert.Null(match);
        Assert.Equal(405, error!.Status);
        Assert.Equal(KeyValuePair.Create("Allow", allow), Assert.Single(error.Headers));
    }

    [Theory]
    [InlineData("/v2/public/%2e%2e/secret/manifests/v1")]
    [InlineData("/v2/public/../secret/manifests/v1")]
    [InlineData("/v2/public%2F..%2Fsecret/manifests/v1")]
    [InlineData("/v2//secret/manifests/v1")]
    [InlineData("/v2/SECRET/manifests/v1")]
    [InlineData("http://registry/v2/public/%2e%2e/secret/manifests/v1")]
    [InlineData("http://registry/v2/public/../secret/manifests/v1")]
    [InlineData("http://registry/v2/%73ecret/manifests/v1")]
    public async Task A_path_over_the_wire_means_what_its_bytes_say(string target)
    {
        var answer = await RawConnection.SendAsync(registry.Host.Client, $"GET {target}");
        answer.MustBe(HttpStatusCode.BadRequest, "NAME_INVALID");
    }

    [Fact]
    public async Task A_target_in_absolute_form_is_read_as_proxies_send_it()
    {
        var token = registry.Host.Tokens.Make("alice", "repository:some/repo:pull");
        (await RawConnection.SendAsync(registry.Host.Client, "GET http://registry/v2/?ns=x", $"Authorization: Bearer {token}")).MustBe(
            HttpStatusCode.OK);
        (await RawConnection.SendAsync(
            registry.Host.Client, "GET http://registry/v2/some/repo/manifests/v1?ns=x",
            $"Authorization: Bearer {token}")).MustBe(HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        Assert.StartsWith(
            "This is an AuthIndex registry.",
            Encoding.UTF8.GetString((await RawConnection.SendAsync(registry.Host.Client, "GET http://registry")).Body),
            StringComparison.Ordinal);
        (await RawConnection.SendAsync(registry.Host.Client, "GET http://registry/elsewhere")).MustBe(
            HttpStatusCode.NotFound, "UNSUPPORTED");
    }

    [Fact]
    public async Task A_405_over_the_wire_carries_Allow()
    {
        var answer = await RawConnection.SendAsync(registry.Host.Client, "PATCH /v2/some/repo/tags/list");
        Assert.Equal("GET, HEAD", answer.MustBe(HttpStatusCode.MethodNotAllowed, "UNSUPPORTED")["Allow"]);
    }
}
