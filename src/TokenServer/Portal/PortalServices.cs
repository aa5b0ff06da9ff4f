using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Portal.Administration;
using AuthIndex.TokenServer.Portal.Images;
using AuthIndex.TokenServer.Portal.SignIn;
using AuthIndex.TokenServer.Sessions;

namespace AuthIndex.TokenServer.Portal;

/// <summary>The pages that people see in a browser.</summary>
internal static class PortalServices
{
    /// <summary>Registers the portal's pages and what they need.</summary>
    public static IServiceCollection AddPortal(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton(options.Portal)
        .AddSingleton(new PortalSite(options.PublicUrl))
        .AddSingleton(new SessionCookies(options.PublicUrl is { } url
            ? url.Scheme == Uri.UriSchemeHttps
            : options.Tls.CertificateFile is not null))
        .AddSessions(new SessionLimits(options.Portal.SessionIdle, options.Portal.SessionLifetime))
        .AddSingleton<SessionCheck>()
        .AddSingleton<PageRenderer>()
        .AddSingleton<ErrorPages>()
        .AddSingleton<PortalGate>()
        .AddSingleton<SessionActs>()
        .AddSingleton<SessionStart>()
        .AddSingleton<SignInForm>()
        .AddSingleton<OidcHandlers>()
        .AddSingleton<OidcSignInEndpoint>()
        .AddSingleton<SignInPageEndpoint>()
        .AddSingleton<SearchPageEndpoint>()
        .AddSingleton<RepositoryPageEndpoint>()
        .AddSingleton<AccessPageEndpoint>()
        .AddSingleton<LoginCodeEndpoint>()
        .AddSingleton<Denials.DenialsPageEndpoint>()
        .AddImages()
        .AddAdministration(options);
}
