using AuthIndex.Hosting.Background;
using AuthIndex.TokenServer.Identity.Htpasswd;
using AuthIndex.TokenServer.Identity.Ldap;
using AuthIndex.TokenServer.Identity.Oidc;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Identity.Passwords;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Metrics;

namespace AuthIndex.TokenServer.Identity;

/// <summary>Registers the account sources, suspensions and sign-in limits.</summary>
internal static class IdentityServices
{
    /// <summary>Adds the sources in the order in which they are asked, with the checks before and after them.</summary>
    public static IServiceCollection AddIdentity(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton<HeldAccounts>()
        .AddSingleton(s => new SignInLimits(
            options.SignInLimits, Time(s), s.GetRequiredService<HeldAccounts>(), s.GetService<ISharedFailures>()))
        .AddHtpasswd(options)
        .AddSingleton(s => new CertificateSource(options.Tls.ClientCertificates, Time(s)))
        .AddLdap(options)
        .AddOidc(options)
        .AddSingleton(s => new IdentityChain(
            [
                s.GetRequiredService<HtpasswdSource>(),
                s.GetRequiredService<CertificateSource>(),
                s.GetRequiredService<OidcSource>(),
                s.GetRequiredService<PeopleSource>(),
                .. s.GetRequiredService<LdapSources>().All,
            ]))
        .AddSingleton(s => new PasswordCache(options.RememberPasswords, Time(s), s.GetRequiredService<TokenMetrics>()))
        .AddSingleton<PasswordSignIn>()
        .AddSingleton<AccountFinder>();

    private static IServiceCollection AddHtpasswd(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton(s => new HtpasswdFile(options.HtpasswdPath, Time(s), s.GetRequiredService<ILogger<HtpasswdFile>>()))
        .AddSingleton(_ => new PasswordThreads(Environment.ProcessorCount))
        .AddSingleton<HtpasswdSource>();

    private static IServiceCollection AddLdap(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton(s => new LdapSources(
            options.Ldap,
            Time(s),
            s.GetRequiredService<ILogger<LdapSource>>(),
            s.GetRequiredService<TokenMetrics>(),
            s.GetRequiredService<HeldAccounts>(),
            s.GetService<ISharedFailures>()))
        .AddSingleton(s => ActivatorUtilities.CreateInstance<SharedNamesCheck>(s, options))
        .AddHostedService(s => s.GetRequiredService<SharedNamesCheck>());

    private static IServiceCollection AddOidc(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton(
            s => new OidcIssuers(
                options.Oidc, options.OidcPath, s.GetRequiredService<BackgroundLoops>(), s.GetRequiredService<ILogger<OidcIssuers>>()))
        .AddHostedService(s => s.GetRequiredService<OidcIssuers>())
        .AddSingleton<OidcSource>()
        .AddSingleton(new OidcProviders(options.Portal.Providers, options.Oidc, options.PublicUrl))
        .AddSingleton<PeopleSource>();

    private static TimeProvider Time(IServiceProvider services) => services.GetRequiredService<TimeProvider>();
}
