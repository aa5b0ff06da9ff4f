using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using Microsoft.Playwright;

namespace AuthIndex.Acceptance;

/// <summary>Takes the pictures in <c>docs/portal.md</c>: <c>./authindex screenshots</c>.</summary>
public sealed class PortalScreenshots
{
    private static readonly string Folder = Path.Combine(Path.GetDirectoryName(AuthIndexUp.Script)!, "docs", "images");

    [Fact(Explicit = true)]
    public async Task Take()
    {
        await using var servers = await PortalServers.StartAsync(o => o.PublicUrl = null);
        await FillAsync(servers);
        using (var denied = await servers.Host.GetAsync(
            "/token?service=registry&scope=repository:team/payments:pull,push", "alice", TokenServerHost.AlicePassword))
        {
            Assert.True(denied.IsSuccessStatusCode);
        }

        Directory.CreateDirectory(Folder);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await PortalTests.LaunchAsync(playwright);
        await using var context = await browser.NewContextAsync(new()
        {
            BaseURL = servers.Host.Address.ToString(), ViewportSize = new() { Width = 880, Height = 620 }, ColorScheme = ColorScheme.Light,
        });
        var page = await context.NewPageAsync();
        await page.GotoAsync("/sign-in");
        await PortalTests.SignInAsync(page, "alice", TokenServerHost.AlicePassword);
        await page.WaitForURLAsync("**/");
        await TakeAsync(page, "/repositories/users/alice/web", "portal-repository");
        await TakeAsync(page, "/images/users/alice/web:1.4", "portal-image");
        await TakeAsync(page, "/delete/users/alice/web?tag=1.3@registry", "portal-delete");
        await Eventually.TrueAsync(
            async () =>
            {
                await page.GotoAsync("/access/denials");
                return await page.GetByText("team/payments").CountAsync() > 0;
            },
            TimeSpan.FromSeconds(30), () => "the denial is not shown");
        await TakeAsync(page, "/access/denials", "portal-denials");
    }

    private static async Task TakeAsync(IPage page, string path, string name)
    {
        await page.GotoAsync(path);
        await page.ScreenshotAsync(new() { Path = Path.Combine(Folder, $"{name}.png"), Scale = ScreenshotScale.Css });
    }

    private static async Task FillAsync(PortalServers servers)
    {
        var config = JsonNode.Parse("""
            {
              "os": "linux", "architecture": "amd64", "created": "2030-01-01T09:00:00Z",
              "config": { "Entrypoint": ["/usr/bin/web"], "Labels": { "team": "web" } },
              "history": [
                { "created_by": "FROM scratch" }, { "created_by": "COPY web /usr/bin/web" },
                { "created_by": "ENTRYPOINT [\"/usr/bin/web\"]", "empty_layer": true }
              ]
            }
            """)!.AsObject();
        var annotations = new JsonObject
        {
            ["org.opencontainers.image.title"] = "Web shop", ["org.opencontainers.image.description"] = "The shop's web server",
            ["org.opencontainers.image.source"] = "https://git.example.com/shop/web", ["org.opencontainers.image.licenses"] = "Apache-2.0",
        };
        foreach (var (tag, text) in ((string, string)[])[("1.2", "a"), ("1.3", "b"), ("1.4", "b"), ("1.4", "c"), ("latest", "c")])
        {
            var digest = await servers.PushImageAsync(
                $"users/alice/web:{tag}", config, annotations, new string('x', 90_000), string.Concat(Enumerable.Repeat(text, 700_000)));
            await servers.PushReferrerAsync("users/alice/web", "application/vnd.cncf.notary.signature", digest);
            await servers.PushReferrerAsync("users/alice/web", "application/spdx+json", digest);
        }

        foreach (var name in (string[])["public/base", "public/nginx", "public/postgres", "users/alice/jobs"])
        {
            await servers.PushImageAsync($"{name}:1", config, annotations, name);
        }
    }
}
