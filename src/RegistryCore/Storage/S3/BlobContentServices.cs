using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Metrics;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Files;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.S3.Requests;
using AuthIndex.RegistryCore.Storage.Uploads;

namespace AuthIndex.RegistryCore.Storage.S3;

/// <summary>Where the bytes of blobs and uploads are kept: in files, or in an object store.</summary>
internal static class BlobContentServices
{
    /// <summary>Adds what keeps them.</summary>
    public static IServiceCollection AddBlobContents(this IServiceCollection services, RegistryOptions options) =>
        options.Storage.S3 is not { } s3
            ? services.AddSingleton<IBlobBytes, FileBytes>().AddSingleton<IBlobContents, FileBlobs>()
                .AddSingleton<FileUploadStore>()
                .AddSingleton<IUploadStore>(s => s.GetRequiredService<FileUploadStore>())
            : services.AddSingleton(s => new ObjectStore(
                    s3, s.GetRequiredService<TimeProvider>(), s.GetRequiredService<ILogger<ObjectStore>>(),
                    s.GetService<ObjectStoreTiming>()))
                .AddSingleton(new PartBuffers((int)s3.PartSize.Bytes, s3.UploadMemory.Bytes))
                .AddSingleton(Uploads)
                .AddSingleton<IUploadStore, S3UploadStore>()
                .AddSingleton<IBlobBytes, ObjectBytes>()
                .AddSingleton(s => new ObjectLeftovers(
                    s.GetRequiredService<ObjectStore>(), s.GetRequiredService<Postgres.Uploads.PostgresUploads>(),
                    StorageServices.LongestUpload(options), s.GetRequiredService<TimeProvider>()))
                .AddSingleton<IBlobContents>(s => new S3Blobs(
                    s.GetRequiredService<ObjectStore>(), s.GetRequiredService<IUploadStore>(), s.GetRequiredService<RegistryMetrics>(),
                    s3.Redirect))
                .AddHostedService(s => ActivatorUtilities.CreateInstance<ObjectStoreWatch>(s, new RedirectHosts(
                    options.PublicUrl?.Host, s3.Redirect is null ? null : s3.ServiceUrl?.Host)));

    private static Postgres.Uploads.PostgresUploads Uploads(IServiceProvider services) =>
        services.GetRequiredService<IRegistryState>() is PostgresRegistryState state
            ? state.Uploads
            : throw new OperatorException(
                "registry.storage.s3: needs a PostgreSQL database (registry.database.connectionFile): with SQLite only one registry could "
                    + "use the object store, and files in its data directory serve it better");
}
