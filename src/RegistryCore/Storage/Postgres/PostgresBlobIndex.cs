using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Postgres.Collection;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>
/// The blobs' rows in PostgreSQL. Every upload brings bytes under a key of their own; a row names one of them, and what no row names any
/// more is queued for deletion in the same transaction.
/// </summary>
internal sealed class PostgresBlobIndex(PostgresDatabase database, GracePeriod grace, TimeProvider time) : IBlobIndex
{
    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <inheritdoc/>
    public async ValueTask<BlobRecord?> FindAsync(RepositoryName repository, Digest digest) =>
        (await database.ReadAsync(db => ReadAsync(db, repository, digest)))?.Blob;

    /// <inheritdoc/>
    public async ValueTask<BlobRecord?> FindToKeepAsync(RepositoryName repository, Digest digest)
    {
        if (await database.ReadAsync(db => ReadAsync(db, repository, digest)) is not { } found) return null;
        if (found.LinkedAt >= Now - grace.Slack) return found.Blob;

        // Who removes the link holds its row: then this waits, and finds it gone.
        var touched = await database.WriteAsync(db => db.ExecuteAsync(
            "UPDATE blob_links SET linked_at = greatest(linked_at, @now) WHERE repository = @Repository AND digest = @digest",
            new { now = Now, found.Repository, digest = digest.Value }));
        return touched > 0 ? found.Blob : null;
    }

    /// <inheritdoc/>
    public async ValueTask<RepositoryName?> FindHolderAsync(string prefix, Digest digest) =>
        RepositoryName.TryParse(
            await database.ReadAsync(db => db.QueryFirstOrDefaultAsync<string>(
                HolderSql.Below, new { digest = digest.Value, start = prefix + "/", end = prefix + "0" })),
            out var holder)
            ? holder
            : null;

    /// <inheritdoc/>
    public ValueTask<bool> ExistsAsync(Digest digest) => database.ReadAsync(db => db.ExecuteScalarAsync<bool>(
        "SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = @digest)", new { digest = digest.Value }));

    /// <inheritdoc/>
    public Task<bool> AddAsync(RepositoryName repository, BlobRecord blob) => database.WriteAsync(db => AddAsync(db, repository, blob));

    /// <summary>The same in a transaction that does more.</summary>
    public async Task<bool> AddAsync(NpgsqlConnection db, RepositoryName repository, BlobRecord blob)
    {
        var id = await RegistryRows.EnsureRepositoryAsync(db, repository, Now);
        var isNamed = await NameAsync(db, blob);
        await LinkAsync(db, id, blob.Digest);
        return isNamed;
    }

    /// <inheritdoc/>
    public Task<bool> LinkAsync(RepositoryName repository, Digest digest) => database.WriteAsync(async db =>
    {
        var isThere = await db.ExecuteScalarAsync<bool>(
            "SELECT true FROM blobs WHERE digest = @digest AND damaged_at IS NULL FOR KEY SHARE", new { digest = digest.Value });
        if (isThere) await LinkAsync(db, await RegistryRows.EnsureRepositoryAsync(db, repository, Now), digest);
        return isThere;
    });

    /// <inheritdoc/>
    public Task<bool> MountAsync(RepositoryName source, RepositoryName repository, Digest digest, string account) =>
        database.WriteAsync(async db =>
        {
            var size = await db.QuerySingleOrDefaultAsync<long?>(
                """
                SELECT b.size FROM repositories r
                JOIN blob_links l ON l.repository = r.id AND l.digest = @digest
                JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
                WHERE r.name = @name FOR KEY SHARE OF l, b
                """,
                new { name = source.Value, digest = digest.Value });
            if (size is null) return false;
            var id = await RegistryRows.EnsureRepositoryAsync(db, repository, Now);
            await LinkAsync(db, id, digest);
            await RegistryRows.AppendAsync(
                db, id, new RegistryChange(EventKind.BlobMounted, account, Now) { Digest = digest.Value, Size = size });
            return true;
        });

