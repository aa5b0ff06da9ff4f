using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Index;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.TokenServer.State.Sqlite;

/// <summary>The catalog in SQLite.</summary>
internal sealed class SqliteCatalogStore(StateDatabase database) : ICatalogStore
{
    private const int SweptAtOnce = 500;

    private const string SelectTags =
        """
        SELECT t.name AS Name, c.service AS Service, t.digest AS Digest, m.media_type AS MediaType, m.size AS Size,
               t.moved_at AS MovedAt, t.moved_by AS MovedBy, p.pulled_at AS PulledAt
        FROM repositories r
        JOIN copies c ON c.id = r.copy AND c.state = 'live'
        JOIN tags t ON t.repository = r.id
        JOIN manifests m ON m.repository = r.id AND m.digest = t.digest
        LEFT JOIN pulls p ON p.service = c.service AND p.repository = r.name AND p.digest = t.digest

        """;

    /// <inheritdoc/>
    /// <remarks>
    /// CROSS JOIN keeps the order of the loops: along the index of names, so that the first page costs no more than it shows.
    /// </remarks>
    public ValueTask<IReadOnlyList<(string Name, string Service)>> NamesAsync(
        string text, string name, string service, string end, int count) => new(database.Read(db => db.Query<(string, string)>(
        """
        SELECT r.name, c.service FROM repositories r CROSS JOIN copies c ON c.id = r.copy
        WHERE r.name >= @name AND r.name < @end AND (r.name > @name OR c.service > @service)
            AND c.state = 'live' AND (@text = '' OR instr(r.name, @text) > 0)
        ORDER BY r.name, c.service LIMIT @count
        """,
        new { text, name, service, end, count }).AsList()));

    /// <inheritdoc/>
    public ValueTask<string?> NameAfterAsync(string name, string end, int count) => new(database.Read(db =>
        db.QueryFirstOrDefault<string>(
            "SELECT name FROM repositories WHERE name > @name AND name < @end ORDER BY name LIMIT 1 OFFSET @count",
            new { name, end, count })));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<(string Name, string Service)>?> FindRareAsync(string text, string prefix, int most)
    {
        var rows = database.Read(db => db.Query<(string Name, string? Service)>(
            """
            SELECT r.name, CASE WHEN c.state = 'live' THEN c.service END
            FROM (SELECT rowid AS id FROM repository_parts WHERE repository_parts MATCH @match LIMIT @limit) p
            CROSS JOIN repositories r ON r.id = p.id CROSS JOIN copies c ON c.id = r.copy
            """,
            new { match = prefix.Length < 3 ? Phrase(text) : $"{Phrase(prefix)} AND {Phrase(text)}", limit = most + 1 }).AsList());
        return new(rows.Count > most ? null : [.. rows.OfLiveCopies()]);
    }

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<RepositoryPlace>> PlacesAsync(RepositoryName name, IReadOnlyList<string> services) =>
        new(database.Read(db => db.Query<RepositoryPlace>(
        """
        SELECT c.service AS Service,
               (SELECT count(*) FROM tags t WHERE t.repository = r.id) AS Tags,
               (SELECT count(*) FROM manifests m WHERE m.repository = r.id) AS Manifests,
               (SELECT max(m.pushed_at) FROM manifests m WHERE m.repository = r.id) AS PushedAt,
               (SELECT max(p.pulled_at) FROM pulls p WHERE p.service = c.service AND p.repository = r.name) AS PulledAt
        FROM repositories r JOIN copies c ON c.id = r.copy
        WHERE r.name = @name AND c.state = 'live' AND c.service IN @services ORDER BY c.service
        """,
        new { name = name.Value, services }).AsList()));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TagPlace>> TagsAsync(RepositoryName name, IReadOnlyList<string> services, string after, int count) =>
        new(database.Read(db => db.Query<TagPlace>(
        SelectTags +
        """
        WHERE r.name = @name AND c.service IN @services AND t.name > @after
        ORDER BY t.name, c.service LIMIT @rows
        """,
        new { name = name.Value, services, after, rows = count * services.Count }).AsList()));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<TagPlace>> TagsNamedAsync(
        RepositoryName name, IReadOnlyList<string> services, IReadOnlyList<string> tags) => new(database.Read(db => db.Query<TagPlace>(
        SelectTags + "WHERE r.name = @name AND c.service IN @services AND t.name IN @tags ORDER BY t.name, c.service",
        new { name = name.Value, services, tags }).AsList()));

