using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Storage.Backups;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.RegistryCore.Storage.Uploads;

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
        .AddSingleton<RecentAccess>()
        .AddSingleton<FreeSpace>()
        .AddSingleton<BlobStore>()
        .AddSingleton<RepositoryStore>()
        .AddSingleton<ManifestStore>()
        .AddSingleton<TagStore>()
        .AddSingleton<ReferrerStore>()
        .AddSingleton<UploadStore>()
        .AddSingleton<MaintenanceLock>()
        .AddSingleton<GarbageCollector>()
        .AddSingleton<Scrubber>()
        .AddSingleton<Backup>();
}
