using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Keys;

/// <summary>The signing keys, and where registries find the public ones.</summary>
internal static class KeyServices
{
    /// <summary>Adds them.</summary>
    public static IServiceCollection AddKeys(this IServiceCollection services, TokenServerOptions options)
    {
        services.AddSingleton(
            s => new KeyStore(options.KeyDemands, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<KeyStore>>()));
        services.AddPeriodicLoop("keyWatch", KeyStore.LookEvery, s => s.GetRequiredService<KeyStore>().Refresh);
        return services.AddSingleton<JwksEndpoint>();
    }
}
