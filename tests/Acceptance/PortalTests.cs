using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using AuthIndex.TestKit;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;

namespace AuthIndex.Acceptance;

/// <summary>The portal in a real browser, as a person uses it.</summary>
public sealed class PortalTests(RealParts parts)
{
    private static readonly string Digest = $"sha256:{new string('1', 64)}";

    [Theory]
    [InlineData(ColorScheme.Light, true, 1280)]
    [InlineData(ColorScheme.Dark, true, 360)]
    [InlineData(ColorScheme.Light, false, 360)]
    public async Task People_sign_in_find_an_image_and_make_a_token_in_a_browser(ColorScheme scheme, bool scripts, int width)
    {
        await using var host = await TokenServerHost.StartAsync();
        await ReportAsync(host);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await LaunchAsync(playwright);
        await using var context = await browser.NewContextAsync(new()
        {
            BaseURL = host.Address.ToString(), ColorScheme = scheme, JavaScriptEnabled = scripts,
            ViewportSize = new() { Width = width, Height = 800 },
        });
        var page = await context.NewPageAsync();
        var problems = new List<string>();
        page.Console += (_, message) =>
        {
            if (message.Type == "error") problems.Add(message.Text);
        };
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(host.Address.ToString(), StringComparison.Ordinal)) problems.Add($"asks {request.Url}");
        };

        await page.GotoAsync("/");
        Assert.Equal(0, await page.GetByText("users/alice/app").CountAsync());
        await CheckAsync(page, scripts);

        await page.GetByRole(AriaRole.Link, new() { Name = "Sign in", Exact = true }).First.ClickAsync();
        await CheckAsync(page, scripts);
        await SignInAsync(page, "alice", TokenServerHost.AlicePassword);

        await page.GetByLabel("Name contains").FillAsync("app");
        await page.GetByRole(AriaRole.Button, new() { Name = "Search" }).ClickAsync();
        await CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Link, new() { Name = "users/alice/app" }).ClickAsync();
        Assert.Equal("users/alice/app", await page.GetByRole(AriaRole.Heading, new() { Level = 1 }).TextContentAsync());
        Assert.Equal(1, await page.GetByText("v1", new() { Exact = true }).CountAsync());
        await CheckAsync(page, scripts);

        await page.GetByRole(AriaRole.Link, new() { Name = "alice", Exact = true }).ClickAsync();
        await page.GetByLabel("Name", new() { Exact = true }).FillAsync("ci");
        await page.GetByLabel("pull", new() { Exact = true }).CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Create" }).ClickAsync();
        var secret = await page.Locator(".done .command code").TextContentAsync();
        await CheckAsync(page, scripts);
        if (scripts)
        {
            await page.Locator(".done").GetByRole(AriaRole.Button, new() { Name = "Copy" }).ClickAsync();
            await page.GetByRole(AriaRole.Button, new() { Name = "Copied" }).WaitForAsync();
        }

        using (var good = await host.GetAsync("/token?service=registry", "alice", secret)) Assert.True(good.IsSuccessStatusCode);
        await page.GetByRole(AriaRole.Button, new() { Name = "Revoke ci" }).ClickAsync();
        await page.GetByText("You have no access token.").WaitForAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Sign in", Exact = true }).First.WaitForAsync();
        Assert.Empty(problems);
    }

    [Fact]
    public async Task A_login_code_logs_docker_in_once_and_the_refusals_say_why()
    {
        var up = await parts.UpAsync();
        var docker = await parts.DockerAsync();
        using var folder = new TemporaryDirectory();
        var mine = docker.InFolder(folder["docker"]);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await LaunchAsync(playwright);
        await using var context = await browser.NewContextAsync(new() { BaseURL = up.TokenServer.ToString() });
        var page = await context.NewPageAsync();
        await page.GotoAsync("/sign-in?return=/access");
        await SignInAsync(page, "admin", up.AdminPassword);
        await page.GetByRole(AriaRole.Button, new() { Name = "Get a login code" }).ClickAsync();
        var code = (await page.Locator(".done .command code").TextContentAsync())!;
        up.Secrets.Add("a login code", code);
        await CheckAsync(page, scripts: true);
        Assert.EndsWith(
            "--username admin", await page.Locator(".command code").First.TextContentAsync(), StringComparison.Ordinal);

        var skopeo = await ChildProcess.RunAsync(
            "skopeo",
            ["login", "--tls-verify=false", "--authfile", folder["auth.json"], "--username", "admin", "--password-stdin", up.Host],
            input: code);
        Assert.NotEqual(0, skopeo.ExitCode); // it would store the code as the password; it is not used up

        var login = await mine.LoginAsync(up.Host, "admin", code);
        Assert.True(login.ExitCode == 0, login.All);
        var stored = await File.ReadAllTextAsync(Path.Combine(folder["docker"], "config.json"), TestContext.Current.CancellationToken);
        Assert.Contains("identitytoken", stored, StringComparison.Ordinal);
        Assert.DoesNotContain(code, stored, StringComparison.Ordinal);
        var image = $"{up.Host}/platform/by-code:1";
        await mine.BuildAsync(image, 1_000);
        await mine.MustAsync("push", image);
        await mine.MustAsync("rmi", image);

        var again = await docker.InFolder(folder["other"]).LoginAsync(up.Host, "admin", code);
        Assert.NotEqual(0, again.ExitCode);
        Assert.Contains("the login code has been used", again.All, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(true, false)]
    [InlineData(false, false)]
    [InlineData(true, true)]
    public async Task People_sign_in_at_a_provider_in_a_browser(bool scripts, bool isBehindProxy)
    {
        if (isBehindProxy) RealParts.Require(NginxServer.Obstacle());
        var clock = new FakeTimeProvider(TokenServerHost.Start);
        await using var issuer = await OidcIssuerServer.StartAsync(clock);
        issuer.People = new OidcPeople(issuer, clock);
        using var folder = new TemporaryDirectory();
        await File.WriteAllTextAsync(folder["secret"], OidcPeople.ClientSecret, TestContext.Current.CancellationToken);
        File.SetUnixFileMode(folder["secret"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var port = FreePort.At(IPAddress.Loopback);
        var front = new IPEndPoint(IPAddress.Loopback, FreePort.At(IPAddress.Loopback));
        await using var nginx = isBehindProxy
            ? await NginxServer.StartAsync(
                $"server {{ listen {front}; location /auth/ {{ proxy_pass http://127.0.0.1:{port}/; }} }}", front)
            : null;
        var address = isBehindProxy ? $"http://{front}/auth" : $"http://127.0.0.1:{port}";
        await using var host = await TokenServerHost.StartAsync(
            o =>
            {
                o.Listen = new("127.0.0.1", port);
                o.PublicUrl = new Uri(address);
                o.Portal.Providers.Add(new()
                {
                    Name = "corp", DisplayName = "Example Corp", Issuer = issuer.Issuer, ClientId = OidcPeople.ClientId,
                    ClientSecretFile = folder["secret"], Account = "{preferred_username}",
                });
            },
            shared: clock);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await LaunchAsync(playwright);
        await using var context = await browser.NewContextAsync(new() { BaseURL = address + "/", JavaScriptEnabled = scripts });
        var page = await context.NewPageAsync();

        await page.GotoAsync("access"); // needs a session, and is where one arrives
        await CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Link, new() { Name = "Sign in with Example Corp" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Decline" }).ClickAsync();
        await page.GetByText("Example Corp: the sign-in was cancelled there").WaitForAsync();
        await CheckAsync(page, scripts);

        await page.GetByRole(AriaRole.Link, new() { Name = "Sign in with Example Corp" }).ClickAsync();
        await page.GetByLabel("Person").FillAsync("alice");
        await page.GetByRole(AriaRole.Button, new() { Name = "Continue" }).ClickAsync();
        await page.GetByRole(AriaRole.Heading, new() { Name = "My access" }).WaitForAsync();
        Assert.Equal("corp:alice", await page.Locator("a.account").TextContentAsync());
        await page.GetByRole(AriaRole.Button, new() { Name = "Get a login code" }).ClickAsync();
        var code = (await page.Locator(".done .command code").TextContentAsync())!;
        using var login = await host.GetAsync("/token?service=registry&offline_token=true", "corp:alice", code);
        Assert.True(login.IsSuccessStatusCode);
    }

    [Theory]
    [InlineData(ColorScheme.Light, true, 1280)]
    [InlineData(ColorScheme.Dark, true, 360)]
    [InlineData(ColorScheme.Light, false, 360)]
    public async Task Administrators_use_their_pages_in_a_browser(ColorScheme scheme, bool scripts, int width)
    {
        await using var servers = await PortalServers.StartAsync(upstream: ("mirrors/hub", new Uri("http://127.0.0.1:1")));
        var host = servers.Host;
        using (await host.GetAsync("/token?service=registry", "alice", "wrong"))
        {
            // a line in the audit log
        }

        using var playwright = await Playwright.CreateAsync();
        await using var browser = await LaunchAsync(playwright);
        await using var context = await browser.NewContextAsync(new()
        {
            BaseURL = host.Address.ToString(), ColorScheme = scheme, JavaScriptEnabled = scripts,
            ViewportSize = new() { Width = width, Height = 800 },
        });
        var page = await context.NewPageAsync();
        await page.GotoAsync("/sign-in");
        await SignInAsync(page, "admin", TokenServerHost.AdminPassword);

        await page.GetByRole(AriaRole.Link, new() { Name = "Policy", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Heading, new() { Name = "Rules" }).WaitForAsync();
        await CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Link, new() { Name = "Explain a request" }).ClickAsync();
        await page.GetByLabel("Scope, such as").FillAsync("prod/app:pull");
        await page.Keyboard.PressAsync("Tab");
        await page.Keyboard.TypeAsync("alice");
        await page.Keyboard.PressAsync("Enter");
        await page.GetByText("nothing is granted to alice").WaitForAsync();
        await CheckAsync(page, scripts);
        await page.GotoAsync("/admin/policy/who-can?action=pull&resource=public/app");
        await CheckAsync(page, scripts);
        await page.GotoAsync("/admin/policy/candidate?file=policy.yaml");
        await CheckAsync(page, scripts);
        var policy = await page.GetByLabel("Policy file", new() { Exact = true }).InputValueAsync();
        await page.GetByLabel("Policy file", new() { Exact = true })
            .FillAsync(policy.Replace("public/**", "open/**", StringComparison.Ordinal));
        await page.GetByRole(AriaRole.Button, new() { Name = "Compare" }).ClickAsync();
        await page.GetByRole(AriaRole.Heading, new() { Name = "Grants" }).WaitForAsync();
        await CheckAsync(page, scripts);

        await page.GetByRole(AriaRole.Link, new() { Name = "Audit", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Search" }).ClickAsync();
        await CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Link, new() { Name = "Accounts", Exact = true }).ClickAsync();
        await page.GetByLabel("Account", new() { Exact = true }).FillAsync("alice");
        await page.GetByRole(AriaRole.Button, new() { Name = "Show" }).ClickAsync();
        await CheckAsync(page, scripts);
        await page.GetByLabel("Reason, for the log").FillAsync("left the company");
        await page.GetByRole(AriaRole.Button, new() { Name = "Suspend" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Resume" }).WaitForAsync();
        await CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Link, new() { Name = "System", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Heading, new() { Name = "Signing keys" }).WaitForAsync();
        await Eventually.TrueAsync(
            async () =>
            {
                await page.ReloadAsync(); // a registry that has just started can be too late for the page
                return await page.GetByRole(AriaRole.Rowheader, new() { Name = "hub-1.x_y" }).IsVisibleAsync();
            },
            TimeSpan.FromSeconds(60),
            () => "the upstream is not shown");
        await CheckAsync(page, scripts);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Behind_a_proxy_with_another_name_port_and_path_the_portal_works_the_same(bool scripts)
    {
        RealParts.Require(NginxServer.Obstacle());
        const string name = "portal.example.com";
        const string repository = "users/alice/app";
        var front = new IPEndPoint(IPAddress.Loopback, FreePort.At(IPAddress.Loopback));
        var address = $"https://{name}:{front.Port}/auth/";
        await using var servers = await PortalServers.StartAsync(o => o.PublicUrl = new Uri(address.TrimEnd('/')));
        var config = new JsonObject { ["os"] = "linux", ["architecture"] = "amd64" };
        var first = await servers.PushImageAsync($"{repository}:v1", config, null, "one");
        await servers.PushImageAsync($"{repository}:v1", config, null, "two");
        using var folder = new TemporaryDirectory();
        using var authority = new CertificateAuthority();
        using var certificate = authority.IssueServer(name);
        CertificateAuthority.Write(certificate, folder["proxy.pem"], folder["proxy.key"]);
        await using var nginx = await NginxServer.StartAsync(
            $$"""
            server {
                listen {{front}} ssl;
                ssl_certificate {{folder["proxy.pem"]}};
                ssl_certificate_key {{folder["proxy.key"]}};
                location /auth/ { proxy_pass {{servers.Host.Address}}; proxy_set_header Host $host; }
            }
            """, front);
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await LaunchAsync(playwright, $"--host-resolver-rules=MAP {name} 127.0.0.1");
        await using var context = await browser.NewContextAsync(new()
        {
            BaseURL = address, JavaScriptEnabled = scripts, IgnoreHTTPSErrors = true,
        });
        var page = await context.NewPageAsync();
        var outside = new List<string>();
        page.Request += (_, request) =>
        {
            if (!request.Url.StartsWith(address, StringComparison.Ordinal)) outside.Add(request.Url);
        };

        await page.GotoAsync("access"); // leads to the form, and back
        await SignInAsync(page, "alice", TokenServerHost.AlicePassword);
        await page.GetByRole(AriaRole.Heading, new() { Name = "My access" }).WaitForAsync();
        var cookie = Assert.Single(await context.CookiesAsync(), c => c.Name == "__Host-authindex");
        Assert.Equal((true, true, "/", name), (cookie.Secure, cookie.HttpOnly, cookie.Path, cookie.Domain));

        await page.GotoAsync("");
        await page.GetByLabel("Name contains").FillAsync("app");
        await page.GetByRole(AriaRole.Button, new() { Name = "Search" }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = repository }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "v1", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Heading, new() { Name = "Layers" }).WaitForAsync();
        await CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Button, new() { Name = "Roll back" }).ClickAsync();
        await page.GetByText(first, new() { Exact = true }).First.WaitForAsync();
        await page.GotoAsync($"repositories/{repository}");
        await page.GetByLabel("Choose v1").CheckAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete chosen tags" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Delete" }).ClickAsync();
        await page.GetByText("There is no tag").WaitForAsync();
        await CheckAsync(page, scripts);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign out", Exact = true }).ClickAsync();
        await page.GetByRole(AriaRole.Link, new() { Name = "Sign in", Exact = true }).First.WaitForAsync();
        Assert.Empty(outside);
    }

    internal static Task<IBrowser> LaunchAsync(IPlaywright playwright, params string[] more) =>
        playwright.Chromium.LaunchAsync(new() { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox", .. more] });

    internal static async Task SignInAsync(IPage page, string account, string password)
    {
        await page.GetByLabel("Account").FillAsync(account);
        await page.GetByLabel("Password").FillAsync(password);
        await page.GetByRole(AriaRole.Button, new() { Name = "Sign in", Exact = true }).ClickAsync();
    }

    /// <summary>No violation of the rules for accessible pages, and nothing wider than the window.</summary>
    internal static async Task CheckAsync(IPage page, bool scripts)
    {
        if (!scripts) return; // the checks are scripts themselves
        var result = await page.RunAxe();
        Assert.Equal(
            "", string.Join('\n', result.Violations.Select(v => $"{page.Url}: {v.Id}: {string.Join(' ', v.Nodes.Select(n => n.Html))}")));
        Assert.False(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth > innerWidth"), $"{page.Url} is too wide");
    }

    private static async Task ReportAsync(TokenServerHost host)
    {
        using var report = new HttpRequestMessage(HttpMethod.Post, "/index/v1/snapshot")
        {
            Headers = { Authorization = TokenServerHost.Basic("registry", TokenServerHost.Credential) },
            Content = JsonContent.Create(new JsonObject
            {
                ["epoch"] = "e", ["page"] = 0, ["isLast"] = true,
                ["position"] = new JsonObject { ["sequence"] = 0, ["id"] = "" },
                ["events"] = new JsonArray(Event("manifest-pushed", null), Event("tag-moved", "v1")),
            }),
        };
        using var answer = await host.Client.SendAsync(report, TestContext.Current.CancellationToken);
        Assert.True(answer.IsSuccessStatusCode);
    }

    private static JsonObject Event(string kind, string? tag) => new()
    {
        ["sequence"] = 0, ["id"] = "", ["kind"] = kind, ["repository"] = "users/alice/app", ["tag"] = tag, ["digest"] = Digest,
        ["mediaType"] = "application/vnd.oci.image.manifest.v1+json", ["size"] = 7, ["account"] = "alice", ["time"] = 1_900_000_000,
    };
}
