using System.Net;
using System.Text;
using AuthIndex.TestKit;

namespace AuthIndex.RegistryCore.Tests;

/// <summary>What every answer has in common: its headers, its error form, and that no header of a client can bend it.</summary>
public sealed class V2EndpointTests(SharedRegistry registry) : IClassFixture<SharedRegistry>
{
    private static readonly string[] Poison = [
        "Host: evil.example", "X-Forwarded-Host: evil.example", "X-Forwarded-Proto: gopher", "X-Forwarded-Prefix: /evil",
            "X-Original-URL: /evil", "Forwarded: host=evil.example;proto=gopher"];

    [Fact]
    public async Task A_poisoned_host_reaches_neither_realm_nor_location()
    {
        await using var host = await RegistryHost.StartAsync(o => o.TrustedProxies.Add(IPNetwork.Parse("127.0.0.0/8")));
        var token = host.Tokens.Make("alice", "repository:some/repo:pull,push");
        var challenged = await PoisonedAsync(host, "GET /v2/");
        var started = await PoisonedAsync(host, "POST /v2/some/repo/blobs/uploads/", $"Authorization: Bearer {token}", "Content-Length: 0");
        Assert.StartsWith(
            "Bearer realm=\"http://127.0.0.1:5001/token\",",
            challenged.MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED")["WWW-Authenticate"], StringComparison.Ordinal);
        Assert.StartsWith("/v2/some/repo/blobs/uploads/", started.MustBe(HttpStatusCode.Accepted)["Location"], StringComparison.Ordinal);
        foreach (var answer in (Answer[])[challenged, started])
        {
            Assert.DoesNotContain(
                "evil", string.Join('\n', answer.Headers.SelectMany(h => h.Value)) + Encoding.UTF8.GetString(answer.Body),
                StringComparison.Ordinal);
        }
    }

    [Fact]
    public async Task Behind_a_public_URL_every_location_and_link_begins_with_it()
    {
        const string url = "https://hub.example/registry";
        await using var host = await RegistryHost.StartAsync(o => o.PublicUrl = new Uri(url + "/"));
        var repository = new Repository(host, "some/repo", "alice", "pull,push,delete", "registry:catalog:*");
        var blob = Content.Random();
        Assert.StartsWith(
            $"{url}/v2/some/repo/blobs/uploads/", (await repository.PostAsync("blobs/uploads/"))["Location"], StringComparison.Ordinal);
        Assert.Equal(
            $"{url}/v2/some/repo/blobs/{blob.Digest}",
            (await repository.PostAsync($"blobs/uploads/?digest={blob.Digest}", blob.Bytes))["Location"]);
        var manifest = Manifest.Empty();
        Assert.Equal(
            $"{url}/v2/some/repo/manifests/{manifest.Digest}",
            (await repository.TryPushManifestAsync(manifest, $"{manifest.Digest}?tag=a&tag=b"))["Location"]);
        await new Repository(host, "some/second").PushManifestAsync(Manifest.Empty());
        Assert.Equal($"{url}/v2/some/repo/tags/list?n=1&last=a", Links.Next(await repository.GetAsync("tags/list?n=1")));
        Assert.Equal($"{url}/v2/_catalog?n=1&last=some%2Frepo", Links.Next(await repository.GetAsync("/v2/_catalog?n=1")));
    }

    [Fact]
    public async Task The_realm_and_the_service_are_those_of_the_configuration()
    {
        await using var host = await RegistryHost.StartAsync(o =>
        {
            o.TokenServer.Realm = new Uri("https://index.example/auth/token?x=y");
            o.Service = "hub.example";
        });
        using var response = await host.Client.GetAsync("/v2/", TestContext.Current.CancellationToken);
        Assert.Equal(
            "Bearer realm=\"https://index.example/auth/token?x=y\",service=\"hub.example\"",
            (await Answer.ReadAsync(response))["WWW-Authenticate"]);
    }

    [Fact]
    public async Task The_root_answers_a_good_token_and_challenges_none()
    {
        using var client = registry.Host.As();
        foreach (var path in (string[])["/v2/", "/v2"])
        {
            using var good = await client.GetAsync(path, TestContext.Current.CancellationToken);
            Assert.Equal("{}", Encoding.UTF8.GetString((await Answer.ReadAsync(good)).MustBe(HttpStatusCode.OK).Body));
            using var none = await registry.Host.Client.GetAsync(path, TestContext.Current.CancellationToken);
            Assert.DoesNotContain(
                "scope=", (await Answer.ReadAsync(none)).MustBe(HttpStatusCode.Unauthorized, "UNAUTHORIZED")["WWW-Authenticate"],
                StringComparison.Ordinal);
        }
    }

    [Theory]
    [InlineData("manifests/v1")]
    [InlineData("manifests/-")]
    [InlineData("blobs/sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")]
    [InlineData("/nowhere")]
    public async Task A_HEAD_that_fails_has_the_headers_of_the_error_and_no_body(string tail)
    {
        var repository = registry.New();
        var (get, head) = (await repository.GetAsync(tail), await repository.HeadAsync(tail));
        Assert.Equal((get.Status, get["Content-Length"], get["Content-Type"]), (head.Status, head["Content-Length"], head["Content-Type"]));
        Assert.NotEmpty(get.Body);
        Assert.Empty(head.Body);
    }

    [Theory]
    [InlineData("manifests/%22%3Cscript%3E")]
    [InlineData("blobs/%00%01%02")]
    [InlineData("tags/list?n=%0d%0aX-Evil:%20y")]
    [InlineData("tags/list?n=%ed%a0%80")]
    public async Task What_a_client_wrote_is_shown_in_an_error_without_harm(string tail)
    {
        var answer = await registry.New().GetAsync(tail);
        Assert.True(answer.Status is HttpStatusCode.BadRequest or HttpStatusCode.NotFound);
        Assert.Equal("", answer["X-Evil"]);
        Assert.DoesNotContain(answer.Body, b => b < ' ');
    }

    [Fact]
    public async Task A_long_text_is_shown_in_part()
    {
        var answer = (await registry.New().GetAsync($"manifests/{new string('x', 4000)}")).MustBe(
            HttpStatusCode.NotFound, "MANIFEST_UNKNOWN");
        Assert.True(answer.Body.Length < 1000);
    }

    [Fact]
    public async Task A_refused_upload_is_told_why_though_its_body_was_on_the_way()
    {
        var repository = registry.New().As("alice", "pull");
        var answer = await repository.SendAsync(
            HttpMethod.Post, $"blobs/uploads/?digest={Content.Random().Digest}", new ByteArrayContent(new byte[500_000]));
        answer.MustBe(HttpStatusCode.Unauthorized, "DENIED");
    }

    private static async Task<Answer> PoisonedAsync(RegistryHost host, string requestLine, params string[] headers)
    {
        using var connection = await RawConnection.OpenAsync(host.Client);
        await connection.WriteAsync(
            $"{requestLine} HTTP/1.1\r\nConnection: close\r\n{string.Concat(Poison.Concat(headers).Select(h => h + "\r\n"))}\r\n");
        return await connection.ReadAnswerAsync();
    }
}
