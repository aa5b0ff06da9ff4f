using AuthIndex.Hosting.Postgres;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Index;
using Dapper;
using Npgsql;

namespace AuthIndex.TokenServer.State.Postgres;

/// <summary>
/// The catalog in PostgreSQL. Reports of one registry are taken one after another, whichever servers they reach: each holds the row
/// of the registry's copy.
/// </summary>
/// <param name="database">The database.</param>
/// <param name="hasParts">Whether it has the index of the names' parts.</param>
internal sealed class PostgresCatalogStore(PostgresDatabase database, bool hasParts) : ICatalogStore
{
    private const int SweptAtOnce = 500, PullsSweptAtOnce = 2000;

    private const string SelectTags = SelectOf + "JOIN tags t ON t.repository = r.id\n" + SelectMore;

    // Read along the index, whatever the planner knows of a repository with very many tags.
    private const string SelectPage =
        SelectOf
        + "CROSS JOIN LATERAL (SELECT * FROM tags WHERE repository = r.id AND name > @after ORDER BY name LIMIT @rows) t\n" + SelectMore;

    private const string SelectOf =
        """
        SELECT t.name AS Name, c.service AS Service, t.digest AS Digest, m.media_type AS MediaType, m.size AS Size,
               t.moved_at AS MovedAt, t.moved_by AS MovedBy, p.pulled_at AS PulledAt
        FROM repositories r
        JOIN copies c ON c.id = r.copy AND c.state = 'live'

        """;

    private const string SelectMore =
        """
        JOIN manifests m ON m.repository = r.id AND m.digest = t.digest
        LEFT JOIN pulls p ON p.service = c.service AND p.repository = r.name AND p.digest = t.digest

        """;

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<(string Name, string Service)>> NamesAsync(
        string text, string name, string service, string end, int count)
    {
        if (text.Contains('\0', StringComparison.Ordinal)) return []; // in no name, and in no text of PostgreSQL
        return await database.ReadAsync(async db => (await db.QueryAsync<(string, string)>(
            """
            SELECT r.name, c.service FROM repositories r JOIN copies c ON c.id = r.copy
            WHERE r.name >= @name AND r.name < @end AND (r.name > @name OR c.service > @service)
                AND c.state = 'live' AND (@text = '' OR strpos(r.name, @text) > 0)
            ORDER BY r.name, c.service LIMIT @count
            """,
            new { text, name = UpToNul(name), service, end, count })).AsList());
    }

    /// <inheritdoc/>
    public async ValueTask<string?> NameAfterAsync(string name, string end, int count) => hasParts
        ? await database.ReadAsync(db => db.QueryFirstOrDefaultAsync<string>(
            "SELECT name FROM repositories WHERE name > @name AND name < @end ORDER BY name LIMIT 1 OFFSET @count",
            new { name = UpToNul(name), end, count }))
        : null;