    /// <inheritdoc/>
    public Task<Deletion> RemoveAsync(RepositoryName repository, Digest digest, string account, bool evenIfNeeded) =>
        database.WriteAsync(async db =>
        {
            // The need is looked for once the row is held: a push that shares it is waited for, and seen.
            var id = await db.QuerySingleOrDefaultAsync<long?>(
                """
                SELECT l.repository FROM repositories r JOIN blob_links l ON l.repository = r.id AND l.digest = @digest
                WHERE r.name = @name FOR UPDATE OF l
                """,
                new { name = repository.Value, digest = digest.Value });
            if (id is not { } found) return new Deletion(DeleteOutcome.NotFound);
            var need = await ManifestNeeds.OfBlobAsync(db, found, digest);
            if (need is not null && !evenIfNeeded) return new Deletion(DeleteOutcome.Needed, need);
            await db.ExecuteAsync(
                "DELETE FROM blob_links WHERE repository = @found AND digest = @digest", new { found, digest = digest.Value });
            await RegistryRows.ReviewAsync(db, ReviewKind.Blob, null, digest, Now);
            await RegistryRows.AppendAsync(db, found, new RegistryChange(EventKind.BlobDeleted, account, Now) { Digest = digest.Value });
            return new Deletion(DeleteOutcome.Deleted, need);
        });

    /// <summary>
    /// Has the digest's row name the bytes, unless it names sound ones; then those are kept, and the newer are for their owner to delete.
    /// </summary>
    private async Task<bool> NameAsync(NpgsqlConnection db, BlobRecord blob)
    {
        var row = new { digest = blob.Digest.Value, blob.Key, blob.Size, now = Now };
        while (true)
        {
            var found = await db.QuerySingleOrDefaultAsync<(string Key, long Size, bool IsDamaged)?>(
                "SELECT key, size, damaged_at IS NOT NULL FROM blobs WHERE digest = @digest FOR NO KEY UPDATE", row);
            if (found is { IsDamaged: false, Key: var kept }) return kept == blob.Key;
            if (found is { Key: var old, Size: var size })
            {
                await db.ExecuteAsync(
                    """
                    UPDATE blobs SET key = @Key, size = @Size, verified_at = @now, damaged_at = NULL WHERE digest = @digest;
                    INSERT INTO deletions (key, size, due) SELECT @old, @size, @now WHERE @old <> @Key
                    """,
                    new { row.digest, row.Key, row.Size, row.now, old, size });
                return true;
            }

            // Another push of the same bytes may be on its way: then nothing is inserted, and its row is found.
            if (await db.ExecuteAsync(
                """
                INSERT INTO blobs (digest, key, size, stored_at, verified_at) VALUES (@digest, @Key, @Size, @now, @now)
                ON CONFLICT (digest) DO NOTHING
                """, row) > 0)
            {
                return true;
            }
        }
    }

    /// <summary>Links a blob whose row the transaction holds, and has the link looked at once the grace period is over.</summary>
    private async Task LinkAsync(NpgsqlConnection db, long repository, Digest digest)
    {
        var now = Now;
        var isNew = await db.ExecuteScalarAsync<bool>(
            """
            INSERT INTO blob_links AS l (repository, digest, linked_at) VALUES (@repository, @digest, @now)
            ON CONFLICT (repository, digest) DO UPDATE SET linked_at = greatest(l.linked_at, excluded.linked_at) RETURNING xmax = 0
            """,
            new { repository, digest = digest.Value, now });
        if (isNew) await RegistryRows.ReviewAsync(db, ReviewKind.Link, repository, digest, grace.ReviewOfLinks(now));
    }

    private static async Task<Found?> ReadAsync(NpgsqlConnection db, RepositoryName repository, Digest digest)
    {
        var row = await db.QuerySingleOrDefaultAsync<(long Repository, string Key, long Size, long LinkedAt)?>(
            """
            SELECT r.id, b.key, b.size, l.linked_at FROM repositories r
            JOIN blob_links l ON l.repository = r.id AND l.digest = @digest
            JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
            WHERE r.name = @name
            """,
            new { name = repository.Value, digest = digest.Value });
        return row is { } found ? new Found(new BlobRecord(digest, found.Size, found.Key), found.Repository, found.LinkedAt) : null;
    }

    private readonly record struct Found(BlobRecord Blob, long Repository, long LinkedAt);
}
