using AuthIndex.TestKit;

[assembly: AssemblyFixture(typeof(AuthIndex.RegistryCore.Tests.State.SharedPostgres))]

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>The databases of this assembly's tests.</summary>
public sealed class SharedPostgres() : PooledPostgres(obstacle => Assert.SkipWhen(obstacle is not null, obstacle ?? ""))
{
    /// <summary>Makes an empty database. The test is skipped where no server can be started.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabaseAsync() => await (await ServerAsync()).CreateDatabaseAsync();

    /// <summary>Makes an empty database, to be reached by way of the pooler. Likewise.</summary>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreatePooledDatabaseAsync()
    {
        var (pooler, postgres) = (await PoolerAsync(), await ServerAsync());
        return postgres.ConnectionString(await postgres.CreateAsync(), pooler.Port);
    }
}
