namespace AuthIndex.TokenServer.Sessions;

/// <summary>Sessions of the portal.</summary>
internal static class SessionServices
{
    /// <summary>Registers the limits of sessions, and the loop that removes those that have ended.</summary>
    public static IServiceCollection AddSessions(this IServiceCollection services, SessionLimits limits) => services
        .AddSingleton(limits)
        .AddHostedService<SessionSweeper>();
}
