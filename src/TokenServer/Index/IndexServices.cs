namespace AuthIndex.TokenServer.Index;

/// <summary>The catalogue of all registries: what they report to it, and what it answers.</summary>
internal static class IndexServices
{
    /// <summary>Adds it.</summary>
    public static IServiceCollection AddIndex(this IServiceCollection services) => services
        .AddSingleton<CatalogReader>()
        .AddSingleton<CatalogSweeper>()
        .AddHostedService(s => s.GetRequiredService<CatalogSweeper>())
        .AddSingleton<AccessQueryEndpoint>()
        .AddSingleton<CatalogEndpoint>()
        .AddSingleton<ReportEndpoint>();
}
