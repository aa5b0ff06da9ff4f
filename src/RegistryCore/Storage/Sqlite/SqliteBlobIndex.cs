using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.RegistryCore.Storage.Sqlite.Collection;
using AuthIndex.RegistryCore.Storage.Sqlite.Manifests;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>The blobs' rows in SQLite. It keeps no keys: bytes lie in a file that is named by their digest.</summary>
internal sealed class SqliteBlobIndex(RegistryDatabase database, ReadCache cache, RecentAccess touches) : IBlobIndex
{
    private const int SqliteFull = 13;

    /// <inheritdoc/>
    public ValueTask<BlobRecord?> FindAsync(RepositoryName repository, Digest digest) => new(Find(repository, digest));

    /// <inheritdoc/>
    public ValueTask<BlobRecord?> FindToKeepAsync(RepositoryName repository, Digest digest) =>
        touches.FindAsync(new ContentKey(repository, digest, IsManifest: false), () => Find(repository, digest));

    /// <inheritdoc/>
    public ValueTask<RepositoryName?> FindHolderAsync(string prefix, Digest digest) => new(database.Read(db =>
        RepositoryName.TryParse(
            db.QueryFirstOrDefault<string>(HolderSql.Below, new { digest = digest.Value, start = prefix + "/", end = prefix + "0" }),
            out var holder)
            ? holder
            : (RepositoryName?)null));

    /// <inheritdoc/>
    public ValueTask<bool> ExistsAsync(Digest digest) => new(database.Read(db =>
        db.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = @digest)", new { digest = digest.Value })));

    /// <inheritdoc/>
    /// <exception cref="StorageFullException">The database's volume is full; nothing was noted.</exception>
    public async Task<bool> AddAsync(RepositoryName repository, BlobRecord blob)
    {
        if (blob.Key != blob.Digest.Value) throw new ArgumentException("Bytes of this registry lie under their digest.", nameof(blob));
        try
        {
            return await cache.InvalidateAfterAsync(repository.Value, database.WriteAsync(db =>
            {
                Insert(db, repository, blob);
                return true;
            }));
        }
        catch (SqliteException e) when (e.SqliteErrorCode == SqliteFull)
        {
            throw new StorageFullException(e.Message);
        }
    }

    /// <inheritdoc/>
    public Task<bool> LinkAsync(RepositoryName repository, Digest digest) =>
        cache.InvalidateAfterAsync(repository.Value, database.WriteAsync(db =>
        {
            if (!db.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = @digest AND damaged_at IS NULL)",
                new { digest = digest.Value }))
            {
                return false;
            }

            Link(db, repository, digest);
            return true;
        }));

    /// <inheritdoc/>
    public Task<bool> MountAsync(RepositoryName source, RepositoryName repository, Digest digest, string account) =>
        cache.InvalidateAfterAsync(repository.Value, database.WriteAsync(db =>
        {
            if (Read(db, source, digest) is not { } blob) return false;
            Link(db, repository, digest);
            SqliteOutbox.Append(
                db,
                database.EnsureRepository(db, repository),
                new RegistryChange(EventKind.BlobMounted, account, database.Now) { Digest = digest.Value, Size = blob.Size });
            return true;
        }));

    /// <inheritdoc/>
    public Task<Deletion> RemoveAsync(RepositoryName repository, Digest digest, string account, bool evenIfNeeded) =>
        cache.InvalidateAfterAsync(repository.Value, database.WriteWithReserveAsync(db =>
        {
            if (RegistryDatabase.FindRepository(db, repository) is not { } id) return new Deletion(DeleteOutcome.NotFound);
            if (!IsLinked(db, id, digest)) return new Deletion(DeleteOutcome.NotFound);
            var need = ContentNeeds.OfBlob(db, id, digest);
            if (need is not null && !evenIfNeeded) return new Deletion(DeleteOutcome.Needed, need);
            db.Execute("DELETE FROM blob_links WHERE repository = @id AND digest = @digest", new { id, digest = digest.Value });
            SqliteOutbox.Append(db, id, new RegistryChange(EventKind.BlobDeleted, account, database.Now) { Digest = digest.Value });
            return new Deletion(DeleteOutcome.Deleted, need);
        }));

    private BlobRecord? Find(RepositoryName repository, Digest digest) =>
        cache.GetOrRead(repository.Value, digest.Value, () => database.Read(db => Read(db, repository, digest)), _ => digest.Value.Length);

    private void Insert(SqliteConnection db, RepositoryName repository, BlobRecord blob)
    {
        db.Execute(
            """
            INSERT INTO blobs (digest, size, stored_at, verified_at) VALUES (@digest, @size, @now, @now)
            ON CONFLICT DO UPDATE SET size = excluded.size, verified_at = excluded.verified_at, damaged_at = NULL
            """,
            new { digest = blob.Digest.Value, size = blob.Size, now = database.Now });
        Link(db, repository, blob.Digest);
    }

    private static bool IsLinked(SqliteConnection db, long repository, Digest digest) => db.ExecuteScalar<bool>(
        "SELECT EXISTS (SELECT 1 FROM blob_links WHERE repository = @repository AND digest = @digest)",
        new { repository, digest = digest.Value });

    private void Link(SqliteConnection db, RepositoryName repository, Digest digest) => db.Execute(
        "INSERT INTO blob_links (repository, digest, linked_at) VALUES (@id, @digest, @now) ON CONFLICT DO UPDATE SET linked_at = "
            + "excluded.linked_at",
        new { id = database.EnsureRepository(db, repository), digest = digest.Value, now = database.Now });

    private static BlobRecord? Read(SqliteConnection db, RepositoryName repository, Digest digest) =>
        db.QuerySingleOrDefault<long?>(
            """
            SELECT b.size FROM repositories r
            JOIN blob_links l ON l.repository = r.id AND l.digest = @digest
            JOIN blobs b ON b.digest = l.digest AND b.damaged_at IS NULL
            WHERE r.name = @name
            """,
            new { name = repository.Value, digest = digest.Value }) is { } size
            ? new BlobRecord(digest, size, digest.Value)
            : null;
}
