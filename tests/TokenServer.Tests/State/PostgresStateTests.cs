using AuthIndex.TokenServer.State;
using AuthIndex.TokenServer.State.Postgres;
using Microsoft.Extensions.Logging.Abstractions;

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>PostgreSQL does what every database must.</summary>
public sealed class PostgresStateTests(SharedPostgres postgres) : StateTests
{
    private string? connection;

    private protected override async Task<IState> OpenAsync()
    {
        connection ??= await (await postgres.ServerAsync()).CreateDatabaseAsync();
        return await PostgresState.OpenAsync(connection, Clock, NullLogger.Instance);
    }
}

/// <summary>The same by way of PgBouncer in transaction mode, where every transaction may be on another connection.</summary>
public sealed class PooledStateTests(SharedPostgres postgres) : StateTests
{
    private string? connection;

    private protected override async Task<IState> OpenAsync()
    {
        if (connection is null)
        {
            var server = await postgres.ServerAsync();
            connection = server.ConnectionString(await server.CreateAsync(), (await postgres.PoolerAsync()).Port);
        }

        return await PostgresState.OpenAsync(connection, Clock, NullLogger.Instance);
    }
}
