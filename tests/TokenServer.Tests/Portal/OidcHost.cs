using System.Net;
using AuthIndex.Hosting.Configuration;
using AuthIndex.TestKit;
using AuthIndex.TokenServer.Identity.Oidc.People;

namespace AuthIndex.TokenServer.Tests.Portal;

/// <summary>A token server where people sign in at a provider, and that provider.</summary>
internal sealed class OidcHost : IAsyncDisposable
{
    public const string Policy = TokenServerHost.Policy + """
          - id: developers
            to: ["group:corp:developers"]
            allow: maintainer
            on: ["dev/**"]
            when: { signedInBy: [oidc] }

        """;

    private readonly TemporaryDirectory folder = new();

    private OidcHost()
    {
    }

    public FakeTimeProvider Clock { get; } = new(TokenServerHost.Start);

    public TokenServerHost Server { get; private set; } = null!;

    public OidcIssuerServer Issuer { get; private set; } = null!;

    public OidcPeople People => Issuer.People!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static async Task<OidcHost> StartAsync(
        Action<OidcProviderOptions>? configure = null, Action<TokenServerOptions>? more = null, string? publicUrl = null)
    {
        var host = new OidcHost();
        host.Issuer = await OidcIssuerServer.StartAsync(host.Clock);
        host.Issuer.People = new OidcPeople(host.Issuer, host.Clock);
        await File.WriteAllTextAsync(host.folder["secret"], OidcPeople.ClientSecret + "\n", Cancel);
        File.SetUnixFileMode(host.folder["secret"], UnixFileMode.UserRead | UnixFileMode.UserWrite);
        var port = FreePort.At(IPAddress.Loopback);
        host.Server = await TokenServerHost.StartAsync(
            o =>
            {
                o.Listen = new ListenAddress("127.0.0.1", port);
                o.PublicUrl = new Uri(publicUrl ?? $"http://127.0.0.1:{port}");
                o.Portal.Providers.Add(Provider(host, "corp"));
                o.Portal.Providers.Add(Provider(host, "other"));
                configure?.Invoke(o.Portal.Providers[0]);
                more?.Invoke(o);
            },
            Policy, host.Clock);
        return host;
    }

    /// <summary>Opens the sign-in page and goes to a provider; where the provider is asked to answer.</summary>
    public static async Task<Uri> GoAsync(Browser browser, string back = "/", string provider = "corp")
    {
        await browser.PageAsync("/sign-in?again=1"); // the form, also for somebody who is signed in
        using var gone = await browser.SendAsync("GET", $"/sign-in/with/{provider}?return={Uri.EscapeDataString(back)}");
        Assert.Equal(HttpStatusCode.Redirect, gone.StatusCode);
        return gone.Headers.Location!;
    }

    /// <summary>Comes back from the provider.</summary>
    public static Task<HttpResponseMessage> ReturnAsync(Browser browser, Uri back) => browser.SendAsync("GET", back.PathAndQuery);

    /// <summary>Signs in at the provider.</summary>
    public async Task<HttpResponseMessage> SignInAsync(Browser browser, string person = "alice", string back = "/") =>
        await ReturnAsync(browser, People.Allow(await GoAsync(browser, back), person));

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        await Issuer.DisposeAsync();
        folder.Dispose();
    }

    private static OidcProviderOptions Provider(OidcHost host, string name) => new()
    {
        Name = name,
        DisplayName = $"The {name} provider",
        Issuer = host.Issuer.Issuer,
        ClientId = OidcPeople.ClientId,
        ClientSecretFile = host.folder["secret"],
        Account = "{preferred_username}",
        Groups = ["{groups[]}"],
    };
}
