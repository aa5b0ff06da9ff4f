using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Metrics;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>Everything that stands on the registry's folder: the same for a server and for a command that works on the folder alone.</summary>
internal static class StorageServices
{
    /// <summary>Adds the stores and their housekeeping.</summary>
    public static IServiceCollection AddRegistryStorage(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton<RegistryMetrics>()
        .AddSingleton<StorageDirectory>()
        .AddSingleton(s => new SpaceReserve(s.GetRequiredService<StorageDirectory>().Reserve))
        .AddSingleton<RegistryDatabase>()
        .AddSingleton(new ReadCache(options.Limits.ManifestCache.Bytes))
        .AddSingleton<DigestLocks>()
        .AddSingleton<Touches>()
        .AddSingleton<FreeSpace>()
        .AddSingleton<BlobStore>()
        .AddSingleton<ManifestStore>()
        .AddSingleton<UploadStore>()
        .AddSingleton<Housekeeping>()
        .AddSingleton<GarbageCollector>()
        .AddSingleton<Scrubber>()
        .AddSingleton<Backup>();
}
