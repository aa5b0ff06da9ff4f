namespace AuthIndex.TestKit;

/// <summary>One PostgreSQL and one PgBouncer for all tests of an assembly, each started by the first that asks.</summary>
/// <param name="require">Skips the test for a reason why one of them cannot be started here; does nothing for null.</param>
public abstract class PooledPostgres(Action<string?> require) : IAsyncDisposable
{
    private readonly Lazy<Task<PostgresServer>> server = new(PostgresServer.StartAsync);
    private Task<PgBouncer>? pooler;

    /// <summary>The server.</summary>
    public Task<PostgresServer> ServerAsync()
    {
        require(PostgresServer.Obstacle());
        return server.Value;
    }

    /// <summary>The pooler in front of it.</summary>
    public Task<PgBouncer> PoolerAsync()
    {
        require(PostgresServer.Obstacle() ?? PgBouncer.Obstacle());
        lock (server) return pooler ??= StartPoolerAsync();
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        if (pooler is not null) await (await pooler).DisposeAsync();
        if (server.IsValueCreated) await (await server.Value).DisposeAsync();
    }

    private async Task<PgBouncer> StartPoolerAsync() => await PgBouncer.StartAsync(await server.Value);
}