    /// <inheritdoc/>
    public ValueTask<IReadOnlyList<string>> TagsOfAsync(RepositoryName name, string service, string digest, int count) =>
        new(database.Read(db => db.Query<string>(
        """
        SELECT t.name FROM repositories r
        JOIN copies c ON c.id = r.copy AND c.state = 'live'
        JOIN tags t ON t.repository = r.id
        WHERE r.name = @name AND c.service = @service AND t.digest = @digest ORDER BY t.name LIMIT @count
        """,
        new { name = name.Value, service, digest, count }).AsList()));

    /// <inheritdoc/>
    public Task<ReportOutcome> TakeAsync(string service, EventReport report) => database.WriteAsync<ReportOutcome>(db =>
    {
        if (Live(db, service) is not { } copy) return new ReportOutcome.OutOfStep($"the catalog does not know the registry {service}");
        if (copy.Mismatch(report) is { } mismatch) return mismatch;
        foreach (var change in copy.NewIn(report)) Apply(db, copy.Id, change, service);
        foreach (var pull in report.Pulled) NotePull(db, copy.Id, service, pull);
        if (report.End.Sequence > copy.Sequence)
        {
            db.Execute(
                "UPDATE copies SET sequence = @Sequence, event_id = @EventId WHERE id = @Id",
                copy with { Sequence = report.End.Sequence, EventId = report.End.Id });
        }

        return new ReportOutcome.Taken();
    });

    /// <inheritdoc/>
    public Task<ReportOutcome> TakeAsync(string service, SnapshotReport report) => database.WriteAsync<ReportOutcome>(db =>
    {
        if (report.Page == 0) Begin(db, service, report);
        var copy = db.QuerySingleOrDefault<long?>(
            "SELECT id FROM copies WHERE service = @service AND state = 'filling' AND epoch = @Epoch AND next_page = @Page",
            new { service, report.Epoch, report.Page });
        if (copy is not { } id) return new ReportOutcome.OutOfStep($"page {report.Page} does not follow: another snapshot was begun");

        foreach (var change in report.Events) Apply(db, id, change, service);
        if (report.IsLast)
        {
            db.Execute("UPDATE copies SET state = 'dropped' WHERE service = @service AND state = 'live'", new { service });
            db.Execute("UPDATE copies SET state = 'live' WHERE id = @id", new { id });
        }
        else
        {
            db.Execute("UPDATE copies SET next_page = next_page + 1 WHERE id = @id", new { id });
        }

        return new ReportOutcome.Taken();
    });

    /// <inheritdoc/>
    public Task<bool> SweepAsync() => database.WriteAsync(db =>
    {
        if (db.QuerySingleOrDefault<long?>("SELECT id FROM copies WHERE state = 'dropped' LIMIT 1") is not { } id) return false;
        var swept = db.Execute(
            "DELETE FROM repositories WHERE id IN (SELECT id FROM repositories WHERE copy = @id LIMIT @count)",
            new { id, count = SweptAtOnce });
        if (swept == 0) SweepLast(db, id);
        return true;
    });

    private static void SweepLast(SqliteConnection db, long copy)
    {
        // No event told of what was deleted before a resync, so its pulls are still there.
        db.Execute(
            """
            DELETE FROM pulls WHERE service = (SELECT service FROM copies WHERE id = @copy) AND NOT EXISTS (
                SELECT 1 FROM copies c JOIN repositories r ON r.copy = c.id JOIN manifests m ON m.repository = r.id
                WHERE c.service = pulls.service AND c.state = 'live' AND r.name = pulls.repository AND m.digest = pulls.digest)
            """,
            new { copy });
        db.Execute("DELETE FROM copies WHERE id = @copy", new { copy });
    }

