namespace AuthIndex.RegistryCore.Uploads;

/// <summary>What answers for uploads.</summary>
internal static class UploadServices
{
    /// <summary>Adds the endpoint, and what removes abandoned sessions.</summary>
    public static IServiceCollection AddUploads(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton<UploadEndpoint>()
        .AddHostedService(s => ActivatorUtilities.CreateInstance<UploadSweeper>(s, options.UploadExpiry));
}
