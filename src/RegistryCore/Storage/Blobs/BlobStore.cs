using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Collection;
using AuthIndex.RegistryCore.Storage.Manifests;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>A blob as its repository shows it.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its size in bytes.</param>
internal sealed record BlobRecord(Digest Digest, long Size);

/// <summary>The blobs: bytes in content-addressed files, and the links that say which repository may show which.</summary>
internal sealed class BlobStore(
    StorageDirectory directory, RegistryDatabase database, ReadCache cache, DigestLocks locks, RecentAccess touches)
{
    private const int SqliteFull = 13;

    /// <summary>The blob if the repository holds it.</summary>
    public BlobRecord? Find(RepositoryName repository, Digest digest) =>
        cache.GetOrRead(repository.Value, digest.Value, () => database.Read(db => Read(db, repository, digest)), _ => digest.Value.Length);

    /// <summary>
    /// The blob if the repository holds it, and goes on holding it for the grace period: the client may leave it out of a push.
    /// </summary>
    public ValueTask<BlobRecord?> FindToKeepAsync(RepositoryName repository, Digest digest) =>
        touches.FindAsync(new ContentKey(repository, digest, IsManifest: false), () => Find(repository, digest));

    /// <summary>Opens the bytes of a blob; null when it has gone since it was found.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read: the storage is damaged, which is never a 404.</exception>
    public SafeFileHandle? Open(RepositoryName repository, Digest digest)
    {
        try
        {
            return File.OpenHandle(directory.Blob(digest), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException) when (database.Read(db => Read(db, repository, digest)) is null)
        {
            return null;
        }
    }

    /// <summary>
    /// Takes a finished file of the right digest into the store and links it: file and directory are synced, then the row is committed.
    /// After a crash in between the file lies unlinked, where a later push of the same blob finds its place.
    /// </summary>
    public async Task AddAsync(RepositoryName repository, Digest digest, string file, long size)
    {
        using var turn = await locks.EnterAsync(digest);
        var path = directory.Blob(digest);
        File.Move(file, path, overwrite: true);
        Fault.Pass(FaultPoint.BlobMoved);
        DurableFile.SyncDirectory(ParentFolder.Of(path));
        Fault.Pass(FaultPoint.DirectorySynced);
        try
        {
            await cache.InvalidateAfterAsync(repository.Value, database.WriteAsync(db =>
            {
                Insert(db, repository, digest, size);
                return true;
            }));
        }
        catch (SqliteException e) when (e.SqliteErrorCode == SqliteFull)
        {
            // Room is short: give it back now. After other failures the row may yet prove durable, so the file waits for the collector.
            if (!database.Read(db => Exists(db, digest))) File.Delete(path);
            throw;
        }
    }

    /// <summary>Links a blob that some repository holds; false when none does. Only for who may read them all: an import.</summary>
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

    /// <summary>Links a blob of another repository; false when that one does not hold it.</summary>
    public Task<bool> MountAsync(RepositoryName source, RepositoryName repository, Digest digest, string account) =>
        cache.InvalidateAfterAsync(repository.Value, database.WriteAsync(db =>
        {
            if (Read(db, source, digest) is not { } blob) return false;
            Link(db, repository, digest);
            Outbox.Append(
                db,
                database.EnsureRepository(db, repository),
                new RegistryChange(EventKind.BlobMounted, account, database.Now) { Digest = digest.Value, Size = blob.Size });
            return true;
        }));

    /// <summary>Takes the blob out of the repository.</summary>
    /// <param name="repository">Where.</param>
    /// <param name="digest">Which.</param>
    /// <param name="account">Who deletes it.</param>
    /// <param name="evenIfNeeded">Whether it goes although a manifest of the repository needs it.</param>
    public Task<Deletion> RemoveAsync(RepositoryName repository, Digest digest, string account, bool evenIfNeeded) =>
        cache.InvalidateAfterAsync(repository.Value, database.WriteWithReserveAsync(db =>
        {
            if (RegistryDatabase.FindRepository(db, repository) is not { } id) return new Deletion(DeleteOutcome.NotFound);
            if (!IsLinked(db, id, digest)) return new Deletion(DeleteOutcome.NotFound);
            var need = ContentNeed.OfBlob(db, id, digest);
            if (need is not null && !evenIfNeeded) return new Deletion(DeleteOutcome.Needed, need);
            db.Execute("DELETE FROM blob_links WHERE repository = @id AND digest = @digest", new { id, digest = digest.Value });
            Outbox.Append(db, id, new RegistryChange(EventKind.BlobDeleted, account, database.Now) { Digest = digest.Value });
            return new Deletion(DeleteOutcome.Deleted, need);
        }));

    private void Insert(SqliteConnection db, RepositoryName repository, Digest digest, long size)
    {
        db.Execute(
            """
            INSERT INTO blobs (digest, size, stored_at, verified_at) VALUES (@digest, @size, @now, @now)
            ON CONFLICT DO UPDATE SET size = excluded.size, verified_at = excluded.verified_at, damaged_at = NULL
            """,
            new { digest = digest.Value, size, now = database.Now });
        Link(db, repository, digest);
    }

    private static bool IsLinked(SqliteConnection db, long repository, Digest digest) => db.ExecuteScalar<bool>(
        "SELECT EXISTS (SELECT 1 FROM blob_links WHERE repository = @repository AND digest = @digest)",
        new { repository, digest = digest.Value });

    private static bool Exists(SqliteConnection db, Digest digest) =>
        db.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = @digest)", new { digest = digest.Value });

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
            ? new BlobRecord(digest, size)
            : null;
}
