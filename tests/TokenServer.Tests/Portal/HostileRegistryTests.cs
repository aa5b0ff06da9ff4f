using System.Buffers.Text;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Registries;
using AuthIndex.TokenServer.Tests.Index;
using Microsoft.AspNetCore.Http;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>The page of an image, of a registry that answers what it likes, or nothing.</summary>
public sealed class HostileRegistryTests
{
    private const string Manifest = "application/vnd.oci.image.manifest.v1+json";

    [Fact]
    public async Task The_registry_is_asked_with_a_short_token_for_the_pull_of_that_repository_alone()
    {
        await using var registry = await FakeRegistry.StartAsync(http => SendAsync(http, Manifest, "{}"));
        await using var host = await HostAsync(registry);
        using var browser = new Browser(host);
        await browser.SignInAsync("admin", TokenServerHost.AdminPassword); // who may do everything
        await browser.PageAsync("/images/public/app:v1");
        Assert.NotEmpty(registry.Authorizations);
        Assert.All(registry.Authorizations, authorization =>
        {
            var claims = JsonNode.Parse(Base64Url.DecodeFromChars(authorization["Bearer ".Length..].Split('.')[1]))!;
            Assert.Equal("""[{"type":"repository","name":"public/app","actions":["pull"]}]""", claims["access"]!.ToJsonString());
            Assert.Equal(("admin", "registry", true), ((string?)claims["sub"], (string?)claims["aud"], (bool?)claims["view"]));
            Assert.InRange((long)claims["exp"]! - (long)claims["iat"]!, 1, 60);
        });
    }

    [Fact]
    public async Task Of_a_hidden_repository_the_registry_is_not_asked()
    {
        await using var registry = await FakeRegistry.StartAsync(http => SendAsync(http, Manifest, "{}"));
        await using var host = await HostAsync(registry);
        using var browser = new Browser(host);
        await browser.PageAsync("/images/team/secret:v1", HttpStatusCode.NotFound);
        await browser.SignInAsync();
        await browser.PageAsync("/images/team/secret:v1", HttpStatusCode.NotFound);
        Assert.Empty(registry.Authorizations);
    }

    [Fact]
    public async Task A_redirect_is_not_followed()
    {
        await using var elsewhere = await FakeRegistry.StartAsync(http => SendAsync(http, Manifest, "{}"));
        foreach (var status in (int[])[301, 302, 303, 307, 308])
        {
            await using var registry = await FakeRegistry.StartAsync(http =>
            {
                http.Response.StatusCode = status;
                http.Response.Headers.Location = $"{elsewhere.Url}v2/public/app/manifests/v1";
                return Task.CompletedTask;
            });
            await using var host = await HostAsync(registry);
            using var browser = new Browser(host);
            Assert.Contains(
                "redirects elsewhere", await browser.PageAsync("/images/public/app:v1", HttpStatusCode.BadGateway), StringComparison.Ordinal);
        }

        Assert.Empty(elsewhere.Authorizations);
    }

