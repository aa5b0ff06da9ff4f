using AuthIndex.TestKit;
using Microsoft.Playwright;

namespace AuthIndex.Acceptance;

/// <summary>People of a real directory in the portal.</summary>
public sealed class PortalLdapTests(SlapdParts parts) : IClassFixture<SlapdParts>
{
    [Fact]
    public async Task People_of_a_directory_sign_in_in_a_browser_and_log_docker_in_by_a_code()
    {
        var options = await parts.OptionsAsync();
        await using var host = await TokenServerHost.StartAsync(o => o.Ldap.Add(options));
        using var playwright = await Playwright.CreateAsync();
        await using var browser = await playwright.Chromium.LaunchAsync(
            new() { ExecutablePath = "/usr/bin/chromium", Args = ["--no-sandbox"] });
        await using var context = await browser.NewContextAsync(new() { BaseURL = host.Address.ToString() });
        var page = await context.NewPageAsync();
        await page.GotoAsync("/access");
        await page.GetByLabel("Account").FillAsync("bob");
        await page.GetByLabel("Password").FillAsync("wrong");
        await page.Keyboard.PressAsync("Enter");
        await page.GetByText("sign-in failed: no such account or wrong password").WaitForAsync();
        await page.GetByLabel("Password").FillAsync("bob's password");
        await page.Keyboard.PressAsync("Enter");
        await page.GetByRole(AriaRole.Heading, new() { Name = "My access" }).WaitForAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Get a login code" }).ClickAsync();
        var code = (await page.Locator(".done .command code").TextContentAsync())!;

        // The code reaches no directory: one that were asked would call it a wrong password.
        using var login = await host.GetAsync("/token?service=registry&offline_token=true", "bob", code);
        Assert.True(login.IsSuccessStatusCode);
        using var used = await host.GetAsync("/token?service=registry&offline_token=true", "bob", code);
        Assert.Contains(
            "the login code has been used", await used.Content.ReadAsStringAsync(TestContext.Current.CancellationToken),
            StringComparison.Ordinal);
    }
}
