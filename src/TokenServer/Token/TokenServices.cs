using AuthIndex.Hosting.Web;
using AuthIndex.TokenServer.Keys;
using AuthIndex.TokenServer.Metrics;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Revocation;

namespace AuthIndex.TokenServer.Token;

/// <summary>Registers the services that decide, issue and read registry tokens.</summary>
internal static class TokenServices
{
    /// <summary>Registers the services.</summary>
    public static IServiceCollection AddTokens(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton<TokenMetrics>()
        .AddSingleton(
            s => new ShadowPolicy(s.ShadowPolicies(), s.GetRequiredService<TokenMetrics>(), s.GetRequiredService<ILogger<ShadowPolicy>>()))
        .AddSingleton(s => new UnauthenticatedRate(options.UnauthenticatedPerSecond, s.GetRequiredService<TimeProvider>()))
        .AddSingleton<DecisionReport>()
        .AddSingleton(s => new TokenIssuer(s.GetRequiredService<KeyStore>(), options.Issuer, options.TokenLifetime))
        .AddSingleton(s => new TokenIntrospection(
            s.GetRequiredService<KeyStore>(), s.GetRequiredService<IRevocationStore>(), options.Issuer))
        .AddSingleton<TokenEndpoint>();
}
