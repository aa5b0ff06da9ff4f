using AuthIndex.Hosting;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenServer.Grants;
using AuthIndex.TokenServer.Identity.Oidc.People;
using AuthIndex.TokenServer.Identity.Throttling;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Revocation;
using AuthIndex.TokenServer.Sessions;
using Dapper;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>The stores of a PostgreSQL database, which any number of servers and commands use at once.</summary>
internal sealed class PostgresState : IState
{
    /// <summary>
    /// How long a server may go without having looked for endings and suspensions: beyond, it signs in nobody until it has.
    /// </summary>
    public static readonly TimeSpan LongestUnnoticed = TimeSpan.FromSeconds(2);

    /// <summary>What is in the names of the schema's scripts.</summary>
    public const string SchemaFolder = ".State.Postgres.Schema.";

    private readonly PostgresDatabase database;
    private readonly PostgresDatabase watched;

    private PostgresState(
        PostgresDatabase database, PostgresDatabase watched, byte[] signInKey, bool hasParts, TimeProvider time)
    {
        (this.database, this.watched) = (database, watched);
        Grants = new PostgresGrantStore(database, time);
        Revocations = new PostgresRevocationStore(database, watched, time);
        Suspensions = new PostgresSuspensionStore(database, watched);
        var failures = new PostgresSharedFailures(database, signInKey);
        SharedFailures = failures;
        SignInHolds = new PostgresSignInHoldStore(database, failures, time);
        Catalog = new PostgresCatalogStore(database, hasParts);
        Sessions = new PostgresSessionStore(database);
        LoginCodes = new PostgresLoginCodeStore(database);
        People = new PostgresPersonStore(database);
    }

    /// <summary>Opens a database and brings it to the newest schema.</summary>
    /// <param name="connection">Npgsql's connection string or a postgres:// URL.</param>
    /// <param name="time">The clock.</param>
    /// <param name="server">The log of a server that starts, which also makes the index for searches; null for a command.</param>
    /// <exception cref="Hosting.OperatorException">
    /// The connection string is none, or the database of a newer version, or the state was moved away from it.
    /// </exception>
    /// <exception cref="DatabaseUnavailableException">The database does not answer.</exception>
    public static async Task<PostgresState> OpenAsync(string connection, TimeProvider time, ILogger? server = null)
    {
        var opened = PostgresDatabase.Create(connection, PostgresDatabase.TokenServer);
        try
        {
            await opened.MigrateAsync(typeof(PostgresState).Assembly, SchemaFolder);
            if (await opened.ReadAsync(db => db.QuerySingleOrDefaultAsync<Move>(Move.FindAway)) is { } moved)
            {
                throw moved.Refusal(NameOf(opened), StateCopy.Command);
            }

            var hasParts = server is not null && await PostgresNameParts.EnsureAsync(opened, server);
            await opened.PrepareStatementsAsync();
            var key = await PostgresSharedFailures.ReadKeyAsync(opened);

            // A connection of its own: requests that use up all the others must not make this server lose sight of who is suspended.
            return new PostgresState(
                opened, PostgresDatabase.Create(connection, PostgresDatabase.TokenServer, connections: 1), key, hasParts, time);
        }
        catch
        {
            await opened.DisposeAsync();
            throw;
        }
    }

    /// <summary>The state in a database, for people.</summary>
    public static string NameOf(PostgresDatabase database) => $"the state in {database.Name}";

    /// <inheritdoc/>
    public IGrantStore Grants { get; }

    /// <inheritdoc/>
    public IRevocationStore Revocations { get; }

    /// <inheritdoc/>
    public ISuspensionStore Suspensions { get; }

    /// <inheritdoc/>
    public ISignInHoldStore SignInHolds { get; }

    /// <inheritdoc/>
    public ISharedFailures? SharedFailures { get; }

    /// <inheritdoc/>
    public ICatalogStore Catalog { get; }

    /// <inheritdoc/>
    public ISessionStore Sessions { get; }

    /// <inheritdoc/>
    public ILoginCodeStore LoginCodes { get; }

    /// <inheritdoc/>
    public IPersonStore People { get; }

    /// <inheritdoc/>
    public TimeSpan? LookLasts => LongestUnnoticed;

    /// <inheritdoc/>
    public TimeSpan NoticedWithin => PostgresEndings.NoticedWithin;

    /// <inheritdoc/>
    /// <remarks>
    /// Told by what is asked of it all the time, so that a probe waits for nothing. Where only requests have trouble the server stays
    /// ready: one statement that was refused is enough for that, and the next one that is answered, at the latest the sweep of each
    /// minute, ends it.
    /// </remarks>
    public HealthPart CheckHealth() => watched.Problem is { } problem
        ? new HealthPart("database", HealthStatus.Failed, problem)
        : new HealthPart("database", database.Problem is null ? HealthStatus.Ok : HealthStatus.Degraded, database.Problem);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        await watched.DisposeAsync();
        await database.DisposeAsync();
    }
}
