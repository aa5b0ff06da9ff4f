using AuthIndex.Hosting.Background;

namespace AuthIndex.TokenServer.Keys;

/// <summary>Registers the signing keys and their endpoint.</summary>
internal static class KeyServices
{
    /// <summary>Registers the services.</summary>
    public static IServiceCollection AddKeys(this IServiceCollection services, TokenServerOptions options)
    {
        services.AddSingleton(
            s => new KeyStore(options.KeyDemands, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<KeyStore>>()));
        services.AddPeriodicLoop("keyWatch", KeyStore.LookEvery, s => s.GetRequiredService<KeyStore>().Refresh);
        return services.AddSingleton<JwksEndpoint>();
    }
}
