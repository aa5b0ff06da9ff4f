using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>
/// The outbox in PostgreSQL. Changes are numbered by who reads them and not by who makes them: one at a time, in the order of their
/// places, among those that are committed. Two changes of one tag or manifest have places in the order of their commits, because the
/// later one waits for the earlier; others have no order that anybody could see. So a number is never given below one that was read.
/// </summary>
internal sealed class PostgresOutbox(PostgresDatabase database, PostgresContentReader content, PostgresLeases leases) : IOutbox
{
    private const int NumberedAtOnce = 10_000;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(50);

    private volatile OutboxState last = new();

    /// <inheritdoc/>
    public async Task SetReportingAsync(bool reporting)
    {
        var begun = await database.WriteAsync(
            db => db.ExecuteScalarAsync<string?>(
                reporting
                    ? """
                      UPDATE outbox_state SET resync_requested = resync_requested + 1, reporting = true WHERE NOT reporting
                      RETURNING pg_current_xact_id()::text
                      """
                    : "UPDATE outbox_state SET reporting = false WHERE reporting RETURNING NULL::text"),
            PostgresLock.Outbox);

        while (!reporting && await RemoveSomeAsync())
        {
        }

        // What began before may leave no event, and may be committed after the resync has read what there is: it is waited for.
        while (begun is not null && !await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
            "SELECT pg_snapshot_xmin(pg_current_snapshot()) > @begun::xid8", new { begun })))
        {
            await Task.Delay(Look);
        }
    }

    /// <inheritdoc/>
    public ValueTask<OutboxState> StateAsync() => database.ReadAsync(async db => last = await db.QuerySingleAsync<OutboxState>(
        $"""
        SELECT numbered - sequence
                + (SELECT count(*) FROM (SELECT 1 FROM outbox WHERE outbox.sequence IS NULL LIMIT {NumberedAtOnce}) AS n) AS Depth,
            (SELECT at FROM outbox ORDER BY place LIMIT 1) AS OldestAt,
            resync_requested AS ResyncRequested, resync_done AS ResyncDone
        FROM outbox_state
        """));

    /// <inheritdoc/>
    public OutboxState LastState() => last;

    /// <inheritdoc/>
    public async ValueTask<OutboxBatch> ReadAsync(int count)
    {
        await NumberAsync();
        return await database.ReadAsync(async db =>
        {
            // The position first: what is removed in between leaves a gap, and the reader is told that it is out of step.
            var after = await RemovedAsync(db);
            var events = await db.QueryAsync<RegistryEvent>(
                """
                SELECT sequence, id, kind, repository, tag, digest, media_type AS MediaType, size, account, at AS Time
                FROM outbox WHERE sequence > @Sequence ORDER BY sequence LIMIT @count
                """,
                new { after.Sequence, count });
            return new OutboxBatch(after, events.AsList());
        });
    }

    /// <inheritdoc/>
    public Task AcknowledgeAsync(EventPosition position) => ReportAsync(db => RemoveAsync(db, position));

    /// <inheritdoc/>
    public Task<long> RequestResyncAsync() => database.WriteAsync(db => db.ExecuteScalarAsync<long>(
        "UPDATE outbox_state SET resync_requested = resync_requested + 1 RETURNING resync_requested"));

    /// <inheritdoc/>
    public Task GiveUpAsync(EventPosition position) => ReportAsync(async db =>
    {
        await db.ExecuteAsync("UPDATE outbox_state SET resync_requested = resync_requested + 1 WHERE resync_requested = resync_done");
        return await RemoveAsync(db, position);
    });

    /// <inheritdoc/>
    public async Task<IContentSnapshot> OpenSnapshotAsync()
    {
        await NumberAsync();
        var (position, requested) = await database.ReadAsync(async db =>
        {
            var resync = await db.ExecuteScalarAsync<long>("SELECT resync_requested FROM outbox_state");
            return (await LastAsync(db) ?? await RemovedAsync(db), resync);
        });
        return content.From(position, requested);
    }

    /// <inheritdoc/>
    public Task CompleteResyncAsync(IContentSnapshot snapshot) => ReportAsync(async db =>
    {
        await db.ExecuteAsync(
            "UPDATE outbox_state SET resync_done = greatest(resync_done, @ResyncRequested)", new { snapshot.ResyncRequested });
        return await RemoveAsync(db, snapshot.Position);
    });

    /// <summary>Writes what the process does that reports, if it still is the one.</summary>
    private Task<int> ReportAsync(Func<NpgsqlConnection, Task<int>> work) => database.WriteAsync(
        async db =>
        {
            await leases.DemandAsync(db, SingletonJob.Reporting);
            return await work(db);
        },
        PostgresLock.Outbox);

    /// <summary>Removes changes that nobody will be told of; one that is committed later goes with the next resync.</summary>
    private Task<bool> RemoveSomeAsync() => database.WriteAsync(
        async db =>
        {
            await NumberAsync(db, NumberedAtOnce);
            if (await LastAsync(db) is not { } end) return false;
            await RemoveAsync(db, end);
            return true;
        },
        PostgresLock.Outbox);

    /// <summary>Numbers what is committed and has no number yet; writes nothing where there is nothing.</summary>
    private async Task NumberAsync()
    {
        while (await database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
            "SELECT EXISTS (SELECT 1 FROM outbox WHERE sequence IS NULL)")))
        {
            await database.WriteAsync(db => NumberAsync(db, NumberedAtOnce), PostgresLock.Outbox);
        }
    }

    private static Task<int> NumberAsync(NpgsqlConnection db, int most) => db.ExecuteAsync(
        """
        WITH waiting AS (SELECT place FROM outbox WHERE sequence IS NULL ORDER BY place LIMIT @most),
        next AS (SELECT place, row_number() OVER (ORDER BY place) AS n FROM waiting),
        given AS (
            UPDATE outbox o SET sequence = s.numbered + next.n FROM next, outbox_state s WHERE o.place = next.place RETURNING 1)
        UPDATE outbox_state SET numbered = numbered + (SELECT count(*) FROM given)
        """,
        new { most });

    private static Task<EventPosition?> LastAsync(NpgsqlConnection db) => db.QuerySingleOrDefaultAsync<EventPosition>(
        "SELECT sequence, id FROM outbox WHERE sequence IS NOT NULL ORDER BY sequence DESC LIMIT 1");

    private static Task<EventPosition> RemovedAsync(NpgsqlConnection db) =>
        db.QuerySingleAsync<EventPosition>("SELECT sequence, id FROM outbox_state");

    private static Task<int> RemoveAsync(NpgsqlConnection db, EventPosition position) => db.ExecuteAsync(
        """
        UPDATE outbox_state SET sequence = @Sequence, id = @Id WHERE sequence < @Sequence;
        DELETE FROM outbox WHERE sequence <= @Sequence
        """,
        position);
}
