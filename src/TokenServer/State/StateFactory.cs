using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.State.Postgres;
using AuthIndex.TokenServer.State.Sqlite;

namespace AuthIndex.TokenServer.State;

/// <summary>Opens the database that the configuration names.</summary>
internal static class StateFactory
{
    /// <summary>Whether there is a database already, so that a command that only looks need not create one.</summary>
    public static bool Exists(TokenServerOptions options) => options.SharesDatabase || FileOwnership.Exists(options.DatabaseFile);

    /// <summary>Opens it for a command, alongside servers that may be running. A file is created if there is none.</summary>
    /// <exception cref="OperatorException">
    /// It does not answer, is of a newer version, or this machine's clock differs from it: what a command revokes would begin or end at
    /// the wrong time.
    /// </exception>
    public static async Task<IState> OpenAsync(TokenServerOptions options, TimeProvider time)
    {
        if (options.Database.ConnectionFile is not { } file)
        {
            DataDirectory.Ensure(options.StatePath);
            return new SqliteState(new StateDatabase(options.DatabaseFile), time);
        }

        var state = await OpenSharedAsync(file, time);
        try
        {
            var asked = TimeProvider.System.GetUtcNow();
            var look = await state.Revocations.LookAsync();
            return look.ClockProblem(asked, TimeProvider.System.GetUtcNow()) is { } problem ? throw new OperatorException(problem) : state;
        }
        catch
        {
            await state.DisposeAsync();
            throw;
        }
    }

    /// <summary>Opens the shared database, whatever the clocks say.</summary>
    /// <param name="file">The file with its connection string.</param>
    /// <param name="time">The clock.</param>
    /// <param name="server">The log of a server that starts; null for a command.</param>
    /// <exception cref="OperatorException">It does not answer, or is of a newer version.</exception>
    public static async Task<IState> OpenSharedAsync(string file, TimeProvider time, ILogger? server = null)
    {
        try
        {
            return await PostgresState.OpenAsync(DatabaseOptions.Read(file), time, server);
        }
        catch (DatabaseUnavailableException e)
        {
            throw new OperatorException($"tokenServer.database.connectionFile ({file}): {e.Message}", e);
        }
    }
}
