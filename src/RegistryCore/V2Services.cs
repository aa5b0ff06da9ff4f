using AuthIndex.Hosting.Web;
using AuthIndex.RegistryCore.Blobs;
using AuthIndex.RegistryCore.Catalog;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Tags;
using AuthIndex.RegistryCore.Uploads;
using AuthIndex.RegistryCore.Upstreams;

namespace AuthIndex.RegistryCore;

/// <summary>What answers under <c>/v2/</c>.</summary>
internal static class V2Services
{
    /// <summary>Adds the routes, and the endpoints to which they lead.</summary>
    public static IServiceCollection AddV2(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton<CatalogEndpoint>()
        .AddSingleton<SearchEndpoint>()
        .AddSingleton<TagsEndpoint>()
        .AddSingleton<TagHistoryEndpoint>()
        .AddSingleton<SizesEndpoint>()
        .AddManifests()
        .AddSingleton<BlobEndpoint>()
        .AddUploads(options)
        .AddUpstreams(options)
        .AddSingleton(s => new UnauthenticatedRate(options.Limits.UnauthenticatedPerSecond, s.GetRequiredService<TimeProvider>()))
        .AddSingleton<V2Routes>()
        .AddSingleton<V2Path>()
        .AddSingleton(s => ActivatorUtilities.CreateInstance<V2Endpoint>(s, options.PublicUrl?.AbsoluteUri.TrimEnd('/') ?? ""));
}
