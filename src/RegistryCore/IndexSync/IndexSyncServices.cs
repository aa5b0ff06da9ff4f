namespace AuthIndex.RegistryCore.IndexSync;

/// <summary>What tells the index of changes and pulls.</summary>
internal static class IndexSyncServices
{
    /// <summary>Adds the reports to the index.</summary>
    public static IServiceCollection AddIndexSync(this IServiceCollection services, RegistryOptions options) => services
        .AddSingleton(options.Reporting)
        .AddSingleton<RecentPulls>()
        .AddSingleton<IndexReportClient>()
        .AddSingleton<Resync>()
        .AddSingleton<IndexReporter>()
        .AddHostedService(s => s.GetRequiredService<IndexReporter>());
}
