using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using Microsoft.Playwright;

namespace AuthIndex.Acceptance;

/// <summary>Images in the portal, in a real browser: looked at, rolled back and deleted.</summary>
public sealed class ImagePortalTests
{
    private const string Repository = "users/alice/app";
    private const string Evil = "<img src=x onerror=alert(1)><script>alert(2)</script>";

    private static readonly JsonObject Config = JsonNode.Parse("""
        {
          "os": "linux", "architecture": "amd64", "created": "2030-01-01T00:00:00Z",
          "config": {
            "Entrypoint": ["/bin/app"], "Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"],
            "Labels": { "evil": "<img src=x onerror=alert(1)><script>alert(2)</script>" }
          },
          "history": [{ "created_by": "COPY app /bin/app # <script>alert(3)</script>" }]
        }
        """)!.AsObject();

    [Theory]
    [InlineData(ColorScheme.Light, true, 1280)]
    [InlineData(ColorScheme.Dark, true, 360)]
    [InlineData(ColorScheme.Light, false, 360)]
    public async Task People_look_at_an_image_roll_its_tag_back_and_delete_tags_in_a_browser(ColorScheme scheme, bool scripts, int width)
    {
        await using var servers = await PortalServers.StartAsync();
        var (first, second) = await FillAsync(servers);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await PortalTests.LaunchAsync(playwright);
        await using var context = await browser.NewContextAsync(new()
        {
            BaseURL = servers.Host.Address.ToString(), ColorScheme = scheme, JavaScriptEnabled = scripts,
            ViewportSize = new() { Width = width, Height = 800 },
        });
        var page = await context.NewPageAsync();
        var problems = Watch(page, servers.Host.Address);

        await page.GotoAsync($"/sign-in?return=/repositories/{Repository}");
        await PortalTests.SignInAsync(page, "alice", TokenServerHost.AlicePassword);
        await PortalTests.CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Link, new() { Name = "v1", Exact = true }).ClickAsync();
        Assert.Equal($"{Repository}:v1", await page.GetByRole(AriaRole.Heading, new() { Level = 1 }).TextContentAsync());
        Assert.Equal(2, await page.GetByText(Evil).CountAsync()); // as an annotation and as a label, as text
        Assert.Equal(0, await page.Locator("main img, main script").CountAsync());
        await PortalTests.CheckAsync(page, scripts);
        var commands = page.Locator(".command");
        Assert.Equal($"docker pull {servers.RegistryHostName}/{Repository}:v1", await commands.First.Locator("code").TextContentAsync());
        if (scripts)
        {
            await commands.First.GetByRole(AriaRole.Button, new() { Name = "Copy" }).ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Copied" }).WaitForAsync();
        }

