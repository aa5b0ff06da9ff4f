using AuthIndex.Hosting.Sqlite;
using AuthIndex.TokenContract.Wire;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>A snapshot of SQLite's, which holds one committed state for as long as it is read.</summary>
internal sealed class SqliteContentSnapshot : IContentSnapshot
{
    private readonly Snapshot snapshot;

    public SqliteContentSnapshot(Snapshot snapshot)
    {
        this.snapshot = snapshot;
        Position = SqliteOutbox.End(snapshot.Connection);
        ResyncRequested = snapshot.Connection.ExecuteScalar<long>("SELECT resync_requested FROM outbox_state");
    }

    /// <inheritdoc/>
    public EventPosition Position { get; }

    /// <inheritdoc/>
    public long ResyncRequested { get; }

    /// <inheritdoc/>
    public IAsyncEnumerable<RegistryEvent> ContentAsync() => snapshot.Connection.Query<RegistryEvent>(
        $"""
        SELECT 0 AS Sequence, '' AS Id, '{EventKind.ManifestPushed}' AS Kind, r.name AS Repository, NULL AS Tag,
               m.digest AS Digest, m.media_type AS MediaType, m.size AS Size, m.pushed_by AS Account, m.pushed_at AS Time
        FROM manifests m JOIN repositories r ON r.id = m.repository
        UNION ALL
        SELECT 0, '', '{EventKind.TagMoved}', r.name, t.name, t.digest, NULL, NULL, t.moved_by, t.moved_at
        FROM tags t JOIN repositories r ON r.id = t.repository
        """,
        buffered: false).ToAsyncEnumerable();

    /// <inheritdoc/>
    public ValueTask DisposeAsync()
    {
        snapshot.Dispose();
        return ValueTask.CompletedTask;
    }
}
