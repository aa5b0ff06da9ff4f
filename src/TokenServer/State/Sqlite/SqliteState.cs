using AuthIndex.Hosting.Health;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Sessions;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>The stores of a SQLite file.</summary>
internal sealed class SqliteState(StateDatabase database, TimeProvider time) : IState
{
    /// <inheritdoc/>
    public IGrantStore Grants { get; } = new SqliteGrantStore(database, time);

    /// <inheritdoc/>
    public IRevocationStore Revocations { get; } = new SqliteRevocationStore(database, time);

    /// <inheritdoc/>
    public ISuspensionStore Suspensions { get; } = new SqliteSuspensionStore(database);

    /// <inheritdoc/>
    public ISignInHoldStore SignInHolds { get; } = new SqliteSignInHoldStore(database, time);

    /// <inheritdoc/>
    public ISharedFailures? SharedFailures => null;

    /// <inheritdoc/>
    public ICatalogStore Catalog { get; } = new SqliteCatalogStore(database);

    /// <inheritdoc/>
    public ISessionStore Sessions { get; } = new SqliteSessionStore(database);

    /// <inheritdoc/>
    public ILoginCodeStore LoginCodes { get; } = new SqliteLoginCodeStore(database);

    /// <inheritdoc/>
    public IPersonStore People { get; } = new SqlitePersonStore(database);

    /// <inheritdoc/>
    public TimeSpan? LookLasts => null;

    /// <inheritdoc/>
    public TimeSpan NoticedWithin => AccountEnding.NoticedWithin;

    /// <inheritdoc/>
    /// <remarks>Tokens are issued without it; nothing is gained by sending clients elsewhere.</remarks>
    public HealthPart CheckHealth()
    {
        if (database.Damage is { } damage)
        {
            return new HealthPart(
                "database", HealthStatus.Degraded,
                $"{damage}; what could not be read is unavailable: the catalog, or refresh and access tokens");
        }

        try
        {
            database.Read(db => db.ExecuteScalar<long>("SELECT count(*) FROM sqlite_master"));
            return new HealthPart("database", HealthStatus.Ok);
        }
        catch (SqliteException e)
        {
            return new HealthPart(
                "database", HealthStatus.Degraded,
                $"it cannot be read (SQLite error {e.SqliteErrorCode}); the catalog and refresh and access tokens are unavailable");
        }
    }

    /// <inheritdoc/>
    public ValueTask DisposeAsync() => database.DisposeAsync();
}
