using AuthIndex.Hosting;
using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Backups;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Postgres.Collection;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.RegistryCore.Storage.Sqlite.Collection;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>Everything that works on the registry's folder.</summary>
internal static class StorageServices
{
    /// <summary>Adds the stores and their maintenance: the same for a server and for a command that works on the folder alone.</summary>
    /// <exception cref="OperatorException">The database and the store of bytes do not go together.</exception>
    public static IServiceCollection AddStorage(this IServiceCollection services, RegistryOptions options)
    {
        if (options.Database.ConnectionFile is not null && options.Storage.Objects is null)
        {
            throw new OperatorException(
                "registry.database.connectionFile: several registries on one database need blobs in an object store, because each has a "
                + "data directory of its own: set registry.storage.s3 or registry.storage.azure, or remove the key");
        }

        services
            .AddSingleton(options.Limits)
            .AddSingleton(options.ContentRules)
            .AddSingleton(options.GarbageCollection)
            .AddSingleton(options.Scrub)
            .AddSingleton(JobsOf(options))
            .AddSingleton<RegistryMetrics>()
            .AddSingleton(_ => new StorageDirectory(options.Root))
            .AddSingleton(s => new SpaceReserve(s.GetRequiredService<StorageDirectory>().Reserve))
            .AddSingleton<DigestLocks>()
            .AddSingleton(s => ActivatorUtilities.CreateInstance<FreeSpace>(s, options.FreeSpaceFloor))
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Repositories)
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Manifests)
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Referrers)
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Tags)
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Blobs)
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Outbox)
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Uses)
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Checked)
            .AddSingleton(s => s.GetRequiredService<IRegistryState>().Leases)
            .AddSingleton<BlobStore>()
            .AddBlobContents(options)
            .AddSingleton<MaintenanceLock>()
            .AddSingleton<GarbageCollector>()
            .AddSingleton(s => new Verifier(
                s.GetRequiredService<ICheckedContent>(), s.GetRequiredService<IBlobBytes>(), LongestUpload(options),
                s.GetRequiredService<TimeProvider>()))
            .AddSingleton<Scrubber>();
        return options.Database.ConnectionFile is { } file
            ? services.AddSharedState(() => DatabaseOptions.Read(file), demandsClock: true)
            : services.AddOwnState();
    }

    private static OwnJobs JobsOf(RegistryOptions options) => new(
    [
        .. options.Reporting.Enabled ? [SingletonJob.Reporting] : (string[])[],
        .. options.Scrub.Every > TimeSpan.Zero ? [SingletonJob.Scrub] : (string[])[],
    ]);

    /// <summary>How long after the last byte bytes can lie without a row: as long as an upload can lie untouched, and some more.</summary>
    internal static TimeSpan LongestUpload(RegistryOptions options) => options.UploadExpiry + TimeSpan.FromHours(1);

    /// <summary>Adds the rows of a registry that is a single process: a SQLite file in its folder.</summary>
    private static IServiceCollection AddOwnState(this IServiceCollection services) => services
        .AddSingleton<RegistryDatabase>()
        .AddSingleton(s => new ReadCache(s.GetRequiredService<LimitOptions>().ManifestCache.Bytes))
        .AddSingleton<RecentAccess>()
        .AddSingleton<IRegistryState, SqliteRegistryState>()
        .AddSingleton<SqliteGarbage>()
        .AddSingleton<ICollector, SqliteCollector>()
        .AddSingleton<Backup>();

    /// <summary>Adds the rows of a registry of any number of processes: a PostgreSQL database.</summary>
    /// <param name="services">Where to.</param>
    /// <param name="connection">Reads the connection string.</param>
    /// <param name="demandsClock">Whether nothing is written while this process's clock differs from the database's.</param>
    internal static IServiceCollection AddSharedState(
        this IServiceCollection services, Func<string> connection, bool demandsClock = false) => services
        .AddSingleton(s => PostgresRegistryState.OpenAsync(
            connection(),
            s.GetRequiredService<LimitOptions>(),
            s.GetRequiredService<GarbageCollectionOptions>(),
            s.GetRequiredService<ContentRules>(),
            s.GetRequiredService<TimeProvider>(),
            demandsClock: demandsClock).GetAwaiter().GetResult())
        .AddSingleton<IRegistryState>(s => s.GetRequiredService<PostgresRegistryState>())
        .AddSingleton(s => s.GetRequiredService<PostgresRegistryState>().Garbage)
        .AddSingleton(s => s.GetRequiredService<PostgresRegistryState>().Forecast)
        .AddSingleton(s => s.GetRequiredService<PostgresRegistryState>().Leases)
        .AddSingleton<ICollector, PostgresCollector>();

    /// <summary>Adds what a server does with them in the background.</summary>
    public static IServiceCollection AddStorageMaintenance(this IServiceCollection services, RegistryOptions options)
    {
        // First, so that it ends last: what holds a lease ends before the lease is given up.
        if (options.Database.ConnectionFile is not null) services.AddHostedService<LeaseRenewal>();
        else services.AddHostedService<RecentAccessLog>();
        return services
            .AddSingleton<StorageFigures>()
            .AddHostedService(s => s.GetRequiredService<StorageFigures>())
            .AddPeriodicLoop("spaceReserve", SpaceReserve.TakeEvery, s => s.GetRequiredService<SpaceReserve>().Take)
            .AddHostedService<GarbageCollectionSchedule>()
            .AddHostedService<ScrubSchedule>();
    }
}
