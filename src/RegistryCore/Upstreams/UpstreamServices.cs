using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.RegistryCore.Upstreams.Eviction;
using AuthIndex.RegistryCore.Upstreams.Filling;

namespace AuthIndex.RegistryCore.Upstreams;

/// <summary>What serves other registries' images.</summary>
internal static class UpstreamServices
{
    /// <summary>Adds the upstreams of the configuration.</summary>
    public static IServiceCollection AddUpstreams(this IServiceCollection services, RegistryOptions options) => services
        .AddUpstreamEviction(options)
        .AddHostedService<DownloadFolder>()
        .AddHostedService<RecentUseLog>()
        .AddHostedService<EvictionSchedule>()
        .AddHostedService<UpstreamProbe>()
        .AddSingleton<UpstreamNames>()
        .AddSingleton<BlobFills>()
        .AddSingleton<ManifestPulls>()
        .AddSingleton<UpstreamEndpoint>()
        .AddSingleton<UpstreamListsEndpoint>()
        .AddSingleton<UpstreamReportEndpoint>()
        .AddHostedService<OwnRepositories>();

    /// <summary>Adds what evicts, and tells of upstreams: the same for a server and for a command that works on the folder alone.</summary>
    public static IServiceCollection AddUpstreamEviction(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton(new UpstreamSet([.. options.Upstreams.Select(u => new Upstream(u))]))
        .AddSingleton<UpstreamMetrics>()
        .AddSingleton<UpstreamClients>()
        .AddSingleton<RecentUses>()
        .AddSingleton<Evictor>()
        .AddSingleton<IEviction>(s => s.GetRequiredService<Evictor>())
        .AddSingleton<UpstreamReport>()
        .AddSingleton<Func<UpstreamReport>>(s => s.GetRequiredService<UpstreamReport>); // no other command needs the upstreams' CA files
}
