using System.Net;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Sessions;
using AuthIndex.TokenServer.Tests.Grants;

namespace AuthIndex.TokenServer.Tests.Portal.Administration;

/// <summary>What administrators see and do about accounts.</summary>
public sealed class AccountsPageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_account_is_suspended_and_resumed_and_the_audit_log_says_by_whom()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var alice = new Browser(host);
        await alice.SignInAsync();
        using var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        var page = await admin.PageAsync("/admin/accounts?account=alice");
        Assert.Contains("htpasswd", page, StringComparison.Ordinal);
        Assert.Contains("1 sessions", page, StringComparison.Ordinal);

        using (var done = await admin.SubmitAsync(
            "/admin/accounts/suspend", ("account", "alice"), ("reason", "<script>alert(1)</script>")))
        {
            Assert.Equal("/admin/accounts?account=alice", done.Headers.Location!.ToString());
        }

        Assert.DoesNotContain("Signed in as", await alice.PageAsync("/"), StringComparison.Ordinal);
        var suspended = Assert.Single(await host.Service<ISuspensionStore>().AllAsync());
        Assert.Equal(("alice", "admin"), (suspended.Account, suspended.By));
        var listed = await admin.PageAsync("/admin/accounts");
        Assert.Contains("&lt;script&gt;", listed, StringComparison.Ordinal);
        Assert.DoesNotContain("<script>alert", listed, StringComparison.Ordinal);
        using (var again = await admin.SubmitAsync("/admin/accounts/suspend", ("account", "alice")))
        {
            Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        }

        using (var resumed = await admin.SubmitAsync("/admin/accounts/resume", ("account", "alice")))
        {
            Assert.Equal(HttpStatusCode.SeeOther, resumed.StatusCode);
        }

        Assert.Empty(await host.Service<ISuspensionStore>().AllAsync());
        await Eventually.TrueAsync(
            () => File.Exists(host.Options.AuditPath) && File.ReadAllText(host.Options.AuditPath) is var audit
                && audit.Contains("accounts suspend", StringComparison.Ordinal)
                && audit.Contains("admin at 127.0.0.1", StringComparison.Ordinal),
            TimeSpan.FromSeconds(30), () => "the audit log has no such line");
    }

    [Fact]
    public async Task Everything_that_an_account_was_given_is_ended()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var alice = new Browser(host);
        await alice.SignInAsync();
        await host.LoginAsync();
        await host.MakeAsync(new { name = "x" });
        using var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        using (var done = await admin.SubmitAsync("/admin/accounts/end", ("account", "alice")))
        {
            Assert.Equal(HttpStatusCode.SeeOther, done.StatusCode);
        }

        Assert.Empty(await host.Service<IGrantStore>().ListAsync("alice"));
        Assert.Empty(await host.Service<ISessionStore>().ListAsync("alice"));
        Assert.NotEmpty(await host.Service<ISessionStore>().ListAsync("admin"));
    }

    [Fact]
    public async Task An_account_of_a_provider_is_named_in_its_own_spelling_before_anything_is_ended()
    {
        await using var host = await OidcHost.StartAsync();
        using var alice = new Browser(host.Server);
        using (var signedIn = await host.SignInAsync(alice)) Assert.Equal(HttpStatusCode.SeeOther, signedIn.StatusCode);
        using var admin = new Browser(host.Server);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        var page = await admin.PageAsync("/admin/accounts?account=corp:ALICE");
        Assert.Contains("corp:alice", page, StringComparison.Ordinal);
        Assert.Contains("1 sessions", page, StringComparison.Ordinal);
        foreach (var act in (string[])["suspend", "end"])
        {
            using var refused = await admin.SubmitAsync($"/admin/accounts/{act}", ("account", "corp:ALICE"));
            Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
            Assert.Contains(
                "The account is spelled corp:alice.", await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        Assert.Empty(await host.Server.Service<ISuspensionStore>().AllAsync());
        using (var done = await admin.SubmitAsync("/admin/accounts/suspend", ("account", "corp:alice")))
        {
            Assert.Equal(HttpStatusCode.SeeOther, done.StatusCode);
        }

        Assert.Empty(await host.Server.Service<ISessionStore>().ListAsync("corp:alice"));
        using (var other = await admin.SubmitAsync("/admin/accounts/resume", ("account", "corp:ALICE")))
        {
            Assert.Equal(HttpStatusCode.Conflict, other.StatusCode);
        }

        using (var resumed = await admin.SubmitAsync("/admin/accounts/resume", ("account", "corp:alice")))
        {
            Assert.Equal("/admin/accounts?account=corp%3Aalice", resumed.Headers.Location!.ToString());
        }

        Assert.Empty(await host.Server.Service<ISuspensionStore>().AllAsync());
    }

    [Fact]
    public async Task A_name_that_is_no_account_and_the_own_account_are_not_suspended()
    {
        await using var host = await TokenServerHost.StartAsync();
        using var admin = new Browser(host);
        await admin.SignInAsync("admin", TokenServerHost.AdminPassword);
        foreach (var (account, problem) in ((string, string)[])
            [("nobody", "There is no account nobody."), ("admin", "You cannot suspend your own account."), ("", "Name the account.")])
        {
            using var refused = await admin.SubmitAsync("/admin/accounts/suspend", ("account", account));
            Assert.Equal(HttpStatusCode.Conflict, refused.StatusCode);
            Assert.Contains(problem, await refused.Content.ReadAsStringAsync(Cancel), StringComparison.Ordinal);
        }

        Assert.Empty(await host.Service<ISuspensionStore>().AllAsync());
    }
}
