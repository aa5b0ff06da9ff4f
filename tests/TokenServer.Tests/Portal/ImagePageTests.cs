using System.Net;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Tests.Index;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>The page of an image, as a real registry holds it.</summary>
public sealed class ImagePageTests
{
    private static readonly JsonObject Empty = new() { ["os"] = "linux", ["architecture"] = "amd64" };

    [Fact]
    public async Task An_image_shows_its_config_its_layers_with_their_commands_its_labels_and_how_to_pull_it()
    {
        await using var servers = await PortalServers.StartAsync();
        var digest = await servers.PushImageAsync(
            "public/app:v1",
            JsonNode.Parse("""
                {
                  "os": "linux", "architecture": "arm64", "variant": "v8", "created": "2030-01-01T00:00:00Z",
                  "config": {
                    "Entrypoint": ["/bin/app", "a b"], "Env": ["LANG=C"], "ExposedPorts": { "80/tcp": {} },
                    "Labels": { "org.opencontainers.image.source": "https://git.example.com/app", "team": "web" }
                  },
                  "history": [
                    { "created_by": "COPY app /bin/app" }, { "created_by": "ENV LANG=C", "empty_layer": true }, { "created_by": "RUN true" }
                  ]
                }
                """)!.AsObject(),
            new JsonObject { ["org.opencontainers.image.title"] = "The app", ["org.opencontainers.image.licenses"] = "MIT" },
            new string('x', 3000), "second");
        using var browser = new Browser(servers.Host);
        Assert.Contains(
            "href=\"/images/public/app:v1?registry=registry\"", await browser.PageAsync("/repositories/public/app"),
            StringComparison.Ordinal);
        foreach (var path in (string[])["/images/public/app:v1?registry=registry", "/images/public/app:v1", $"/images/public/app@{digest}"])
        {
            var page = await browser.PageAsync(path);
            foreach (var text in (string[])
                [
                    digest, "linux/arm64/v8", "/bin/app &quot;a b&quot;", "LANG=C", "80/tcp", "The app", "MIT", "COPY app /bin/app",
                    "RUN true", "2.9 KiB", "6 B", "no layer", "team", "<a href=\"https://git.example.com/app\"",
                    $"docker pull {servers.RegistryHostName}/public/app@{digest}",
                    $"podman pull --tls-verify=false {servers.RegistryHostName}/public/app@{digest}",
                    $"ctr images pull --plain-http {servers.RegistryHostName}/public/app@{digest}",
                ])
            {
                Assert.Contains(text, page, StringComparison.Ordinal);
            }

            Assert.Equal(
                !path.Contains('@', StringComparison.Ordinal),
                page.Contains($"docker pull {servers.RegistryHostName}/public/app:v1", StringComparison.Ordinal));
        }
    }

    [Fact]
    public async Task An_index_shows_all_its_platforms_and_what_belongs_to_an_image_stands_by_kind()
    {
        await using var servers = await PortalServers.StartAsync();
        var entries = new JsonArray();
        foreach (var (architecture, size) in ((string, int)[])[("amd64", 2000), ("arm64", 4000)])
        {
            var child = await servers.PushImageAsync(
                $"public/app:{architecture}", new JsonObject { ["os"] = "linux", ["architecture"] = architecture }, null, new string('x', size));
            entries.Add(Entry(child, architecture, null));
        }

        entries.Add(Entry(
            await servers.PushImageAsync("public/app:attestation", Empty, null, "in-toto"), "unknown",
            new JsonObject { ["vnd.docker.reference.type"] = "attestation-manifest" }));
        var index = await servers.PushManifestAsync("public/app:v1", PortalServers.Index, new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = PortalServers.Index, ["manifests"] = entries,
        });
        await servers.PushReferrerAsync("public/app", "application/vnd.cncf.notary.signature", index);
        await servers.PushReferrerAsync("public/app", "application/spdx+json", index);
        await servers.PushReferrerAsync("public/app", "application/vnd.example.notes", index);
        await servers.PushReferrerAsync(
            "public/app", "application/vnd.dev.sigstore.bundle.v0.3+json", index,
            new JsonObject { ["dev.sigstore.bundle.predicateType"] = "https://slsa.dev/provenance/v1" });
        await servers.PushImageAsync($"public/app:{index.Replace(':', '-')}.sig", Empty, null, "cosign");

        using var browser = new Browser(servers.Host);
        var page = await browser.PageAsync("/images/public/app:v1");
        Assert.Contains("several platforms", page, StringComparison.Ordinal);
        Assert.Contains("linux/amd64", page, StringComparison.Ordinal);
        Assert.Contains("linux/arm64", page, StringComparison.Ordinal);
        Assert.Contains("3.9 KiB", page, StringComparison.Ordinal);
        Assert.DoesNotContain("linux/unknown", page, StringComparison.Ordinal);
        AssertInOrder(
            page, ">Signatures<", "cosign tag", "vnd.cncf.notary.signature", ">SBOMs<", "application/spdx", ">Attestations<",
            "attestation-manifest", "vnd.dev.sigstore.bundle", ">Others<", "vnd.example.notes");