    [Theory]
    [InlineData("text/html", "<script>alert(1)</script>", null)]
    [InlineData(Manifest, "{}", "sha256:0000000000000000000000000000000000000000000000000000000000000000")]
    public async Task Content_of_another_type_or_digest_is_not_shown(string type, string body, string? digest)
    {
        await using var registry = await FakeRegistry.StartAsync(http =>
        {
            if (digest is not null) http.Response.Headers["Docker-Content-Digest"] = digest;
            return SendAsync(http, type, body);
        });
        await using var host = await HostAsync(registry);
        using var browser = new Browser(host);
        var page = await browser.PageAsync("/images/public/app:v1", HttpStatusCode.BadGateway);
        Assert.Contains("did not answer as it should", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>alert", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_answer_without_end_is_not_read_to_its_end()
    {
        await using var registry = await FakeRegistry.StartAsync(async http =>
        {
            http.Response.ContentType = Manifest;
            var block = new byte[64 * 1024];
            for (var sent = 0; sent < 4 * RegistryClient.MaxAnswerBytes; sent += block.Length)
            {
                await http.Response.Body.WriteAsync(block, http.RequestAborted);
            }
        });
        await using var host = await HostAsync(registry);
        using var browser = new Browser(host);
        Assert.Contains(
            "cannot be reached", await browser.PageAsync("/images/public/app:v1", HttpStatusCode.ServiceUnavailable),
            StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("[]")]
    [InlineData("nonsense")]
    [InlineData("""{"layers":{},"config":[],"annotations":7}""")]
    [InlineData("""{"layers":[7,null,{"size":-1},{"size":1e400},{"digest":7}],"annotations":{"a":7,"b":null,"\ud800":"x"}}""")]
    [InlineData("""{"config":{"mediaType":"application/vnd.oci.image.config.v1+json","digest":"sha256:1","size":9}}""")]
    [InlineData("""{"layers":[{"size":9223372036854775807},{"size":9223372036854775807}]}""")]
    [InlineData("""{"layers":[],"layers":[]}""")]
    public async Task Nonsense_in_a_manifest_breaks_nothing(string body)
    {
        await using var registry = await FakeRegistry.StartAsync(http => SendAsync(http, Manifest, body));
        await using var host = await HostAsync(registry);
        using var browser = new Browser(host);
        await browser.PageAsync("/images/public/app:v1");
    }

    [Theory]
    [InlineData("""{"history":7,"config":[1]}""")]
    [InlineData("""{"history":[7,{"empty_layer":"x"}],"config":{"Cmd":"x","Env":[7],"Labels":[],"ExposedPorts":[]},"created":"yesterday"}""")]
    public async Task Nonsense_in_a_configuration_breaks_nothing(string config)
    {
        var digest = $"sha256:{Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(config)))}";
        var manifest = new JsonObject
        {
            ["config"] = new JsonObject
            {
                ["mediaType"] = "application/vnd.oci.image.config.v1+json", ["digest"] = digest, ["size"] = config.Length,
            },
        }.ToJsonString();
        await using var registry = await FakeRegistry.StartAsync(http => http.Request.Path.Value!.Contains("/blobs/", StringComparison.Ordinal)
            ? SendAsync(http, "application/octet-stream", config)
            : SendAsync(http, Manifest, manifest));
        await using var host = await HostAsync(registry);
        using var browser = new Browser(host);
        await browser.PageAsync("/images/public/app:v1");
    }

    [Fact]
    public async Task A_registry_that_is_away_or_whose_address_is_not_known_is_said_to_be()
    {
        Uri gone;
        await using (var registry = await FakeRegistry.StartAsync(http => SendAsync(http, Manifest, "{}"))) gone = registry.Url;
        foreach (var (url, text) in ((Uri?, string)[])[(gone, "cannot be reached now"), (null, "does not know the address")])
        {
            await using var host = await HostAsync(url);
            using var browser = new Browser(host);
            using var answer = await browser.SendAsync("GET", "/images/public/app:v1");
            Assert.Equal(HttpStatusCode.ServiceUnavailable, answer.StatusCode);
            Assert.Equal(TimeSpan.FromSeconds(5), answer.Headers.RetryAfter!.Delta);
            Assert.Contains(text, await Reports.TextAsync(answer), StringComparison.Ordinal);
        }
    }

    private static Task<TokenServerHost> HostAsync(FakeRegistry registry) => HostAsync(registry.Url);

    private static Task<TokenServerHost> HostAsync(Uri? url) => Reports.FilledHostAsync(
        o => o.Services = [new ServiceOptions { Name = "registry", CredentialFile = o.CredentialPath, InternalUrl = url }],
        Reports.Push(0, "public/app", "1"), Reports.Tag(0, "public/app", "v1", "1"),
        Reports.Push(0, "team/secret", "1"), Reports.Tag(0, "team/secret", "v1", "1"));

    private static Task SendAsync(HttpContext http, string type, string body)
    {
        http.Response.ContentType = type;
        return http.Response.WriteAsync(body, http.RequestAborted);
    }
}
