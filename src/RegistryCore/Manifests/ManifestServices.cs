namespace AuthIndex.RegistryCore.Manifests;

/// <summary>What answers for manifests and referrers.</summary>
internal static class ManifestServices
{
    /// <summary>Registers what receives, checks and serves manifests.</summary>
    public static IServiceCollection AddManifests(this IServiceCollection services) => services
        .AddSingleton<BodyBudget>()
        .AddSingleton<ManifestReceiver>()
        .AddSingleton<ManifestEndpoint>()
        .AddSingleton<ReferrersEndpoint>();
}
