using AuthIndex.Hosting.Files;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>A blob as its repository shows it.</summary>
/// <param name="Digest">Its digest.</param>
/// <param name="Size">Its size in bytes.</param>
internal sealed record BlobRecord(Digest Digest, long Size);

/// <summary>The blobs: bytes in content-addressed files, and the links that say which repository may show which.</summary>
internal sealed class BlobStore(StorageDirectory directory, RegistryDatabase database, ReadCache cache)
{
    /// <summary>The blob if the repository holds it.</summary>
    public BlobRecord? Find(RepositoryName repository, Digest digest) =>
        cache.GetOrRead(repository.Value, digest.Value, () => database.Read(db => Read(db, repository, digest)), _ => digest.Value.Length);

    /// <summary>Opens the bytes of a blob.</summary>
    /// <exception cref="IOException">The file is missing or cannot be read: the storage is damaged, which is never a 404.</exception>
    public SafeFileHandle Open(Digest digest) =>
        File.OpenHandle(directory.Blob(digest), FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);

    /// <summary>
    /// Takes a finished file of the right digest into the store and links it: file and directory are synced, then the row is committed.
    /// After a crash in between the file lies unlinked, where a later push of the same blob finds its place.
    /// </summary>
    public async Task AddAsync(RepositoryName repository, Digest digest, string file, long size)
    {
        var path = directory.Blob(digest);
        File.Move(file, path, overwrite: true);
        DurableFile.SyncDirectory(Path.GetDirectoryName(path)!);
        await database.WriteAsync(db =>
        {
            db.Execute(
                "INSERT INTO blobs (digest, size, stored_at) VALUES (@digest, @size, @now) ON CONFLICT DO UPDATE SET size = excluded.size",
                new { digest = digest.Value, size, now = database.Now });
            Link(db, repository, digest);
            return true;
        });
        cache.Invalidate(repository.Value);
    }

    /// <summary>Links a blob of another repository; false when that one does not hold it.</summary>
    public async Task<bool> MountAsync(RepositoryName source, RepositoryName repository, Digest digest, string account)
    {
        var mounted = await database.WriteAsync(db =>
        {
            if (Read(db, source, digest) is not { } blob) return false;
            Link(db, repository, digest);
            Outbox.Append(db, database.EnsureRepository(db, repository), new Change(ChangeKind.BlobMounted, account, database.Now) { Digest = digest.Value, Size = blob.Size });
            return true;
        });
        if (mounted) cache.Invalidate(repository.Value);
        return mounted;
    }

    /// <summary>Takes the blob out of the repository; false when it is not in it.</summary>
    public async Task<bool> RemoveAsync(RepositoryName repository, Digest digest, string account)
    {
        var removed = await database.WriteAsync(db =>
        {
            if (RegistryDatabase.FindRepository(db, repository) is not { } id) return false;
            if (db.Execute("DELETE FROM blob_links WHERE repository = @id AND digest = @digest", new { id, digest = digest.Value }) == 0) return false;
            Outbox.Append(db, id, new Change(ChangeKind.BlobDeleted, account, database.Now) { Digest = digest.Value });
            return true;
        });
        if (removed) cache.Invalidate(repository.Value);
        return removed;
    }

    private void Link(SqliteConnection db, RepositoryName repository, Digest digest) => db.Execute(
        "INSERT INTO blob_links (repository, digest, linked_at) VALUES (@id, @digest, @now) ON CONFLICT DO UPDATE SET linked_at = excluded.linked_at",
        new { id = database.EnsureRepository(db, repository), digest = digest.Value, now = database.Now });

    private static BlobRecord? Read(SqliteConnection db, RepositoryName repository, Digest digest) =>
        db.QuerySingleOrDefault<long?>(
            """
            SELECT b.size FROM repositories r
            JOIN blob_links l ON l.repository = r.id AND l.digest = @digest
            JOIN blobs b ON b.digest = l.digest
            WHERE r.name = @name
            """,
            new { name = repository.Value, digest = digest.Value }) is { } size
            ? new BlobRecord(digest, size)
            : null;
}