        static JsonObject Entry(string digest, string architecture, JsonObject? annotations) => new()
        {
            ["mediaType"] = PortalServers.Manifest, ["digest"] = digest, ["size"] = 7,
            ["platform"] = new JsonObject { ["os"] = "linux", ["architecture"] = architecture }, ["annotations"] = annotations,
        };
    }

    [Fact]
    public async Task Whatever_was_pushed_is_text_on_the_page_and_no_address_but_one_of_the_web_is_a_link()
    {
        await using var servers = await PortalServers.StartAsync();
        const string evil = "<img src=x onerror=alert(1)>\u202Egnp.exe";
        await servers.PushImageAsync(
            "public/app:v1",
            new JsonObject
            {
                ["os"] = evil,
                ["config"] = new JsonObject
                {
                    ["Cmd"] = new JsonArray(evil), ["Labels"] = new JsonObject { [evil] = evil, ["link"] = "javascript:alert(1)" },
                    ["Volumes"] = new JsonObject { [evil] = new JsonObject() },
                },
                ["history"] = new JsonArray(new JsonObject { ["created_by"] = evil }),
            },
            new JsonObject
            {
                ["org.opencontainers.image.source"] = "javascript:alert(1)", ["org.opencontainers.image.url"] = "https://user:pass@evil.example",
                ["org.opencontainers.image.documentation"] = "data:text/html,<script>alert(1)</script>", ["x"] = new string('x', 100_000),
            },
            "layer");
        using var browser = new Browser(servers.Host);
        var page = await browser.PageAsync("/images/public/app:v1");
        Assert.Contains("<img src=x onerror=alert(1)>\uFFFDgnp.exe", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        Assert.DoesNotContain("<img", page, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>", page, StringComparison.Ordinal);
        Assert.DoesNotContain("\u202E", page, StringComparison.Ordinal);
        Assert.DoesNotContain("href=\"javascript", page, StringComparison.Ordinal);
        Assert.DoesNotContain("href=\"data", page, StringComparison.Ordinal);
        Assert.DoesNotContain("href=\"https://user", page, StringComparison.Ordinal);
        Assert.True(page.Length < 100_000);
    }

    [Fact]
    public async Task Looking_at_an_image_is_not_a_pull_of_it()
    {
        await using var servers = await PortalServers.StartAsync();
        await servers.PushImageAsync("public/app:v1", Empty, null, "layer");
        using var browser = new Browser(servers.Host);
        await browser.PageAsync("/images/public/app:v1");
        Assert.Equal(0, servers.TakePulls());

        using var client = await servers.ClientAsync("public/app");
        using var pulled = await client.GetAsync("/v2/public/app/manifests/v1", TestContext.Current.CancellationToken);
        Assert.Equal(1, servers.TakePulls());
    }

    [Theory]
    [InlineData("team/secret:v1")]
    [InlineData("team/nothing:v1")]
    [InlineData("public/nothing:v1")]
    [InlineData("public/app")]
    [InlineData("public/app:")]
    [InlineData("public/app:-x")]
    [InlineData("public/app@sha256:12")]
    [InlineData("public/app:v1/../../x")]
    [InlineData("..%2f..%2fetc:v1")]
    [InlineData("public/app:v1?registry=other")]
    [InlineData("public/app:none")]
    public async Task What_is_hidden_is_answered_as_what_does_not_exist(string image)
    {
        await using var servers = await PortalServers.StartAsync();
        await servers.PushImageAsync("team/secret:v1", Empty, null, "layer");
        await servers.PushImageAsync("public/app:v1", Empty, null, "layer");
        using var browser = new Browser(servers.Host);
        Assert.DoesNotContain("secret</h1>", await browser.PageAsync($"/images/{image}", HttpStatusCode.NotFound), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_tag_is_rolled_back_to_where_it_pointed_before_and_only_by_whoever_may_push()
    {
        await using var servers = await PortalServers.StartAsync();
        var first = await servers.PushImageAsync("users/alice/app:v1", Empty, null, "first");
        var second = await servers.PushImageAsync("users/alice/app:v1", Empty, null, "second");
        using var browser = new Browser(servers.Host);
        await browser.SignInAsync();
        var page = await browser.PageAsync("/images/users/alice/app:v1");
        AssertInOrder(page, "History of the tag", second[..19], "(now)", first[..19], "Roll back", first);

        (string, string)[] form = [("image", "users/alice/app:v1"), ("registry", "registry"), ("from", second), ("to", first)];
        using (var moved = await browser.SubmitAsync("/rollback", form)) Assert.Equal(HttpStatusCode.SeeOther, moved.StatusCode);
        await servers.KnownAsync("users/alice/app", "v1", first);
        using (var again = await browser.SubmitAsync("/rollback", form)) Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);

        await servers.PushImageAsync("public/app:v1", Empty, null, "first");
        await servers.PushImageAsync("public/app:v1", Empty, null, "second");
        Assert.DoesNotContain("Roll back", await browser.PageAsync("/images/public/app:v1"), StringComparison.Ordinal);
        using var refused = await browser.SubmitAsync(
            "/rollback", ("image", "public/app:v1"), ("registry", "registry"), ("from", second), ("to", first));
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
        Assert.Contains("push on public/app refused", await Reports.TextAsync(refused), StringComparison.Ordinal);
    }

    private static void AssertInOrder(string page, params string[] texts)
    {
        var at = 0;
        foreach (var text in texts)
        {
            var next = page.IndexOf(text, at, StringComparison.Ordinal);
            Assert.True(next >= 0, $"'{text}' is not on the page after position {at}");
            at = next;
        }
    }
}
