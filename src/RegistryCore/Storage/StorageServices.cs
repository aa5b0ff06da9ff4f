using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Storage.Backups;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.RegistryCore.Storage.Sqlite.Collection;
using AuthIndex.RegistryCore.Storage.Uploads;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>Everything that works on the registry's folder.</summary>
internal static class StorageServices
{
    /// <summary>Adds the stores and their maintenance: the same for a server and for a command that works on the folder alone.</summary>
    public static IServiceCollection AddStorage(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton(options.Limits)
        .AddSingleton(options.ContentRules)
        .AddSingleton(options.GarbageCollection)
        .AddSingleton(options.Scrub)
        .AddSingleton<RegistryMetrics>()
        .AddSingleton(_ => new StorageDirectory(options.Root))
        .AddSingleton(s => new SpaceReserve(s.GetRequiredService<StorageDirectory>().Reserve))
        .AddSingleton<RegistryDatabase>()
        .AddSingleton(new ReadCache(options.Limits.ManifestCache.Bytes))
        .AddSingleton<DigestLocks>()
        .AddSingleton<RecentAccess>()
        .AddSingleton(s => ActivatorUtilities.CreateInstance<FreeSpace>(s, options.FreeSpaceFloor))
        .AddSingleton<IRegistryState, SqliteRegistryState>()
        .AddSingleton(s => s.GetRequiredService<IRegistryState>().Repositories)
        .AddSingleton(s => s.GetRequiredService<IRegistryState>().Manifests)
        .AddSingleton(s => s.GetRequiredService<IRegistryState>().Referrers)
        .AddSingleton(s => s.GetRequiredService<IRegistryState>().Tags)
        .AddSingleton(s => s.GetRequiredService<IRegistryState>().Blobs)
        .AddSingleton(s => s.GetRequiredService<IRegistryState>().Outbox)
        .AddSingleton(s => s.GetRequiredService<IRegistryState>().Checked)
        .AddSingleton<BlobStore>()
        .AddSingleton<UploadStore>()
        .AddSingleton<SqliteGarbage>()
        .AddSingleton<MaintenanceLock>()
        .AddSingleton<GarbageCollector>()
        .AddSingleton<Scrubber>()
        .AddSingleton<Backup>();

    /// <summary>Adds what a server does with them in the background.</summary>
    public static IServiceCollection AddStorageMaintenance(this IServiceCollection services) => services
        .AddSingleton<StorageFigures>()
        .AddHostedService(s => s.GetRequiredService<StorageFigures>())
        .AddPeriodicLoop("spaceReserve", SpaceReserve.TakeEvery, s => s.GetRequiredService<SpaceReserve>().Take)
        .AddHostedService<RecentAccessLog>()
        .AddHostedService<GarbageCollectionSchedule>()
        .AddHostedService<ScrubSchedule>();
}