    private static string Phrase(string text) => $"\"{text.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";

    private static CatalogCopy? Live(SqliteConnection db, string service) => db.QuerySingleOrDefault<CatalogCopy>(
        "SELECT id, sequence, event_id AS EventId FROM copies WHERE service = @service AND state = 'live'", new { service });

    private static void Begin(SqliteConnection db, string service, SnapshotReport report)
    {
        db.Execute("UPDATE copies SET state = 'dropped' WHERE service = @service AND state = 'filling'", new { service });
        db.Execute(
            "INSERT INTO copies (service, state, sequence, event_id, epoch, next_page) VALUES (@service, 'filling', @Sequence, @Id, "
            + "@Epoch, 0)",
            new { service, report.Position.Sequence, report.Position.Id, report.Epoch });
    }

    private static void Apply(SqliteConnection db, long copy, RegistryEvent change, string service)
    {
        switch (change.Kind)
        {
            case EventKind.ManifestPushed:
                db.Execute(
                    "INSERT INTO repositories (name, copy) VALUES (@Repository, @copy) ON CONFLICT DO NOTHING",
                    new { change.Repository, copy });
                db.Execute(
                    """
                    INSERT INTO manifests (repository, digest, media_type, size, pushed_at, pushed_by)
                    SELECT id, @Digest, @MediaType, @Size, @Time, @Account FROM repositories WHERE name = @Repository AND copy = @copy
                    ON CONFLICT DO UPDATE SET media_type = excluded.media_type
                    """,
                    new { change.Digest, change.MediaType, change.Size, change.Time, change.Account, change.Repository, copy });
                break;
            case EventKind.TagMoved:
                db.Execute(
                    """
                    INSERT INTO tags (repository, name, digest, moved_at, moved_by)
                    SELECT id, @Tag, @Digest, @Time, @Account FROM repositories WHERE name = @Repository AND copy = @copy
                    ON CONFLICT DO UPDATE SET digest = excluded.digest, moved_at = excluded.moved_at, moved_by = excluded.moved_by
                    """,
                    new { change.Tag, change.Digest, change.Time, change.Account, change.Repository, copy });
                break;
            case EventKind.TagDeleted:
                db.Execute(
                    "DELETE FROM tags WHERE name = @Tag AND repository = (SELECT id FROM repositories WHERE name = @Repository AND copy = "
                    + "@copy)",
                    new { change.Tag, change.Repository, copy });
                break;
            case EventKind.ManifestDeleted:
                DeleteManifest(db, copy, change, service);
                break;
        }
    }

    private static void DeleteManifest(SqliteConnection db, long copy, RegistryEvent change, string service)
    {
        if (db.QuerySingleOrDefault<long?>(
            "SELECT id FROM repositories WHERE name = @Repository AND copy = @copy", new { change.Repository, copy }) is not { } id)
        {
            return;
        }

        db.Execute("DELETE FROM manifests WHERE repository = @id AND digest = @Digest", new { id, change.Digest });
        db.Execute("DELETE FROM repositories WHERE id = @id AND NOT EXISTS (SELECT 1 FROM manifests WHERE repository = @id)", new { id });
        db.Execute(
            "DELETE FROM pulls WHERE service = @service AND repository = @Repository AND digest = @Digest",
            new { service, change.Repository, change.Digest });
    }

    // What was deleted since it was pulled is not there any more, and gets no row.
    private static void NotePull(SqliteConnection db, long copy, string service, PulledManifest pull) => db.Execute(
        """
        INSERT INTO pulls (service, repository, digest, pulled_at)
        SELECT @service, r.name, m.digest, @Time FROM repositories r JOIN manifests m ON m.repository = r.id
        WHERE r.name = @Repository AND r.copy = @copy AND m.digest = @Digest
        ON CONFLICT DO UPDATE SET pulled_at = max(pulled_at, excluded.pulled_at)
        """,
        new { service, copy, pull.Repository, pull.Digest, pull.Time });
}