    /// <inheritdoc/>
    public async ValueTask<IReadOnlyList<(string Name, string Service)>?> FindRareAsync(string text, string prefix, int most)
    {
        if (!hasParts) return null;
        var rows = (await database.ReadAsync(db => db.QueryAsync<(string Name, string? Service)>(
            """
            WITH r AS MATERIALIZED (SELECT name, copy FROM repositories WHERE name LIKE @holds AND name LIKE @begins LIMIT @limit)
            SELECT r.name, CASE WHEN c.state = 'live' THEN c.service END FROM r JOIN copies c ON c.id = r.copy
            """,
            new { holds = $"%{Literal(text)}%", begins = $"{Literal(prefix)}%", limit = most + 1 }))).AsList();
        return rows.Count > most ? null : [.. rows.OfLiveCopies()];
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<RepositoryPlace>> PlacesAsync(RepositoryName name, IReadOnlyList<string> services) =>
        database.ReadAsync<IReadOnlyList<RepositoryPlace>>(async db => (await db.QueryAsync<RepositoryPlace>(
        """
        SELECT c.service AS Service,
               (SELECT count(*) FROM tags t WHERE t.repository = r.id) AS Tags,
               (SELECT count(*) FROM manifests m WHERE m.repository = r.id) AS Manifests,
               (SELECT max(m.pushed_at) FROM manifests m WHERE m.repository = r.id) AS PushedAt,
               (SELECT max(p.pulled_at) FROM pulls p WHERE p.service = c.service AND p.repository = r.name) AS PulledAt
        FROM repositories r JOIN copies c ON c.id = r.copy
        WHERE r.name = @name AND c.state = 'live' AND c.service = ANY(@services) ORDER BY c.service
        """,
        new { name = name.Value, services = services.ToArray() })).AsList());

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TagPlace>> TagsAsync(RepositoryName name, IReadOnlyList<string> services, string after, int count) =>
        database.ReadAsync<IReadOnlyList<TagPlace>>(async db => (await db.QueryAsync<TagPlace>(
        SelectPage +
        """
        WHERE r.name = @name AND c.service = ANY(@services)
        ORDER BY t.name, c.service LIMIT @rows
        """,
        new { name = name.Value, services = services.ToArray(), after = UpToNul(after), rows = count * services.Count })).AsList());

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TagPlace>> TagsNamedAsync(
        RepositoryName name, IReadOnlyList<string> services, IReadOnlyList<string> tags) =>
        database.ReadAsync<IReadOnlyList<TagPlace>>(async db => (await db.QueryAsync<TagPlace>(
        SelectTags + "WHERE r.name = @name AND c.service = ANY(@services) AND t.name = ANY(@tags) ORDER BY t.name, c.service",
        new { name = name.Value, services = services.ToArray(), tags = tags.ToArray() })).AsList());

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> TagsOfAsync(RepositoryName name, string service, string digest, int count) =>
        database.ReadAsync<IReadOnlyList<string>>(async db => (await db.QueryAsync<string>(
        """
        SELECT t.name FROM repositories r
        JOIN copies c ON c.id = r.copy AND c.state = 'live'
        JOIN tags t ON t.repository = r.id
        WHERE r.name = @name AND c.service = @service AND t.digest = @digest ORDER BY t.name LIMIT @count
        """,
        new { name = name.Value, service, digest, count })).AsList());

    /// <inheritdoc/>
    public Task<ReportOutcome> TakeAsync(string service, EventReport report) => database.WriteAsync<ReportOutcome>(async db =>
    {
        var copy = await db.QuerySingleOrDefaultAsync<CatalogCopy>(
            "SELECT id, sequence, event_id AS EventId FROM copies WHERE service = @service AND state = 'live' FOR UPDATE",
            new { service });
        if (copy is null) return new ReportOutcome.OutOfStep($"the catalog does not know the registry {service}");
        if (copy.Mismatch(report) is { } mismatch) return mismatch;
        foreach (var change in copy.NewIn(report)) await ApplyAsync(db, copy.Id, change, service);
        foreach (var pull in report.Pulled) await NotePullAsync(db, copy.Id, service, pull);
        if (report.End.Sequence > copy.Sequence)
        {
            await db.ExecuteAsync(
                "UPDATE copies SET sequence = @Sequence, event_id = @EventId WHERE id = @Id",
                copy with { Sequence = report.End.Sequence, EventId = report.End.Id });
        }

        return new ReportOutcome.Taken();
    });

    /// <inheritdoc/>
    public Task<ReportOutcome> TakeAsync(string service, SnapshotReport report) => database.WriteAsync<ReportOutcome>(async db =>
    {
        // Two first pages at once would both find no copy to fill: of this registry, one report at a time.
        await db.ExecuteAsync("SELECT pg_advisory_xact_lock(hashtextextended(@service, 0))", new { service });
        if (report.Page == 0) await BeginAsync(db, service, report);
        var copy = await db.QuerySingleOrDefaultAsync<long?>(
            "SELECT id FROM copies WHERE service = @service AND state = 'filling' AND epoch = @Epoch AND next_page = @Page FOR UPDATE",
            new { service, report.Epoch, report.Page });
        if (copy is not { } id) return new ReportOutcome.OutOfStep($"page {report.Page} does not follow: another snapshot was begun");

        foreach (var change in report.Events) await ApplyAsync(db, id, change, service);
        await db.ExecuteAsync(
            report.IsLast
                ? """
                  UPDATE copies SET state = 'dropped' WHERE service = @service AND state = 'live';
                  UPDATE copies SET state = 'live' WHERE id = @id
                  """
                : "UPDATE copies SET next_page = next_page + 1 WHERE id = @id",
            new { service, id });
        return new ReportOutcome.Taken();
    });

    /// <inheritdoc/>
    public async Task<bool> SweepAsync()
    {
        var (dropped, swept) = await database.WriteAsync<(long? Copy, int Swept)>(async db =>
        {
            var copy = await db.QuerySingleOrDefaultAsync<long?>(
                "SELECT id FROM copies WHERE state = 'dropped' ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED");
            return (copy, await db.ExecuteAsync(
                "DELETE FROM repositories WHERE id IN (SELECT id FROM repositories WHERE copy = @copy LIMIT @SweptAtOnce)",
                new { copy, SweptAtOnce }));
        });
        if (dropped is not { } id) return false;
        if (swept > 0) return true;
        await SweepPullsAsync(id);
        await database.WriteAsync(db => db.ExecuteAsync("DELETE FROM copies WHERE id = @id", new { id }));
        return true;
    }

    /// <summary>
    /// Removes the pulls of what is not there any more, a part at a time: no event told of what was deleted before a resync. Servers that
    /// do it at the same time do no harm.
    /// </summary>
    private async Task SweepPullsAsync(long copy)
    {
        for (var next = new PullKey("", ""); next is not null;)
        {
            var from = next;
            next = await database.WriteAsync(async db =>
            {
                var row = new { copy, from.Repository, from.Digest, PullsSweptAtOnce };
                var to = await db.QuerySingleOrDefaultAsync<PullKey>(
                    """
                    SELECT repository, digest FROM pulls
                    WHERE service = (SELECT service FROM copies WHERE id = @copy) AND (repository, digest) > (@Repository, @Digest)
                    ORDER BY repository, digest OFFSET @PullsSweptAtOnce LIMIT 1
                    """,
                    row);
                await db.ExecuteAsync(
                    $"""
                    DELETE FROM pulls WHERE service = (SELECT service FROM copies WHERE id = @copy)
                    AND (repository, digest) > (@Repository, @Digest)
                    {(to is null ? "" : "AND (repository, digest) <= (@toRepository, @toDigest)")}
                    AND NOT EXISTS (
                        SELECT 1 FROM copies c JOIN repositories r ON r.copy = c.id JOIN manifests m ON m.repository = r.id
                        WHERE c.service = pulls.service AND c.state = 'live' AND r.name = pulls.repository AND m.digest = pulls.digest)
                    """,
                    new { row.copy, row.Repository, row.Digest, toRepository = to?.Repository, toDigest = to?.Digest });
                return to;
            });
        }
    }

    private static Task<int> BeginAsync(NpgsqlConnection db, string service, SnapshotReport report) => db.ExecuteAsync(
        """
        UPDATE copies SET state = 'dropped' WHERE service = @service AND state = 'filling';
        INSERT INTO copies (service, state, sequence, event_id, epoch, next_page)
        VALUES (@service, 'filling', @Sequence, @Id, @Epoch, 0)
        """,
        new { service, report.Position.Sequence, report.Position.Id, report.Epoch });

    private static Task<int> ApplyAsync(NpgsqlConnection db, long copy, RegistryEvent change, string service) => db.ExecuteAsync(
        change.Kind switch
        {
            EventKind.ManifestPushed =>
                """
                INSERT INTO repositories (name, copy) VALUES (@Repository, @copy) ON CONFLICT DO NOTHING;
                INSERT INTO manifests (repository, digest, media_type, size, pushed_at, pushed_by)
                SELECT id, @Digest, @MediaType, @Size, @Time, @Account FROM repositories WHERE name = @Repository AND copy = @copy
                ON CONFLICT (repository, digest) DO UPDATE SET media_type = excluded.media_type
                """,
            EventKind.TagMoved =>
                """
                INSERT INTO tags (repository, name, digest, moved_at, moved_by)
                SELECT id, @Tag, @Digest, @Time, @Account FROM repositories WHERE name = @Repository AND copy = @copy
                ON CONFLICT (repository, name)
                DO UPDATE SET digest = excluded.digest, moved_at = excluded.moved_at, moved_by = excluded.moved_by
                """,
            EventKind.TagDeleted =>
                """
                DELETE FROM tags
                WHERE name = @Tag AND repository = (SELECT id FROM repositories WHERE name = @Repository AND copy = @copy)
                """,
            EventKind.ManifestDeleted =>
                """
                DELETE FROM manifests
                WHERE digest = @Digest AND repository = (SELECT id FROM repositories WHERE name = @Repository AND copy = @copy);
                DELETE FROM pulls WHERE service = @service AND repository = @Repository AND digest = @Digest
                    AND EXISTS (SELECT 1 FROM repositories WHERE name = @Repository AND copy = @copy);
                DELETE FROM repositories r
                WHERE name = @Repository AND copy = @copy AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository = r.id)
                """,
            _ => "SELECT 1 WHERE false", // of no matter here
        },
        new
        {
            change.Repository,
            change.Tag,
            change.Digest,
            change.MediaType,
            change.Size,
            change.Time,
            change.Account,
            copy,
            service,
        });

    // What was deleted since it was pulled is not there any more, and gets no row.
    private static Task<int> NotePullAsync(NpgsqlConnection db, long copy, string service, PulledManifest pull) => db.ExecuteAsync(
        """
        INSERT INTO pulls (service, repository, digest, pulled_at)
        SELECT @service, r.name, m.digest, @Time FROM repositories r JOIN manifests m ON m.repository = r.id
        WHERE r.name = @Repository AND r.copy = @copy AND m.digest = @Digest
        ON CONFLICT (service, repository, digest) DO UPDATE SET pulled_at = greatest(pulls.pulled_at, excluded.pulled_at)
        """,
        new { service, copy, pull.Repository, pull.Digest, pull.Time });

    /// <summary>A text as a pattern of LIKE that only itself meets.</summary>
    private static string Literal(string text) => text.Replace("\\", @"\\", StringComparison.Ordinal)
        .Replace("%", @"\%", StringComparison.Ordinal).Replace("_", @"\_", StringComparison.Ordinal);

    // No text of PostgreSQL holds a NUL; what is greater than a text before its NUL is greater than the whole of it, as names have none.
    private static string UpToNul(string text) => text.IndexOf('\0', StringComparison.Ordinal) is >= 0 and var at ? text[..at] : text;

    private sealed record PullKey(string Repository, string Digest);
}
