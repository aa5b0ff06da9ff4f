using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.RegistryCore.Upstreams.Filling;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>What serves other registries' images.</summary>
internal static class UpstreamServices
{
    /// <summary>Adds the upstreams of the configuration.</summary>
    public static IServiceCollection AddUpstreams(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton(new UpstreamSet([.. options.Upstreams.Select(u => new Upstream(u))]))
        .AddSingleton<UpstreamNames>()
        .AddSingleton<UpstreamMetrics>()
        .AddSingleton<UpstreamClients>()
        .AddSingleton<BlobFills>()
        .AddSingleton<ManifestPulls>()
        .AddSingleton<UpstreamEndpoint>()
        .AddSingleton<UpstreamListsEndpoint>()
        .AddHostedService<OwnRepositories>();
}
