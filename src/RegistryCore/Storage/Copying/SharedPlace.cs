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
    private readonly SharedPlaceOptions options;
    private readonly TimeProvider clock;

    private SharedPlace(SharedPlaceOptions options, PostgresRegistryState state, ObjectStore store, TimeProvider clock, ILoggerFactory logs)
    {
        (this.options, this.clock, State, Store) = (options, clock, state, store);
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

    /// <summary>Both, for people.</summary>
    public string Name => $"{State.Database.Name} with {BlobsPlace}";

    /// <summary>How many blobs are copied at once: each has two parts in memory, of which one account gets half.</summary>
    public int AtOnce => (int)Math.Clamp(options.Store.UploadMemory.Bytes / options.Store.PartSize.Bytes / 4, 1, 4);

    private string BlobsPlace => $"blobs in {Store.Place}, prefix '{options.Store.Prefix}'";

    /// <summary>
    /// Opens both to copy a registry into them. What cannot be a target is refused before anything is written, so that nobody who named the
    /// wrong database finds tables in it.
    /// </summary>
    /// <exception cref="OperatorException">One of them cannot be used.</exception>
    public static Task<SharedPlace> OpenTargetAsync(
        SharedPlaceOptions options, TimeProvider clock, ILoggerFactory logs, CancellationToken cancellationToken) => OpenAsync(
        options, clock, logs, async (database, store) =>
        {
            // Otherwise there are tables already, and what is in them decides.
            if (await database.DemandCopyTargetAsync(typeof(PostgresRegistryState).Assembly, PostgresRegistryState.SchemaFolder))
            {
                await DemandUnusedPrefixAsync(store, cancellationToken);
            }
        });

    /// <summary>Opens both to copy their registry.</summary>
    /// <param name="options">Where they are.</param>
    /// <param name="isWhole">Whether all of it is copied, which needs all registries to be stopped.</param>
    /// <param name="clock">The clock.</param>
    /// <param name="logs">Takes warnings.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="OperatorException">One of them cannot be used.</exception>
    public static async Task<SharedPlace> OpenSourceAsync(
        SharedPlaceOptions options, bool isWhole, TimeProvider clock, ILoggerFactory logs, CancellationToken cancellationToken)
    {
        var place = await OpenAsync(options, clock, logs, async (database, _) =>
        {
            if (await database.FindVersionAsync() == 0) throw new OperatorException($"nothing to copy: {database.Name} has no registry");
            if (isWhole) await database.ReadAsync(DemandNobodyAsync);
        });
        try
        {
            await place.Store.TryOutAsync(cancellationToken);
            return place;
        }
        catch
        {
            await place.DisposeAsync();
            throw;
        }
    }

    /// <summary>Compares rows with objects.</summary>
    public Task<VerifyReport> VerifyAsync(CancellationToken cancellationToken) =>
        new Verifier(State.Checked, new ObjectBytes(Store), options.LongestUpload, clock).RunAsync(withDigests: false, cancellationToken);

    /// <summary>The registry in them for people: where it is and when it was made.</summary>
    public async Task<string> RegistryNameAsync()
    {
        var (createdAt, _) = await State.CollectionsAsync();
        return $"{State.Name} (made {DateTimeOffset.FromUnixTimeSeconds(createdAt):u}) with {BlobsPlace}";
    }

    /// <summary>Notes what is copied here from now on, so that no registry starts until that is finished.</summary>
    /// <param name="source">What.</param>
    /// <param name="moved">Where that was moved to, if it was.</param>
    /// <param name="cancellationToken">Ends it.</param>
    /// <exception cref="OperatorException">
    /// There is something here already, a registry runs on it, or what is copied was moved elsewhere.
    /// </exception>
    public async Task BeginAsync(string source, Move? moved, CancellationToken cancellationToken)
    {
        var copy = $"{source} with {BlobsPlace}";
        var begun = await State.CopyOfAsync();
        if (moved is not null && moved.Place != Name) throw moved.Refusal(source, CopyMarker.Command);
        await State.Database.ReadAsync(DemandNobodyAsync);
        if (begun is not null && begun != copy)
        {
            throw new OperatorException(
                $"the database has an unfinished copy of {begun}, and this is {copy}: two registries cannot be merged, and the blobs of "
                + "one copy are in one place. Name another database and another prefix");
        }

        if (begun is null)
        {
            if (await State.Database.ReadAsync(IsUsedAsync)) throw moved?.MovedAlready(source, CopyMarker.Command) ?? Used();
            await DemandUnusedPrefixAsync(Store, cancellationToken);
        }

        await Store.TryOutAsync(cancellationToken);
        if (begun is not null) return;
        await State.Database.WriteAsync(async db =>
        {
            await DemandNobodyAsync(db);
            if (await IsUsedAsync(db)) throw Used();
            return await db.ExecuteAsync("UPDATE storage_state SET copy_of = @copy", new { copy });
        });
    }

    /// <summary>Refuses to go on while a registry or another copy uses the database.</summary>
    /// <exception cref="OperatorException">One does.</exception>
    public static async Task<bool> DemandNobodyAsync(NpgsqlConnection db)
    {
        await PostgresDatabase.DemandUnusedAsync(db, PostgresDatabase.Registry);
        if (await db.ExecuteScalarAsync<bool>("SELECT EXISTS (SELECT 1 FROM leases WHERE until > clock_timestamp())"))
        {
            throw new OperatorException("a registry still uses the database, or was killed seconds ago: stop all of them and try again");
        }

        return true;
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        Store.Dispose();
        await State.DisposeAsync();
    }

    private static async Task<SharedPlace> OpenAsync(
        SharedPlaceOptions options, TimeProvider clock, ILoggerFactory logs, Func<PostgresDatabase, ObjectStore, Task> demand)
    {
        var store = new ObjectStore(options.Store, clock);
        try
        {
            var state = await PostgresRegistryState.OpenAsync(
                options.Connection, options.Limits, options.Collection, options.Rules, clock,
                PostgresDatabase.CopyName(PostgresDatabase.Registry), demandsClock: true, database => demand(database, store));
            return new SharedPlace(options, state, store, clock, logs);
        }
        catch
        {
            store.Dispose();
            throw;
        }
    }

    private static async Task DemandUnusedPrefixAsync(ObjectStore store, CancellationToken cancellationToken)
    {
        await foreach (var found in store.ListAsync("", cancellationToken))
        {
            // Who was killed while it tried the store out has left such a one.
            if (ObjectStore.IsProbe(found.Key)) continue;
            throw new OperatorException(
                $"{store.Section}.prefix: there are objects below it already, such as {found.Key}: name a prefix that nothing uses");
        }
    }

    private static Task<bool> IsUsedAsync(NpgsqlConnection db) => db.ExecuteScalarAsync<bool>(
        """
        SELECT EXISTS (SELECT 1 FROM repositories) OR EXISTS (SELECT 1 FROM blobs) OR EXISTS (SELECT 1 FROM uploads)
            OR EXISTS (SELECT 1 FROM outbox) OR EXISTS (SELECT 1 FROM upstream_prefixes) OR EXISTS (SELECT 1 FROM moves)
        """);

    private static OperatorException Used() => new(
        "the database has a registry's content already: two registries cannot be merged. Name an empty database, or, if an earlier run has "
        + "finished the copy, start registries on it");
}
