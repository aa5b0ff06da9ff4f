namespace AuthIndex.TokenServer.Sessions;

/// <summary>Sessions of the portal.</summary>
internal static class SessionServices
{
    /// <summary>Adds them.</summary>
    public static IServiceCollection AddSessions(this IServiceCollection services, SessionLimits limits) => services
        .AddSingleton(limits)
        .AddHostedService<SessionSweeper>();
}
