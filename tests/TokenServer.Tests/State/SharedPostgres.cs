using AuthIndex.TestKit;

[assembly: AssemblyFixture(typeof(AuthIndex.TokenServer.Tests.State.SharedPostgres))]

namespace AuthIndex.TokenServer.Tests.State;

/// <summary>One PostgreSQL and one PgBouncer for all tests of this assembly, each started by the first that asks.</summary>
public sealed class SharedPostgres : IAsyncDisposable
{
    private readonly Lazy<Task<PostgresServer>> server = new(PostgresServer.StartAsync);
    private readonly Lazy<Task<PgBouncer>> pooler;

    public SharedPostgres() => pooler = new(async () => await PgBouncer.StartAsync(await server.Value));

    /// <summary>The server. The test is skipped where none can be started.</summary>
    public Task<PostgresServer> ServerAsync()
    {
        Require(PostgresServer.Obstacle());
        return server.Value;
    }

    /// <summary>The pooler in front of it, likewise.</summary>
    public Task<PgBouncer> PoolerAsync()
    {
        Require(PostgresServer.Obstacle() ?? PgBouncer.Obstacle());
        return pooler.Value;
    }

    /// <summary>Skips the test where something stands in its way.</summary>
    internal static void Require(string? obstacle) => Assert.SkipWhen(obstacle is not null, obstacle ?? "");

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (pooler.IsValueCreated) await (await pooler.Value).DisposeAsync();
        if (server.IsValueCreated) await (await server.Value).DisposeAsync();
    }
}
