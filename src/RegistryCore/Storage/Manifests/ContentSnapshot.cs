using AuthIndex.Hosting.Sqlite;
using AuthIndex.TokenContract.Wire;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Manifests;

/// <summary>Every manifest and tag of the registry at one point of its history, as if each were pushed or moved at that moment.</summary>
internal sealed class ContentSnapshot : IDisposable
{
    private readonly Snapshot snapshot;

    public ContentSnapshot(Snapshot snapshot)
    {
        this.snapshot = snapshot;
        Position = Outbox.End(snapshot.Connection);
        ResyncRequested = snapshot.Connection.ExecuteScalar<long>("SELECT resync_requested FROM outbox_state");
    }

    /// <summary>The last event that the snapshot includes.</summary>
    public EventPosition Position { get; }

    /// <summary>The last request for a resync that this meets.</summary>
    public long ResyncRequested { get; }

    /// <summary>The content, read while it is enumerated: manifests before the tags that point at them.</summary>
    public IEnumerable<RegistryEvent> Content() => snapshot.Connection.Query<RegistryEvent>(
        $"""
        SELECT 0 AS Sequence, '' AS Id, '{EventKind.ManifestPushed}' AS Kind, r.name AS Repository, NULL AS Tag,
               m.digest AS Digest, m.media_type AS MediaType, m.size AS Size, m.pushed_by AS Account, m.pushed_at AS Time
        FROM manifests m JOIN repositories r ON r.id = m.repository
        UNION ALL
        SELECT 0, '', '{EventKind.TagMoved}', r.name, t.name, t.digest, NULL, NULL, t.moved_by, t.moved_at
        FROM tags t JOIN repositories r ON r.id = t.repository
        """,
        buffered: false);

    /// <inheritdoc/>
    public void Dispose() => snapshot.Dispose();
}
