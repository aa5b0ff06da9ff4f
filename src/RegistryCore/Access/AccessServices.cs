using AuthIndex.Hosting.Tls;
using AuthIndex.RegistryCore.Access.IndexLink;

namespace AuthIndex.RegistryCore.Access;

/// <summary>Who may do what: tokens, the keys that prove them, and the connection to the token server that issues them.</summary>
internal static class AccessServices
{
    /// <summary>Adds the check of every request.</summary>
    public static IServiceCollection AddAccess(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton(options.TokenServer)
        .AddSingleton(options.Revocations)
        .AddSingleton(options.Identity)
        .AddSingleton(
            s => TokenServerHttp.Create(options.TokenServer, TokenServerHttp.Timeout, s.GetRequiredService<ILogger<CertificateFiles>>()))
        .AddSingleton<IndexConnection>()
        .AddSingleton<IndexClient>()
        .AddSingleton<TrustedKeys>()
        .AddHostedService(s => s.GetRequiredService<TrustedKeys>())
        .AddSingleton<RevokedTokens>()
        .AddSingleton<RevocationFeedHealth>()
        .AddSingleton<Introspection>()
        .AddSingleton<BearerValidator>()
        .AddSingleton(new Challenge(options.TokenServer.PublicRealm.AbsoluteUri, options.Service))
        .AddSingleton<AccessCheck>();
}
