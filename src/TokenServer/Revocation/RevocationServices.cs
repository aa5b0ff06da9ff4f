namespace AuthIndex.TokenServer.Revocation;

/// <summary>What was revoked, who is suspended or held back, and how registries hear of it.</summary>
internal static class RevocationServices
{
    /// <summary>Registers the feed for registries, and the loops that follow revocations and held-back sign-ins in the database.</summary>
    public static IServiceCollection AddRevocation(this IServiceCollection services) => services
        .AddSingleton<RevocationWatch>()
        .AddHostedService(s => s.GetRequiredService<RevocationWatch>())
        .AddHostedService<HoldKeeper>()
        .AddSingleton<RevocationFeedEndpoint>();
}
