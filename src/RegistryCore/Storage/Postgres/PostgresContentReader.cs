using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenContract.Wire;
using Dapper;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>
/// Reads all manifests and tags, page by page, each in a statement of its own: no transaction is open meanwhile. A page may show what was
/// changed after the position; the events after it, which tell what each thing became, lead the reader to the same end.
/// </summary>
internal sealed class PostgresContentReader(PostgresDatabase database)
{
    private const int PageSize = 1000;

    /// <summary>Content that holds everything up to a position.</summary>
    /// <param name="position">The last event whose change was committed before.</param>
    /// <param name="resyncRequested">The last request for a resync that this meets.</param>
    public IContentSnapshot From(EventPosition position, long resyncRequested) => new Snapshot(database, position, resyncRequested);

    private sealed class Snapshot(PostgresDatabase database, EventPosition position, long resyncRequested) : IContentSnapshot
    {
        public EventPosition Position => position;

        public long ResyncRequested => resyncRequested;

        public IAsyncEnumerable<RegistryEvent> ContentAsync() => PagesAsync().SelectMany(page => page);

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;

        private async IAsyncEnumerable<IReadOnlyList<RegistryEvent>> PagesAsync()
        {
            await foreach (var page in PagesAsync(
                $"""
                SELECT 0::bigint AS Sequence, '' AS Id, '{EventKind.ManifestPushed}' AS Kind, r.name AS Repository, NULL::text AS Tag,
                       m.digest AS Digest, m.media_type AS MediaType, m.size AS Size, m.pushed_by AS Account, m.pushed_at AS Time
                FROM manifests m JOIN repositories r ON r.id = m.repository
                """,
                "m.digest", e => e.Digest))
            {
                yield return page;
            }

            await foreach (var page in PagesAsync(
                $"""
                SELECT 0::bigint AS Sequence, '' AS Id, '{EventKind.TagMoved}' AS Kind, r.name AS Repository, t.name AS Tag,
                       t.digest AS Digest, NULL::text AS MediaType, NULL::bigint AS Size, t.moved_by AS Account, t.moved_at AS Time
                FROM tags t JOIN repositories r ON r.id = t.repository
                """,
                "t.name", e => e.Tag))
            {
                yield return page;
            }
        }

        /// <summary>The rest of the repository at hand, then the next ones: each from an index, so that no page takes longer.</summary>
        private async IAsyncEnumerable<IReadOnlyList<RegistryEvent>> PagesAsync(
            string select, string column, Func<RegistryEvent, string?> nameOf)
        {
            var (sql, repository, last) = ($"""
                SELECT * FROM (
                    ({select} WHERE r.name = @repository AND {column} > @last ORDER BY {column} LIMIT {PageSize})
                    UNION ALL ({select} WHERE r.name > @repository ORDER BY r.name, {column} LIMIT {PageSize})) AS p
                ORDER BY Repository, {(column == "t.name" ? "Tag" : "Digest")} LIMIT {PageSize}
                """, "", "");
            while (true)
            {
                var row = new { repository, last };
                var page = (await database.ReadAsync(db => db.QueryAsync<RegistryEvent>(sql, row))).AsList();
                if (page.Count == 0) yield break;
                (repository, last) = (page[^1].Repository, nameOf(page[^1]) ?? "");
                yield return page;
            }
        }
    }
}
