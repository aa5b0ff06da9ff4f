using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres.Collection;

/// <summary>The bytes of a blob that no row names any more.</summary>
/// <param name="Id">The row in the queue.</param>
/// <param name="Key">The key under which they lie.</param>
/// <param name="Size">How many they are.</param>
internal sealed record BytesToDelete(long Id, string Key, long Size);

/// <summary>What was removed.</summary>
internal readonly record struct Removed(int Manifests, int Links, int Blobs)
{
    /// <summary>Both together.</summary>
    public static Removed operator +(Removed one, Removed other) =>
        new(one.Manifests + other.Manifests, one.Links + other.Links, one.Blobs + other.Blobs);
}

/// <summary>
/// Removes unreferenced content, in any number of processes at once and while all of them accept pushes. Each process takes review rows
/// that no other has, locks what they name, and only then decides, in statements that see everything committed by that time. A push
/// shares the rows of what its manifest needs: what a push holds is reviewed later, and a push that comes later waits and finds it gone.
/// Rows of blobs are removed before their bytes, which are deleted from a queue.
/// </summary>
internal sealed class PostgresGarbage(PostgresDatabase database, GracePeriod grace, TimeProvider time)
{
    private const int BatchSize = 100, UntaggedAtOnce = 2000;

    /// <summary>How long a process may take to delete the bytes it has claimed, in seconds.</summary>
    private const int DeletionLease = 600;

    /// <summary>Unix seconds.</summary>
    public long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>Looks at everything that is due.</summary>
    public async Task<Removed> ReviewAsync(CancellationToken cancellationToken)
    {
        await RequeueManifestsAsync();
        var sum = new Removed();
        foreach (var kind in (string[])[ReviewKind.Untagged, ReviewKind.Manifest, ReviewKind.Link, ReviewKind.Blob])
        {
            // What is found not to be due yet is looked at again another time, so this comes to an end.
            for (var now = Now; ;)
            {
                cancellationToken.ThrowIfCancellationRequested();
                var (taken, removed) = await database.WriteAsync(
                    db => ReviewAsync(db, kind, Math.Min(now, Now))); // the clock may have been wrong before this began
                sum += removed;
                if (taken == 0) break;
            }
        }

        return sum;
    }

    /// <summary>Takes bytes to delete, for a while: who does not note that they are gone leaves them to the next who asks.</summary>
    /// <param name="count">How many at most.</param>
    /// <param name="due">In Unix seconds, by when they must be due: who asks again and again gets none twice. Null for now.</param>
    public Task<IReadOnlyList<BytesToDelete>> TakeDeletionsAsync(int count, long? due = null) =>
        database.WriteAsync<IReadOnlyList<BytesToDelete>>(async db =>
        (await db.QueryAsync<BytesToDelete>(
            """
            UPDATE deletions SET due = @now + @DeletionLease
            WHERE id IN (
                SELECT id FROM deletions d WHERE due <= @due AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.key = d.key)
                ORDER BY due LIMIT @count FOR UPDATE SKIP LOCKED)
            RETURNING id, key, size
            """,
            new { now = Now, due = due ?? Now, count, DeletionLease })).AsList());

    /// <summary>Notes that bytes are gone.</summary>
    public Task NoteDeletedAsync(IEnumerable<BytesToDelete> deleted) => database.WriteAsync(db => db.ExecuteAsync(
        "DELETE FROM deletions WHERE id = ANY(@ids)", new { ids = deleted.Select(d => d.Id).ToArray() }));

    /// <summary>Writes down that a collection ended.</summary>
    public Task NoteCollectionAsync() =>
        database.WriteAsync(db => db.ExecuteAsync("UPDATE storage_state SET collected_at = @now", new { now = Now }));

    private async Task<(int Taken, Removed Removed)> ReviewAsync(NpgsqlConnection db, string kind, long now)
    {
        var rows = (await db.QueryAsync<Review>(
            """
            SELECT id, repository, digest FROM reviews WHERE kind = @kind AND due <= @now
            ORDER BY due, id LIMIT @BatchSize FOR UPDATE SKIP LOCKED
            """,
            new { kind, now, BatchSize })).AsList();
        var removed = new Removed();
        foreach (var row in rows)
        {
            if (kind == ReviewKind.Untagged)
            {
                await ReviewUntaggedAsync(db, row);
                continue;
            }

            var digest = Digest.ParseStored(row.Digest);
            var (due, part) = (kind, row.Repository) switch
            {
                (ReviewKind.Manifest, { } repository) => await ReviewManifestAsync(db, repository, digest, now),
                (ReviewKind.Link, { } repository) => await ReviewLinkAsync(db, repository, digest, now),
                _ => await ReviewBlobAsync(db, digest, now),
            };
            removed += part;
            await db.ExecuteAsync(
                due is null ? "DELETE FROM reviews WHERE id = @Id" : "UPDATE reviews SET due = @due WHERE id = @Id", new { row.Id, due });
        }

        return (rows.Count, removed);
    }

