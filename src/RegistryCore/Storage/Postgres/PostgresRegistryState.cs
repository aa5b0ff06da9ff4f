using AuthIndex.Hosting;
using AuthIndex.Hosting.Health;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Copying;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres.Collection;
using AuthIndex.RegistryCore.Storage.Postgres.Uploads;
using AuthIndex.RegistryCore.Storage.Postgres.Uses;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Tags;
using AuthIndex.RegistryCore.Storage.Uses;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>The stores of a PostgreSQL database, which any number of registries use at once.</summary>
internal sealed class PostgresRegistryState : IRegistryState, IAsyncDisposable
{
    private const int PageSize = 100_000;

    private readonly PostgresDatabase database;
    private readonly ContentCache cache;

    private PostgresRegistryState(
        PostgresDatabase database, LimitOptions limits, GarbageCollectionOptions collection, ContentRules rules, TimeProvider time)
    {
        var grace = new GracePeriod(collection);
        (this.database, cache) = (database, new ContentCache(limits.ManifestCache.Bytes));
        Repositories = new PostgresRepositoryStore(database);
        Manifests = new PostgresManifestStore(database, cache, grace, limits, rules, time);
        Referrers = new PostgresReferrerStore(database);
        Tags = new PostgresTagStore(database, grace, time);
        var blobs = new PostgresBlobIndex(database, grace, time);
        (Blobs, Uploads) = (blobs, new PostgresUploads(database, blobs, time));
        Leases = new PostgresLeases(database, time);
        Outbox = new PostgresOutbox(database, new PostgresContentReader(database), Leases);
        Uses = new PostgresManifestUses(database);
        Pulls = new PostgresSharedPulls(database);
        Checked = new PostgresCheckedContent(database, time);
        Garbage = new PostgresGarbage(database, grace, time);
        Forecast = new PostgresForecast(database, grace, time);
    }

    /// <summary>Opens a database and brings it to the newest schema.</summary>
    /// <param name="connection">Npgsql's connection string or a postgres:// URL.</param>
    /// <param name="limits">How much is cached, and how deep indexes may be nested.</param>
    /// <param name="collection">How long content is kept after a client was told that it exists.</param>
    /// <param name="rules">Whether manifests may be sparse.</param>
    /// <param name="time">The clock.</param>
    /// <param name="copyAs">
    /// The name under which the database lists the connections of who copies a registry into it or out of it; null for a registry, which
    /// begins neither on an unfinished copy nor where it was moved away.
    /// </param>
    /// <param name="demandsClock">Whether nothing is written while the clock differs from the database's.</param>
    /// <param name="demand">Refuses the database before anything is written; null for nothing.</param>
    /// <exception cref="OperatorException">
    /// The connection string is none, or the database of a newer version, an unfinished copy, or moved away.
    /// </exception>
    /// <exception cref="DatabaseUnavailableException">The database does not answer.</exception>
    public static async Task<PostgresRegistryState> OpenAsync(
        string connection, LimitOptions limits, GarbageCollectionOptions collection, ContentRules rules, TimeProvider time,
        string? copyAs = null, bool demandsClock = false, Func<PostgresDatabase, Task>? demand = null)
    {
        var state = new PostgresRegistryState(
            PostgresDatabase.Create(connection, PostgresDatabase.Registry, copyAs, demandsClock ? time : null), limits, collection, rules,
            time);
        try
        {
            if (demand is not null) await demand(state.database);
            await state.database.MigrateAsync(typeof(PostgresRegistryState).Assembly, SchemaFolder);
            await state.database.PrepareStatementsAsync();
            await state.database.WriteAsync(db => db.ExecuteAsync(
                "INSERT INTO storage_state (one, created_at, manifests_unreviewed) VALUES (1, @now, false) ON CONFLICT DO NOTHING",
                new { now = time.GetUtcNow().ToUnixTimeSeconds() }));
            if (copyAs is null) await state.DemandUsableAsync();
            return state;
        }
        catch
        {
            await state.DisposeAsync();
            throw;
        }
    }

    /// <summary>What is in the names of the schema's scripts.</summary>
    public const string SchemaFolder = ".Storage.Postgres.Schema.";

    /// <summary>What is being copied here; null when no copy was begun, or it is finished.</summary>
    public ValueTask<string?> CopyOfAsync() =>
        database.ReadAsync(db => db.ExecuteScalarAsync<string?>("SELECT copy_of FROM storage_state"));

    /// <summary>Where the registry was moved to; null if it was not.</summary>
    public ValueTask<Move?> MovedToAsync() => database.ReadAsync(db => db.QuerySingleOrDefaultAsync<Move>(Move.FindAway));

    /// <summary>The registry of the database, for people.</summary>
    public string Name => $"the registry in {database.Name}";

    /// <summary>The database itself, to copy a registry into it or out of it.</summary>
    public PostgresDatabase Database => database;