        await page.GetByRole(AriaRole.Button, new() { Name = $"Roll back to {first}" }).First.ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = $"Roll back to {second}" }).First.WaitForAsync();
        await servers.KnownAsync(Repository, "v1", first);

        await page.GotoAsync($"/repositories/{Repository}");
        await page.GetByLabel("Choose v1 at registry").CheckAsync();
        await page.GetByLabel("Choose latest at registry").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete chosen tags" }).ClickAsync();
        await page.GetByText("1 signatures").Or(page.GetByText("the one signature")).First.WaitForAsync();
        await PortalTests.CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete these 2 tags" }).ClickAsync();
        await page.GetByRole(AriaRole.Heading, new() { Name = "Tags" }).WaitForAsync();
        Assert.Equal(0, await page.GetByRole(AriaRole.Link, new() { Name = "latest", Exact = true }).CountAsync());
        Assert.Equal(1, await page.GetByRole(AriaRole.Link, new() { Name = "kept", Exact = true }).CountAsync());

        await page.GotoAsync("/access/denials");
        await PortalTests.CheckAsync(page, scripts);
        await page.GotoAsync("/no/such/page");
        await page.GetByRole(AriaRole.Heading, new() { Name = "Not found" }).WaitForAsync();
        await PortalTests.CheckAsync(page, scripts);
        problems.RemoveAll(p => p.Contains("404", StringComparison.Ordinal)); // the page that is not there
        Assert.Empty(problems);
    }

    [Theory]
    [InlineData(ColorScheme.Light, 1280)]
    [InlineData(ColorScheme.Dark, 360)]
    public async Task A_readme_and_a_model_card_are_accessible_whatever_they_hold(ColorScheme scheme, int width)
    {
        await using var servers = await PortalServers.StartAsync();
        await PushReadmeAsync(servers, "public/tool", "text/markdown");
        await PushReadmeAsync(servers, "public/model", "application/vnd.cncf.model.doc.v1.raw");
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await PortalTests.LaunchAsync(playwright);
        await using var context = await browser.NewContextAsync(new()
        {
            BaseURL = servers.Host.Address.ToString(), ColorScheme = scheme, ViewportSize = new() { Width = width, Height = 800 },
        });
        var page = await context.NewPageAsync();
        var problems = Watch(page, servers.Host.Address);
        foreach (var repository in (string[])["public/tool", "public/model"])
        {
            await page.GotoAsync($"/repositories/{repository}");
            await page.GetByRole(AriaRole.Heading, new() { Name = "A title below others" }).WaitForAsync();
            await PortalTests.CheckAsync(page, scripts: true);
        }

        Assert.Empty(problems);
    }

    [Fact]
    public async Task The_keyboard_alone_finds_an_image_and_deletes_a_tag()
    {
        await using var servers = await PortalServers.StartAsync();
        await FillAsync(servers);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await PortalTests.LaunchAsync(playwright);
        await using var context = await browser.NewContextAsync(new() { BaseURL = servers.Host.Address.ToString() });
        var page = await context.NewPageAsync();
        await page.GotoAsync("/sign-in");
        await ToAsync(page, "#account");
        await page.Keyboard.TypeAsync("alice");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.TypeAsync(TokenServerHost.AlicePassword);
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out", Exact = true }).WaitForAsync();
        await ToAsync(page, $"a[href='/repositories/{Repository}']");
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Heading, new() { Name = "Tags", Exact = true }).WaitForAsync();
        await ToAsync(page, "input[value='latest@registry']");
        await page.Keyboard.PressAsync("Space");
        await ToAsync(page, "main button.danger");
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete this tag" }).WaitForAsync();
        await ToAsync(page, "main button.danger");
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Heading, new() { Name = "Tags", Exact = true }).WaitForAsync();
        await servers.KnownAsync(Repository, "latest", null);
    }

    /// <summary>An image with two tags and a history, with hostile texts, and what belongs to it.</summary>
    internal static async Task<(string First, string Second)> FillAsync(PortalServers servers)
    {
        var annotations = new JsonObject { ["org.opencontainers.image.title"] = "The app", ["evil"] = Evil };
        var first = await servers.PushImageAsync($"{Repository}:v1", Config, annotations, "first");
        await servers.PushReferrerAsync(Repository, "application/vnd.cncf.notary.signature", first);
        await servers.PushImageAsync($"{Repository}:latest", Config, annotations, "first");
        var second = await servers.PushImageAsync($"{Repository}:v1", Config, annotations, "second");
        await servers.PushImageAsync($"{Repository}:kept", Config, annotations, "second");
        return (first, second);
    }

    /// <summary>An image with a text of whatever Markdown has.</summary>
    private static async Task PushReadmeAsync(PortalServers servers, string repository, string type)
    {
        var columns = Enumerable.Range(0, 12).ToList();
        var text = $"""
            ---
            license: mit
            ---
            #### A title below others
            # A title

            Text with `code`, *emphasis*, [a link](https://example.com/{new string('x', 200)}) and <b>{new string('y', 200)}</b>.

            | {string.Join(" | ", columns.Select(c => c == 0 ? "" : $"column{c}"))} |
            |{string.Concat(columns.Select(_ => "---|"))}
            | {string.Join(" | ", columns.Select(_ => "value"))} |

            ```
            {new string('z', 300)}
            ```

            - [ ] one
              1. ![](https://example.com/x.png)

            > [](https://example.com)

            ***
            """;
        var layer = await servers.PushBlobAsync(repository, type, System.Text.Encoding.UTF8.GetBytes(text));
        layer["annotations"] = new JsonObject
        {
            ["org.opencontainers.image.title"] = "README.md", ["org.cncf.model.filepath"] = "README.md",
        };
        await servers.PushManifestAsync($"{repository}:latest", PortalServers.Manifest, new JsonObject
        {
            ["schemaVersion"] = 2, ["mediaType"] = PortalServers.Manifest, ["artifactType"] = "application/vnd.example",
            ["config"] = await servers.PushBlobAsync(repository, "application/vnd.oci.empty.v1+json", "{}"u8.ToArray()),
            ["layers"] = new JsonArray(layer),
            ["annotations"] = new JsonObject { ["org.opencontainers.image.description"] = Evil },
        });
    }

    /// <summary>Collects what a page must not do: fail, open a dialog, ask another server.</summary>
    private static List<string> Watch(IPage page, Uri own)
    {
        var problems = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type == "error") problems.Add(message.Text);
        };
        page.Dialog += (_, dialog) => problems.Add($"dialog {dialog.Message}");
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(own.ToString(), StringComparison.Ordinal)) problems.Add($"asks {request.Url}");
        };
        return problems;
    }

    private static async Task ToAsync(IPage page, string selector)
    {
        for (var i = 0; i < 100; i++)
        {
            if (await page.EvaluateAsync<bool>("s => document.activeElement.matches(s)", selector)) return;
            await page.Keyboard.PressAsync("Tab");
        }

        Assert.Fail($"{selector} is not reached by the keyboard on {page.Url}");
    }
}
