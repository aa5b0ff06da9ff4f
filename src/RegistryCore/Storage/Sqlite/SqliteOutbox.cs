using System.Security.Cryptography;
using AuthIndex.Hosting.Sqlite;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>The outbox in SQLite: numbers are in the order of commits, because there is one writer.</summary>
internal sealed class SqliteOutbox(Database database) : IOutbox
{
    /// <summary>Writes an event, if events are reported at all. Only inside the write that makes the change.</summary>
    public static void Append(SqliteConnection db, long repository, RegistryChange change) => db.Execute(
        """
        INSERT INTO outbox (id, kind, repository, tag, digest, media_type, size, account, at)
        SELECT @id, @Kind, r.name, @Tag, @Digest, @MediaType, @Size, @Account, @At
        FROM repositories r, outbox_state s WHERE r.id = @repository AND s.reporting = 1
        """,
        new { id = RandomNumberGenerator.GetHexString(32, lowercase: true), repository, change.Kind, change.Tag, change.Digest,
            change.MediaType, change.Size, change.Account, change.At });

    /// <inheritdoc/>
    public Task SetReportingAsync(bool reporting) => database.WriteAsync(db =>
    {
        if (reporting)
        {
            return db.Execute("UPDATE outbox_state SET resync_requested = resync_requested + 1, reporting = 1 WHERE reporting = 0");
        }

        if (Last(db) is { } last) Remove(db, last);
        return db.Execute("UPDATE outbox_state SET reporting = 0");
    });

    /// <inheritdoc/>
    public ValueTask<OutboxState> StateAsync() => new(LastState());

    /// <inheritdoc/>
    public OutboxState LastState() => database.Read(db => db.QuerySingle<OutboxState>(
        """
        SELECT coalesce((SELECT max(sequence) FROM outbox) - sequence, 0) AS Depth,
               (SELECT at FROM outbox ORDER BY outbox.sequence LIMIT 1) AS OldestAt,
               resync_requested AS ResyncRequested, resync_done AS ResyncDone
        FROM outbox_state
        """));

    /// <inheritdoc/>
    public ValueTask<OutboxBatch> ReadAsync(int count) => new(database.Read(db => new OutboxBatch(
        Removed(db),
        db.Query<RegistryEvent>(
            """
            SELECT sequence, id, kind, repository, tag, digest, media_type AS MediaType, size, account, at AS Time
            FROM outbox ORDER BY sequence LIMIT @count
            """,
            new { count }).AsList())));

    /// <inheritdoc/>
    public Task AcknowledgeAsync(EventPosition position) => database.WriteAsync(db => Remove(db, position));

    /// <inheritdoc/>
    public Task<long> RequestResyncAsync() =>
        database.WriteAsync(
            db => db.ExecuteScalar<long>("UPDATE outbox_state SET resync_requested = resync_requested + 1 RETURNING resync_requested"));

    /// <inheritdoc/>
    public Task GiveUpAsync(EventPosition position) => database.WriteAsync(db =>
    {
        db.Execute("UPDATE outbox_state SET resync_requested = resync_requested + 1 WHERE resync_requested = resync_done");
        return Remove(db, position);
    });

    /// <inheritdoc/>
    public Task<IContentSnapshot> OpenSnapshotAsync() =>
        Task.FromResult<IContentSnapshot>(new SqliteContentSnapshot(database.OpenSnapshot()));

    /// <inheritdoc/>
    public Task CompleteResyncAsync(IContentSnapshot snapshot) => database.WriteAsync(db =>
    {
        db.Execute("UPDATE outbox_state SET resync_done = max(resync_done, @ResyncRequested)", new { snapshot.ResyncRequested });
        return Remove(db, snapshot.Position);
    });

    /// <summary>The end of the history.</summary>
    internal static EventPosition End(SqliteConnection db) => Last(db) ?? Removed(db);

    private static EventPosition? Last(SqliteConnection db) =>
        db.QuerySingleOrDefault<EventPosition>("SELECT sequence, id FROM outbox ORDER BY sequence DESC LIMIT 1");

    private static EventPosition Removed(SqliteConnection db) => db.QuerySingle<EventPosition>("SELECT sequence, id FROM outbox_state");

    private static int Remove(SqliteConnection db, EventPosition position)
    {
        db.Execute("UPDATE outbox_state SET sequence = @Sequence, id = @Id WHERE sequence < @Sequence", position);
        return db.Execute("DELETE FROM outbox WHERE sequence <= @Sequence", position);
    }
}
