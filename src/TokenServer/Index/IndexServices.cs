namespace AuthIndex.TokenServer.Index;

/// <summary>Registers the catalog of all registries: its reports and its queries.</summary>
internal static class IndexServices
{
    /// <summary>Registers the services.</summary>
    public static IServiceCollection AddIndex(this IServiceCollection services) => services
        .AddSingleton<CatalogReader>()
        .AddSingleton<CatalogSweeper>()
        .AddHostedService(s => s.GetRequiredService<CatalogSweeper>())
        .AddSingleton<AccessQueryEndpoint>()
        .AddSingleton<SearchQueryEndpoint>()
        .AddSingleton<CatalogEndpoint>()
        .AddSingleton<ReportEndpoint>();
}
