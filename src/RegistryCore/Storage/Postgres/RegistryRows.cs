using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>What is to be looked at as possible garbage.</summary>
internal static class ReviewKind
{
    /// <summary>All manifests without a tag that come after the named one.</summary>
    public const string Untagged = "untagged";

    /// <summary>A manifest of a repository.</summary>
    public const string Manifest = "manifest";

    /// <summary>That a repository holds a blob.</summary>
    public const string Link = "link";

    /// <summary>A blob that no repository may hold.</summary>
    public const string Blob = "blob";
}

/// <summary>
/// The rows that several stores write. Whoever moves a tag holds its lock, taken before any row is locked and in one order, so that a
/// tag that does not exist yet is decided about by one transaction at a time, and nobody waits in a circle.
/// </summary>
internal static class RegistryRows
{
    /// <summary>The repository's row, or null.</summary>
    public static Task<long?> FindRepositoryAsync(NpgsqlConnection db, RepositoryName name) =>
        db.QuerySingleOrDefaultAsync<long?>("SELECT id FROM repositories WHERE name = @name", new { name = name.Value });

    /// <summary>The repository's row, made where it is missing. Only inside a write.</summary>
    public static async Task<long> EnsureRepositoryAsync(NpgsqlConnection db, RepositoryName name, long now)
    {
        while (true)
        {
            if (await FindRepositoryAsync(db, name) is { } id) return id;

            // Nothing is made where another transaction makes it at the same time: it is waited for, and its row is found.
            await db.ExecuteAsync(
                "INSERT INTO repositories (name, created_at) VALUES (@name, @now) ON CONFLICT DO NOTHING", new { name = name.Value, now });
        }
    }

    /// <summary>Holds tags until the transaction ends.</summary>
    public static Task LockTagsAsync(NpgsqlConnection db, RepositoryName repository, IEnumerable<string> tags)
    {
        var keys = tags.Select(tag => Key(repository, tag)).Distinct().Order().ToArray();
        return keys.Length == 0
            ? Task.CompletedTask
            : db.ExecuteAsync(
                "SELECT pg_advisory_xact_lock(key) FROM unnest(@keys) WITH ORDINALITY AS k (key, n) ORDER BY n", new { keys });

        // Two tags with one key wait for each other, nothing else.
        static long Key(RepositoryName repository, string tag) => BinaryPrimitives.ReadInt64BigEndian(
            SHA256.HashData(Encoding.UTF8.GetBytes($"{repository.Value}:{tag}")));
    }

    /// <summary>
    /// Points tags at a manifest or removes them, adds to their history, and reports it to the index. Their locks are held.
    /// </summary>
    /// <param name="db">A connection within a transaction.</param>
    /// <param name="repository">The repository's row.</param>
    /// <param name="moves">The tags, and what each points at now; null for one that is new.</param>
    /// <param name="to">What they are to point at; null to remove them.</param>
    /// <param name="account">The account that moves them.</param>
    /// <param name="now">The time in Unix seconds.</param>
    /// <param name="review">When what they pointed at can be looked at.</param>
    public static async Task MoveTagsAsync(
        NpgsqlConnection db, long repository, IReadOnlyList<(string Tag, Digest? From)> moves, Digest? to, string account, long now,
        long review)
    {
        if (moves.Count == 0) return;
        var row = new
        {
            repository,
            tags = moves.Select(m => m.Tag).ToArray(),
            froms = moves.Select(m => m.From?.Value).ToArray(),
            to = to?.Value,
            now,
            account,
            review,
            kind = to is null ? EventKind.TagDeleted : EventKind.TagMoved,
            ids = moves.Select(_ => NewEventId()).ToArray(),
        };
        await db.ExecuteAsync(
            (to is null
                ? "DELETE FROM tags WHERE repository = @repository AND name = ANY(@tags);"
                : """
                  INSERT INTO tags (repository, name, digest, moved_at, moved_by)
                  SELECT @repository, tag, @to, @now, @account FROM unnest(@tags) AS t (tag)
                  ON CONFLICT (repository, name) DO UPDATE
                  SET digest = excluded.digest, moved_at = excluded.moved_at, moved_by = excluded.moved_by;
                  """)
            + """
              INSERT INTO tag_history (repository, name, old_digest, new_digest, at, by)
              SELECT @repository, tag, old_digest, @to, @now, @account
              FROM unnest(@tags, @froms) WITH ORDINALITY AS t (tag, old_digest, n) ORDER BY n;
              INSERT INTO outbox (id, kind, repository, tag, digest, account, at)
              SELECT t.id, @kind, r.name, t.tag, coalesce(@to, t.old_digest), @account, @now
              FROM unnest(@tags, @froms, @ids) WITH ORDINALITY AS t (tag, old_digest, id, n), repositories r, outbox_state s
              WHERE r.id = @repository AND s.reporting ORDER BY t.n;
              INSERT INTO reviews (kind, repository, digest, due)
              SELECT DISTINCT 'manifest', @repository, old_digest, @review
              FROM unnest(@froms) AS t (old_digest) WHERE old_digest IS NOT NULL
              """,
            row);
    }

