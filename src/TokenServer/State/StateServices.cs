using AuthIndex.Hosting.Background;
using AuthIndex.Hosting.Files;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.State.Postgres;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.State;

/// <summary>The folder, the database and the stores of what the server keeps.</summary>
internal static class StateServices
{
    /// <summary>Registers the stores of the token server, and opens the database.</summary>
    public static IServiceCollection AddState(this IServiceCollection services, TokenServerOptions options)
    {
        services.AddSingleton(_ => DataDirectory.Hold(options.StatePath));
        services.AddSingleton(_ => StateDatabase.ReserveBeside(options.DatabaseFile));
        services.AddPeriodicLoop("spaceReserve", SpaceReserve.TakeEvery, s => s.GetRequiredService<SpaceReserve>().Take);
        if (options.SharesDatabase) services.AddSingleton(s => s.GetRequiredService<IState>().SharedFailures!);
        return services
            .AddSingleton(s => new SuspendedAccounts(s.GetRequiredService<IState>().LookLasts))
            .AddSingleton(s => new StateDatabase(options.DatabaseFile, s.GetRequiredService<SpaceReserve>()))
            .AddSingleton(s => Open(options, s))
            .AddSingleton(s => s.GetRequiredService<IState>().Grants)
            .AddSingleton(s => s.GetRequiredService<IState>().Revocations)
            .AddSingleton(s => s.GetRequiredService<IState>().Suspensions)
            .AddSingleton(s => s.GetRequiredService<IState>().SignInHolds)
            .AddSingleton(s => s.GetRequiredService<IState>().Catalog)
            .AddSingleton(s => s.GetRequiredService<IState>().Sessions)
            .AddSingleton(s => s.GetRequiredService<IState>().LoginCodes)
            .AddSingleton(s => s.GetRequiredService<IState>().People);
    }

    private static IState Open(TokenServerOptions options, IServiceProvider services)
    {
        var time = services.GetRequiredService<TimeProvider>();
        return options.Database.ConnectionFile is { } file
            ? StateFactory.OpenSharedAsync(file, time, services.GetRequiredService<ILogger<PostgresState>>())
                .GetAwaiter().GetResult() // the one wait of a start
            : new SqliteState(services.GetRequiredService<StateDatabase>(), time);
    }
}
