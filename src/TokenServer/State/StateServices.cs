using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;

namespace AuthIndex.TokenServer.State;

/// <summary>The folder and the database of what the server keeps.</summary>
internal static class StateServices
{
    /// <summary>Adds them.</summary>
    public static IServiceCollection AddState(this IServiceCollection services, TokenServerOptions options)
    {
        services.AddSingleton(_ => DataDirectory.Hold(options.StatePath));
        services.AddSingleton(_ => StateDatabase.ReserveBeside(options.DatabaseFile));
        services.AddPeriodicLoop("spaceReserve", SpaceReserve.TakeEvery, s => s.GetRequiredService<SpaceReserve>().Take);
        return services.AddSingleton(s => new StateDatabase(options.DatabaseFile, s.GetRequiredService<SpaceReserve>()));
    }
}