    /// <summary>Removes the manifest if it is garbage.</summary>
    /// <returns>When it is to be looked at again; null when that need not be, until a reference to it goes.</returns>
    private async Task<(long? Due, Removed Removed)> ReviewManifestAsync(NpgsqlConnection db, long repository, Digest digest, long now)
    {
        var row = new { repository, digest = digest.Value, untagged = grace.AgeAt(now).Untagged ?? 0 };
        if (!grace.RemovesUntagged)
        {
            await db.ExecuteAsync("UPDATE storage_state SET manifests_unreviewed = true WHERE NOT manifests_unreviewed");
            return default;
        }

        if (!await ManifestRows.ExistsAsync(db, repository, digest)) return default;
        var isHeld = await db.ExecuteScalarAsync<bool>(
            """
            SELECT true FROM manifest_contents WHERE digest = @digest FOR UPDATE SKIP LOCKED
            """, row)
            && await db.ExecuteScalarAsync<bool>(
            """
            SELECT true FROM manifests WHERE repository = @repository AND digest = @digest FOR UPDATE SKIP LOCKED
            """, row);
        if (!isHeld) return (now + 1, default);
        var (isReferred, touched, untagged) = await db.QuerySingleAsync<(bool, long, long)>(
            """
            SELECT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest)
                OR EXISTS (SELECT 1 FROM manifest_references x WHERE x.repository = m.repository AND x.target = m.digest)
                OR EXISTS (SELECT 1 FROM manifests s WHERE s.repository = m.repository AND s.digest = m.subject),
                m.touched_at,
                coalesce((SELECT max(h.at) FROM tag_history h WHERE h.repository = m.repository AND h.old_digest = m.digest), 0)
            FROM manifests m WHERE m.repository = @repository AND m.digest = @digest
            """, row);
        if (isReferred) return default;
        var last = Math.Max(touched, untagged);
        if (last >= row.untagged) return (grace.ReviewOfManifests(last), default);
        await RegistryRows.RemoveManifestAsync(db, repository, digest, account: "", now, now);
        return (null, new Removed(1, 0, 0));
    }

    private async Task<(long? Due, Removed Removed)> ReviewLinkAsync(NpgsqlConnection db, long repository, Digest digest, long now)
    {
        var row = new { repository, digest = digest.Value };
        var linked = await db.QuerySingleOrDefaultAsync<long?>(
            "SELECT linked_at FROM blob_links WHERE repository = @repository AND digest = @digest FOR UPDATE SKIP LOCKED", row);
        if (linked is not { } last)
        {
            var isThere = await db.ExecuteScalarAsync<bool>(
                "SELECT EXISTS (SELECT 1 FROM blob_links WHERE repository = @repository AND digest = @digest)", row);
            return (isThere ? now + 1 : null, default);
        }

        if (await db.ExecuteScalarAsync<bool>(
            "SELECT EXISTS (SELECT 1 FROM manifest_references WHERE repository = @repository AND target = @digest)", row))
        {
            return default;
        }

        if (last >= grace.AgeAt(now).Content) return (grace.ReviewOfLinks(last), default);
        await db.ExecuteAsync("DELETE FROM blob_links WHERE repository = @repository AND digest = @digest", row);
        await RegistryRows.ReviewAsync(db, ReviewKind.Blob, null, digest, now);
        return (null, new Removed(0, 1, 0));
    }

    private static async Task<(long? Due, Removed Removed)> ReviewBlobAsync(NpgsqlConnection db, Digest digest, long now)
    {
        var row = new { digest = digest.Value, now };
        var isHeld = await db.ExecuteScalarAsync<bool>("SELECT true FROM blobs WHERE digest = @digest FOR UPDATE SKIP LOCKED", row);
        if (!isHeld)
        {
            var isThere = await db.ExecuteScalarAsync<bool>("SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = @digest)", row);
            return (isThere ? now + 1 : null, default);
        }

        var removed = await db.ExecuteAsync(
            """
            WITH gone AS (
                DELETE FROM blobs WHERE digest = @digest AND NOT EXISTS (SELECT 1 FROM blob_links WHERE digest = @digest)
                RETURNING key, size)
            INSERT INTO deletions (key, size, due) SELECT key, size, @now FROM gone
            """, row);
        return (null, new Removed(0, 0, removed));
    }

    /// <summary>
    /// Has all manifests without a tag looked at that were left alone as long as all were to be kept: a part at a time, and the row in
    /// the queue says how far that is.
    /// </summary>
    private async Task RequeueManifestsAsync()
    {
        if (!grace.RemovesUntagged
            || !await database.ReadAsync(db => db.ExecuteScalarAsync<bool>("SELECT manifests_unreviewed FROM storage_state")))
        {
            return;
        }

        await database.WriteAsync(db => db.ExecuteAsync(
            """
            WITH noted AS (UPDATE storage_state SET manifests_unreviewed = false WHERE manifests_unreviewed RETURNING 1)
            INSERT INTO reviews (kind, repository, digest, due) SELECT @Untagged, 0, '', 0 FROM noted
            """,
            new { ReviewKind.Untagged }));
    }

    private static async Task ReviewUntaggedAsync(NpgsqlConnection db, Review row)
    {
        var from = new { row.Id, row.Repository, row.Digest };
        var to = await db.QuerySingleOrDefaultAsync<(long Repository, string Digest)?>(
            $"""
            SELECT repository, digest FROM manifests WHERE (repository, digest) > (@Repository, @Digest)
            ORDER BY repository, digest OFFSET {UntaggedAtOnce} LIMIT 1
            """,
            from);
        await db.ExecuteAsync(
            $"""
            INSERT INTO reviews (kind, repository, digest, due)
            SELECT 'manifest', m.repository, m.digest, 0 FROM manifests m
            WHERE (m.repository, m.digest) > (@Repository, @Digest)
            {(to is null ? "" : "AND (m.repository, m.digest) <= (@toRepository, @toDigest)")}
            AND NOT EXISTS (SELECT 1 FROM tags t WHERE t.repository = m.repository AND t.digest = m.digest);
            {(to is null
                ? "DELETE FROM reviews WHERE id = @Id"
                : "UPDATE reviews SET repository = @toRepository, digest = @toDigest WHERE id = @Id")}
            """,
            new { from.Id, from.Repository, from.Digest, toRepository = to?.Repository, toDigest = to?.Digest });
    }

    private sealed record Review(long Id, long? Repository, string Digest);
}