    /// <inheritdoc/>
    public IRepositoryStore Repositories { get; }

    /// <inheritdoc/>
    public IManifestStore Manifests { get; }

    /// <inheritdoc/>
    public IReferrerStore Referrers { get; }

    /// <inheritdoc/>
    public ITagStore Tags { get; }

    /// <inheritdoc/>
    public IBlobIndex Blobs { get; }

    /// <inheritdoc/>
    public IOutbox Outbox { get; }

    /// <inheritdoc/>
    public IManifestUses Uses { get; }

    /// <inheritdoc/>
    public ICheckedContent Checked { get; }

    /// <summary>Upload sessions whose bytes are in an object store.</summary>
    public PostgresUploads Uploads { get; }

    /// <summary>What nothing leads to any more.</summary>
    public PostgresGarbage Garbage { get; }

    /// <summary>What a collection would remove.</summary>
    public PostgresForecast Forecast { get; }

    /// <summary>The jobs of the registry, as rows.</summary>
    public PostgresLeases Leases { get; }

    /// <inheritdoc/>
    public ISharedPulls Pulls { get; }

    /// <inheritdoc/>
    ILeases IRegistryState.Leases => Leases;

    /// <inheritdoc/>
    public async ValueTask<StorageSize> SizeAsync()
    {
        var (blobs, bytes) = await AddUpAsync("blobs", "size", ("digest", ""));
        var damaged = await database.ReadAsync(db => db.ExecuteScalarAsync<long>(
            """
            SELECT (SELECT count(*) FROM blobs WHERE damaged_at IS NOT NULL)
                 + (SELECT count(*) FROM manifest_contents WHERE damaged_at IS NOT NULL)
            """));
        return new StorageSize
        {
            Blobs = blobs,
            BlobBytes = bytes,
            Damaged = damaged,
            Manifests = (await AddUpAsync("manifests", "0", ("repository", 0L), ("digest", ""))).Rows,
            Tags = (await AddUpAsync("tags", "0", ("repository", 0L), ("name", ""))).Rows,
            Repositories = (await AddUpAsync("repositories", "0", ("id", 0L))).Rows,
        };
    }

    /// <inheritdoc/>
    public ValueTask<(long CreatedAt, long? CollectedAt)> CollectionsAsync() => database.ReadAsync(db =>
        db.QuerySingleAsync<(long, long?)>("SELECT created_at, collected_at FROM storage_state"));

    /// <inheritdoc/>
    /// <remarks>Told by what is asked of it all the time, so that a probe waits for nothing.</remarks>
    public HealthPart CheckHealth() => database.Problem is { } problem
        ? new HealthPart("database", HealthStatus.Failed, problem)
        : database.ClockProblem is { } clocks ? new HealthPart("database", HealthStatus.Degraded, clocks) // pulls go on
        : new HealthPart("database", HealthStatus.Ok);

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        cache.Dispose();
        return database.DisposeAsync();
    }

    private async Task DemandUsableAsync()
    {
        if (await CopyOfAsync() is { } source)
        {
            throw new OperatorException(
                $"the database is an unfinished copy of {source}: run 'registry storage copy' again, or empty the database and the object "
                + "store to give the copy up");
        }

        if (await MovedToAsync() is { } moved) throw moved.Refusal(Name, CopyMarker.Command);
    }

    /// <summary>Counts a table's rows and adds up what they hold, a part at a time, so that no statement grows with the table.</summary>
    /// <param name="table">The table.</param>
    /// <param name="sum">What is added up.</param>
    /// <param name="key">The primary key, each column with what all its values are greater than, or equal to.</param>
    private async Task<(long Rows, long Sum)> AddUpAsync(string table, string sum, params (string Column, object Least)[] key)
    {
        var columns = string.Join(", ", key.Select(k => k.Column));
        var query =
            $"""
            WITH page AS MATERIALIZED (
                SELECT {columns}, {sum} AS added FROM {table} WHERE ({columns}) > (@{string.Join(", @", key.Select(k => k.Column))})
                ORDER BY {columns} LIMIT {PageSize})
            SELECT {columns}, (SELECT count(*) FROM page) AS rows, (SELECT sum(added)::bigint FROM page) AS sum
            FROM page ORDER BY {string.Join(", ", key.Select(k => k.Column + " DESC"))} LIMIT 1
            """;
        var (rows, total) = (0L, 0L);
        for (var after = key.ToDictionary(k => k.Column, k => k.Least, StringComparer.Ordinal); ;)
        {
            var page = await database.ReadAsync(db => db.QuerySingleOrDefaultAsync(query, new DynamicParameters(after)));
            if (page is not IDictionary<string, object> last) return (rows, total);
            (rows, total) = (rows + (long)last["rows"], total + (long)last["sum"]);
            foreach (var (column, _) in key) after[column] = last[column];
        }
    }
}
