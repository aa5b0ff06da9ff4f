using AuthIndex.Hosting;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Copying;

/// <summary>What a copy needs to know of the configuration.</summary>
internal sealed record SharedPlaceOptions(
    string Connection, ObjectStoreOptions Store, LimitOptions Limits, GarbageCollectionOptions Collection, ContentRules Rules,
    TimeSpan LongestUpload);

/// <summary>A PostgreSQL database and an object store, opened to copy a registry into them or out of them.</summary>
internal sealed class SharedPlace : IAsyncDisposable
{
    /// <summary>Under this name the database lists the copy's own connections.</summary>
    private const string Purpose = "authindex registry copy";

    private readonly SharedPlaceOptions options;
    private readonly TimeProvider clock;

    private SharedPlace(SharedPlaceOptions options, PostgresRegistryState state, TimeProvider clock, ILoggerFactory logs)
    {
        (this.options, this.clock, State) = (options, clock, state);
        Store = new ObjectStore(options.Store, clock);
        Uploads = new ObjectUploadStore(
            state.Uploads, Store, new PartBuffers((int)options.Store.PartSize.Bytes, options.Store.UploadMemory.Bytes), options.Limits,
            clock, logs.CreateLogger<ObjectUploadStore>());
    }

    /// <summary>The database.</summary>
    public PostgresRegistryState State { get; }

    /// <summary>The object store.</summary>
    public ObjectStore Store { get; }

    /// <summary>What writes blobs into both.</summary>
    public ObjectUploadStore Uploads { get; }

    /// <summary>How many blobs are copied at once: each has two parts in memory, of which one account gets half.</summary>
    public int AtOnce => (int)Math.Clamp(options.Store.UploadMemory.Bytes / options.Store.PartSize.Bytes / 4, 1, 4);

    /// <summary>Opens both, and brings the database to the newest schema.</summary>
    /// <exception cref="OperatorException">One of them cannot be used.</exception>
    public static async Task<SharedPlace> OpenAsync(
        SharedPlaceOptions options, TimeProvider clock, ILoggerFactory logs, CancellationToken cancellationToken)
    {
        var state = await PostgresRegistryState.OpenAsync(
            options.Connection, options.Limits, options.Collection, options.Rules, clock, Purpose, demandsClock: true);
        try
        {
            var place = new SharedPlace(options, state, clock, logs);
            await place.Store.TryOutAsync(cancellationToken);
            return place;
        }
        catch
        {
            await state.DisposeAsync();
            throw;
        }
    }

    /// <summary>Compares rows with objects.</summary>
    public Task<VerifyReport> VerifyAsync(CancellationToken cancellationToken) =>
        new Verifier(State.Checked, new ObjectBytes(Store), options.LongestUpload, clock).RunAsync(withDigests: false, cancellationToken);

    /// <summary>The database for people: its name and when the registry in it was made.</summary>
    public async Task<string> NameAsync()
    {
        var (name, createdAt) = await State.Database.ReadAsync(db => db.QuerySingleAsync<(string, long)>(
            "SELECT current_database()::text, created_at FROM storage_state"));
        return $"the registry in the PostgreSQL database {name} (made {DateTimeOffset.FromUnixTimeSeconds(createdAt):u})";
    }

    /// <summary>What is being copied here; null when no copy was begun, or it is finished.</summary>
    public ValueTask<string?> CopyOfAsync() =>
        State.Database.ReadAsync(db => db.ExecuteScalarAsync<string?>("SELECT copy_of FROM storage_state"));

    /// <summary>Notes what is copied here from now on, so that no registry starts until that is finished.</summary>
    /// <param name="source">What.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="OperatorException">There is something here already, or a registry runs on it.</exception>
    public async Task BeginAsync(string source, CancellationToken cancellationToken)
    {
        var begun = await CopyOfAsync();
        if (begun == source) return;
        if (begun is not null)
        {
            throw new OperatorException(
                $"the database has an unfinished copy of {begun}, and this is {source}: two registries cannot be merged. Name another "
                + "database and another prefix");
        }

        await State.Database.ReadAsync(DemandEmptyAsync);
        await foreach (var found in Store.ListAsync("", cancellationToken))
        {
            // Who was killed while it tried the store out has left such a one.
            if (ObjectStore.IsProbe(found.Key)) continue;
            throw new OperatorException(
                $"{Store.Section}.prefix: there are objects below it already, such as {found.Key}: name a prefix that nothing uses");
        }

        await State.Database.WriteAsync(async db =>
        {
            await DemandEmptyAsync(db);
            return await db.ExecuteAsync("UPDATE storage_state SET copy_of = @source", new { source });
        });
    }

    /// <summary>Refuses to go on while a registry uses the database.</summary>
    /// <exception cref="OperatorException">One does.</exception>
    public static async Task DemandNobodyAsync(NpgsqlConnection db)
    {
        await db.ExecuteAsync("SELECT pg_stat_clear_snapshot()"); // or the list would be that of the transaction's first look
        var others = await db.ExecuteScalarAsync<long>(
            """
            SELECT (SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = @name)
                 + (SELECT count(*) FROM leases WHERE until > clock_timestamp())
            """,
            new { name = $"authindex {PostgresDatabase.Registry}" });
        if (others == 0) return;
        throw new OperatorException(
            "a registry still uses the database: stop all of them first. A pooler such as PgBouncer keeps their connections for a while: "
            + "name the database itself in registry.database.connectionFile");
    }

    private static async Task<bool> DemandEmptyAsync(NpgsqlConnection db)
    {
        await DemandNobodyAsync(db);
        var isUsed = await db.ExecuteScalarAsync<bool>(
            """
            SELECT EXISTS (SELECT 1 FROM repositories) OR EXISTS (SELECT 1 FROM blobs) OR EXISTS (SELECT 1 FROM uploads)
                OR EXISTS (SELECT 1 FROM outbox) OR EXISTS (SELECT 1 FROM upstream_prefixes)
            """);
        if (!isUsed) return true;
        throw new OperatorException(
            "the database has a registry's content already: two registries cannot be merged. Name an empty database, or, if an earlier "
            + "run has finished the copy, start registries on it");
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Store.Dispose();
        await State.DisposeAsync();
    }
}
