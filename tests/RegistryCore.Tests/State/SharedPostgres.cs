using AuthIndex.TestKit;

[assembly: AssemblyFixture(typeof(AuthIndex.RegistryCore.Tests.State.SharedPostgres))]

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>One PostgreSQL and one PgBouncer for all tests of this assembly, each started by the first that asks.</summary>
public sealed class SharedPostgres : IAsyncDisposable
{
    private readonly Lazy<Task<PostgresServer>> server = new(PostgresServer.StartAsync);
    private readonly Lazy<Task<PgBouncer>> pooler;

    public SharedPostgres() => pooler = new(async () => await PgBouncer.StartAsync(await server.Value));

    /// <summary>Makes an empty database. The test is skipped where no server can be started.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync()
    {
        Require(PostgresServer.Obstacle());
        return await (await server.Value).CreateDatabaseAsync();
    }

    /// <summary>Makes an empty database, to be reached by way of the pooler. Likewise.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreatePooledDatabaseAsync()
    {
        Require(PostgresServer.Obstacle() ?? PgBouncer.Obstacle());
        var postgres = await server.Value;
        return postgres.ConnectionString(await postgres.CreateAsync(), (await pooler.Value).Port);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (pooler.IsValueCreated) await (await pooler.Value).DisposeAsync();
        if (server.IsValueCreated) await (await server.Value).DisposeAsync();
    }

    private static void Require(string? obstacle) => Assert.SkipWhen(obstacle is not null, obstacle ?? "");
}
