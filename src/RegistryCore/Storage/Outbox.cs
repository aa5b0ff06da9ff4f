using System.Security.Cryptography;
using AuthIndex.Hosting.Sqlite;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>The oldest events that wait.</summary>
/// <param name="After">Where they begin.</param>
/// <param name="Events">The events, without gaps.</param>
internal sealed record OutboxBatch(EventPosition After, IReadOnlyList<RegistryEvent> Events)
{
    /// <summary>The position of the last event of the batch.</summary>
    public EventPosition End => Events is [.., var last] ? new EventPosition(last.Sequence, last.Id) : After;
}

/// <summary>How the outbox stands.</summary>
internal sealed record OutboxState
{
    /// <summary>The number of events that the index has not acknowledged.</summary>
    public long Depth { get; init; }

    /// <summary>Since when the oldest does, in Unix seconds; null when none waits.</summary>
    public long? OldestAt { get; init; }

    /// <summary>The number of the last request for a full resync.</summary>
    public long ResyncRequested { get; init; }

    /// <summary>The number of the last request that was met.</summary>
    public long ResyncDone { get; init; }

    /// <summary>Whether the index is to be told everything anew.</summary>
    public bool NeedsResync => ResyncRequested > ResyncDone;
}

/// <summary>The events that the index has not acknowledged yet.</summary>
internal sealed class Outbox(Database database)
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

    /// <summary>Begins or ends reporting. What happened while nothing was written down takes a full resync.</summary>
    public Task SetReportingAsync(bool reporting) => database.WriteAsync(db =>
    {
        if (reporting)
        {
            return db.Execute("UPDATE outbox_state SET resync_requested = resync_requested + 1, reporting = 1 WHERE reporting = 0");
        }

        if (Last(db) is { } last) Remove(db, last);
        return db.Execute("UPDATE outbox_state SET reporting = 0");
    });

    /// <summary>How the outbox stands.</summary>
    public OutboxState State() => database.Read(db => db.QuerySingle<OutboxState>(
        """
        SELECT coalesce((SELECT max(sequence) FROM outbox) - sequence, 0) AS Depth,
               (SELECT at FROM outbox ORDER BY outbox.sequence LIMIT 1) AS OldestAt,
               resync_requested AS ResyncRequested, resync_done AS ResyncDone
        FROM outbox_state
        """));

    /// <summary>The oldest events that wait, at most <paramref name="count"/>.</summary>
    public OutboxBatch Read(int count) => database.Read(db => new OutboxBatch(
        Removed(db),
        db.Query<RegistryEvent>(
            """
            SELECT sequence, id, kind, repository, tag, digest, media_type AS MediaType, size, account, at AS Time
            FROM outbox ORDER BY sequence LIMIT @count
            """,
            new { count }).AsList()));

    /// <summary>Removes the events up to a position.</summary>
    public Task AcknowledgeAsync(EventPosition position) => database.WriteAsync(db => Remove(db, position));

    /// <summary>Asks for a full resync.</summary>
    /// <returns>The request's number.</returns>
    public Task<long> RequestResyncAsync() =>
        database.WriteAsync(
            db => db.ExecuteScalar<long>("UPDATE outbox_state SET resync_requested = resync_requested + 1 RETURNING resync_requested"));

    /// <summary>Removes the oldest events unsent, and asks for the resync that makes up for them.</summary>
    public Task GiveUpAsync(EventPosition position) => database.WriteAsync(db =>
    {
        db.Execute("UPDATE outbox_state SET resync_requested = resync_requested + 1 WHERE resync_requested = resync_done");
        return Remove(db, position);
    });

    /// <summary>Everything that the index should know, as of now.</summary>
    public ContentSnapshot OpenSnapshot() => new(database.OpenSnapshot());

    /// <summary>The index has this snapshot: the events that it holds already go, and the requests from before it are met.</summary>
    public Task CompleteResyncAsync(ContentSnapshot snapshot) => database.WriteAsync(db =>
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
