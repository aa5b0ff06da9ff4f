namespace AuthIndex.TokenServer.Grants;

/// <summary>Refresh tokens and access tokens.</summary>
internal static class GrantServices
{
    /// <summary>Registers the services.</summary>
    public static IServiceCollection AddGrants(this IServiceCollection services, TokenServerOptions options) => services
        .AddSingleton(GrantLimits.Of(options))
        .AddSingleton<RememberedGrants>()
        .AddSingleton<GrantUsageRecorder>()
        .AddHostedService(s => s.GetRequiredService<GrantUsageRecorder>())
        .AddSingleton<GrantFactory>();
}
