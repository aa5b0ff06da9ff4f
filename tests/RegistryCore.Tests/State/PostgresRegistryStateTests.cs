using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Postgres;

namespace AuthIndex.RegistryCore.Tests.State;

/// <summary>PostgreSQL does what every database must.</summary>
public class PostgresRegistryStateTests(SharedPostgres postgres) : RegistryStateTests
{
    private readonly List<PostgresRegistryState> opened = [];

    private protected override async Task<(IRegistryState One, IRegistryState Other)> OpenAsync()
    {
        var connection = await CreateDatabaseAsync(postgres);
        for (var i = 0; i < 2; i++)
        {
            opened.Add(await PostgresRegistryState.OpenAsync(connection, Limits, Collection, Rules, Clock));
        }

        return (opened[0], opened[1]);
    }

    /// <summary>Makes an empty database.</summary>
    private protected virtual Task<string> CreateDatabaseAsync(SharedPostgres servers) => servers.CreateDatabaseAsync();

    private protected override async ValueTask CloseAsync()
    {
        foreach (var state in opened) await state.DisposeAsync();
    }

    private protected override string KeyOf(Digest digest) => RandomNumberGenerator.GetHexString(32, lowercase: true);
}

/// <summary>The same by way of PgBouncer in transaction mode, where every transaction may be on another connection.</summary>
public sealed class PooledRegistryStateTests(SharedPostgres postgres) : PostgresRegistryStateTests(postgres)
{
    private protected override Task<string> CreateDatabaseAsync(SharedPostgres servers) => servers.CreatePooledDatabaseAsync();
}
