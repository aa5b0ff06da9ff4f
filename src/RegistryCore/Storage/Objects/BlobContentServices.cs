using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Files;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Objects.Requests;
using AuthIndex.RegistryCore.Storage.Uploads;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>Where the bytes of blobs and uploads are kept: in files, or in an object store.</summary>
internal static class BlobContentServices
{
    /// <summary>Adds what keeps them.</summary>
    public static IServiceCollection AddBlobContents(this IServiceCollection services, RegistryOptions options) =>
        options.Storage.Objects is not { } store
            ? services.AddSingleton<IBlobBytes, FileBytes>().AddSingleton<IBlobContents, FileBlobs>()
                .AddSingleton<FileUploadStore>()
                .AddSingleton<IUploadStore>(s => s.GetRequiredService<FileUploadStore>())
            : services.AddSingleton(s => new ObjectStore(
                    store, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<ObjectStore>>(),
                    s.GetService<ObjectStoreTiming>()))
                .AddSingleton(new PartBuffers((int)store.PartSize.Bytes, store.UploadMemory.Bytes))
                .AddSingleton(s => Uploads(s, store))
                .AddSingleton<IUploadStore, ObjectUploadStore>()
                .AddSingleton<IBlobBytes, ObjectBytes>()
                .AddSingleton(s => new ObjectLeftovers(
                    s.GetRequiredService<ObjectStore>(), s.GetRequiredService<Postgres.Uploads.PostgresUploads>(),
                    StorageServices.LongestUpload(options), s.GetRequiredService<TimeProvider>()))
                .AddSingleton<IBlobContents>(s => new ObjectBlobs(
                    s.GetRequiredService<ObjectStore>(), s.GetRequiredService<IUploadStore>(), s.GetRequiredService<RegistryMetrics>(),
                    store.Redirect))
                .AddHostedService(s => ActivatorUtilities.CreateInstance<ObjectStoreWatch>(s, new RedirectHosts(
                    options.PublicUrl?.Host, store.Redirect is null ? null : store.ServiceUrl?.Host)));

    private static Postgres.Uploads.PostgresUploads Uploads(IServiceProvider services, ObjectStoreOptions store) =>
        services.GetRequiredService<IRegistryState>() is PostgresRegistryState state
            ? state.Uploads
            : throw new OperatorException(
                $"{store.Section}: needs a PostgreSQL database (registry.database.connectionFile): with SQLite only one registry could "
                    + "use the object store, and files in its data directory serve it better");
}