    /// <summary>Writes an event, if events are reported at all. What was changed is locked already.</summary>
    public static Task AppendAsync(NpgsqlConnection db, long repository, RegistryChange change) => db.ExecuteAsync(
        """
        INSERT INTO outbox (id, kind, repository, tag, digest, media_type, size, account, at)
        SELECT @id, @Kind, r.name, @Tag, @Digest, @MediaType, @Size, @Account, @At
        FROM repositories r, outbox_state s WHERE r.id = @repository AND s.reporting
        """,
        new { id = NewEventId(), repository, change.Kind, change.Tag, change.Digest, change.MediaType, change.Size, change.Account,
            change.At });

    /// <summary>Has something looked at.</summary>
    /// <param name="db">A connection within a transaction.</param>
    /// <param name="kind">One of <see cref="ReviewKind"/>.</param>
    /// <param name="repository">The repository's row; null for a blob.</param>
    /// <param name="digest">What.</param>
    /// <param name="due">From when on, in Unix seconds.</param>
    public static Task ReviewAsync(NpgsqlConnection db, string kind, long? repository, Digest digest, long due) => db.ExecuteAsync(
        "INSERT INTO reviews (kind, repository, digest, due) VALUES (@kind, @repository, @digest, @due)",
        new { kind, repository, digest = digest.Value, due });

    /// <summary>
    /// Removes a manifest that no tag points at, and tells the index; what it referred to, and what refers to it as its subject, is
    /// looked at. The transaction holds the rows of the bytes and of the manifest, in this order, as a push takes them.
    /// </summary>
    public static async Task RemoveManifestAsync(
        NpgsqlConnection db, long repository, Digest digest, string account, long now, long review)
    {
        var row = new { repository, digest = digest.Value, now, review };
        await db.ExecuteAsync(
            """
            INSERT INTO reviews (kind, repository, digest, due)
            SELECT k.kind, @repository, x.target, @review
            FROM manifest_references x, unnest(ARRAY['manifest', 'link']) AS k (kind)
            WHERE x.repository = @repository AND x.manifest = @digest AND CASE k.kind
                WHEN 'manifest' THEN EXISTS (SELECT 1 FROM manifests m WHERE m.repository = @repository AND m.digest = x.target)
                ELSE EXISTS (SELECT 1 FROM blob_links l WHERE l.repository = @repository AND l.digest = x.target) END;
            INSERT INTO reviews (kind, repository, digest, due)
            SELECT 'manifest', @repository, digest, @review FROM manifests WHERE repository = @repository AND subject = @digest;
            DELETE FROM manifests WHERE repository = @repository AND digest = @digest;
            DELETE FROM manifest_contents WHERE digest = @digest AND NOT EXISTS (SELECT 1 FROM manifests WHERE digest = @digest)
            """,
            row);
        await AppendAsync(db, repository, new RegistryChange(EventKind.ManifestDeleted, account, now) { Digest = digest.Value });
    }

    /// <summary>A text as PostgreSQL can hold it: without NUL, which clients can write into a manifest.</summary>
    public static string? Storable(string? text) => text?.Replace('\0', '\ufffd');

    /// <summary>The part of a text that is before its first NUL: nothing that is stored lies between the two.</summary>
    public static string UpToNul(string text) => text.IndexOf('\0', StringComparison.Ordinal) is var at and >= 0 ? text[..at] : text;

    private static string NewEventId() => RandomNumberGenerator.GetHexString(32, lowercase: true);
}
