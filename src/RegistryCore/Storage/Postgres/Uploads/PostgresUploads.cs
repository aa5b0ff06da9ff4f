using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.TokenContract;
using Dapper;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Postgres.Uploads;

/// <summary>An upload session as its row has it.</summary>
/// <param name="Id">The id that its URL ends in.</param>
/// <param name="Repository">Where the blob will be.</param>
/// <param name="Account">Whose it is.</param>
/// <param name="Algorithm">By what its bytes are hashed.</param>
/// <param name="IsTransient">Whether it lasts one request.</param>
/// <param name="Progress">What has come.</param>
/// <param name="HeldUntil">Until when a request has it; null when none does.</param>
/// <param name="Closing">The digest of the closing request, once all parts are written.</param>
/// <param name="Digest">The blob that it became.</param>
/// <param name="HasEnded">Whether it is over.</param>
internal sealed record UploadRow(
    string Id,
    string Repository,
    string Account,
    string Algorithm,
    bool IsTransient,
    UploadProgress Progress,
    DateTime? HeldUntil,
    string? Closing,
    string? Digest,
    bool HasEnded)
{
    /// <summary>Whether the client of the request that has it has sent all.</summary>
    public bool IsLeaving { get; init; }
}

/// <summary>What of an upload is in the store.</summary>
/// <param name="Received">How many bytes.</param>
/// <param name="Hash">The state of the hash after them.</param>
/// <param name="Multipart">The store's id for the parts; null before the first.</param>
/// <param name="Parts">How many parts.</param>
/// <param name="Tail">The key of what came after the last part; null for nothing.</param>
internal sealed record UploadProgress(long Received, byte[] Hash, string? Multipart, int Parts, string? Tail);

/// <summary>
/// The rows of upload sessions. A request has a session by a lease, which it renews while it works and loses when it is not heard of;
/// every step names the holder and the offset that it goes on from, so that who lost the lease changes nothing.
/// </summary>
internal sealed class PostgresUploads(PostgresDatabase database, PostgresBlobIndex blobs, TimeProvider time)
{
    private const string Columns =
        """
        id, repository, account, algorithm, is_transient, received, hash, multipart, tail, held_until, closing, digest,
        ended_at IS NOT NULL, (SELECT coalesce(max(number), 0) FROM upload_parts WHERE upload = id),
        is_leaving
        """;

    private const string LeaseEnd = "clock_timestamp() + interval '5 s'";
    private const string IsFree = "(held_until IS NULL OR held_until < clock_timestamp())";

    private long Now => time.GetUtcNow().ToUnixTimeSeconds();

    /// <summary>
    /// Adds a session, unless the account has as many as it may; then its oldest that nobody has touched since a time ends.
    /// </summary>
    /// <param name="row">The session.</param>
    /// <param name="most">How many the account may have; null for any number.</param>
    /// <param name="givesWayBefore">Unix seconds.</param>
    /// <param name="holder">Who has it from the beginning; null for nobody.</param>
    public Task<bool> TryAddAsync(UploadRow row, int? most, long givesWayBefore, string? holder) => database.WriteAsync(
        async db =>
        {
            if (most is { } limit && await CountAsync(db, row.Account) >= limit)
            {
                var ended = await db.ExecuteAsync(
                    $"""
                    UPDATE uploads SET ended_at = @now WHERE id =
                        (SELECT id FROM uploads WHERE account = @Account AND ended_at IS NULL AND NOT is_transient
                         AND touched_at < @givesWayBefore AND {IsFree} ORDER BY touched_at LIMIT 1 FOR UPDATE SKIP LOCKED)
                    """,
                    new { now = Now, row.Account, givesWayBefore });
                if (ended == 0) return false;
            }

            await db.ExecuteAsync(
                $"""
                INSERT INTO uploads (id, repository, account, algorithm, is_transient, received, hash, holder, held_until, touched_at)
                VALUES (@Id, @Repository, @Account, @Algorithm, @IsTransient, 0, @Hash, @holder,
                    CASE WHEN @holder::text IS NULL THEN NULL ELSE {LeaseEnd} END, @now)
                """,
                new { row.Id, row.Repository, row.Account, row.Algorithm, row.IsTransient, row.Progress.Hash, holder, now = Now });
            return true;
        },
        most is null ? null : LockOf(row.Account));

    /// <summary>The session, also one that has ended; null when there is none.</summary>
    public ValueTask<UploadRow?> FindAsync(string id) => database.ReadAsync(db => ReadAsync(db, "WHERE id = @id", new { id }));

    /// <summary>Takes the lease of a session that is open and that nobody has.</summary>
    /// <param name="id">The session.</param>
    /// <param name="holder">Who takes it.</param>
    /// <param name="at">How many bytes it must have; null for any number.</param>
    /// <returns>The session; null when it cannot be had.</returns>
    public Task<UploadRow?> TryTakeAsync(string id, string holder, long? at = null) => database.WriteAsync(async db =>
    {
        var taken = await db.ExecuteAsync(
            $"""
            UPDATE uploads SET holder = @holder, held_until = {LeaseEnd}, is_leaving = false, touched_at = @now
            WHERE id = @id AND ended_at IS NULL AND {IsFree} AND (@at::bigint IS NULL OR received = @at)
            """,
            new { id, holder, now = Now, at });
        return taken == 0 ? null : await ReadAsync(db, "WHERE id = @id", new { id });
    });

    /// <summary>Goes on holding a session; false when another request has it.</summary>
    /// <param name="id">The session.</param>
    /// <param name="holder">Who has it.</param>
    /// <param name="isLeaving">Whether the holder's client has sent all.</param>
    public async Task<bool> RenewAsync(string id, string holder, bool isLeaving) => await database.WriteAsync(db => db.ExecuteAsync(
        $"""
        UPDATE uploads SET held_until = {LeaseEnd}, is_leaving = @isLeaving, touched_at = @now
        WHERE id = @id AND holder = @holder AND ended_at IS NULL
        """,
        new { id, holder, isLeaving, now = Now })) > 0;

    /// <summary>Gives the lease back, if one still has it, and queues objects for deletion that do not count any more.</summary>
    /// <returns>The objects that are queued.</returns>
    public Task<IReadOnlyList<string>> ReleaseAsync(string id, string holder, IReadOnlyCollection<string> unused) =>
        database.WriteAsync<IReadOnlyList<string>>(async db =>
    {
        var released = await db.ExecuteAsync(
            "UPDATE uploads SET holder = NULL, held_until = NULL WHERE id = @id AND holder = @holder", new { id, holder });
        if (released == 0) return [];

        // What one knows of the row may be older than the row: of a commit whose answer was lost. It names what counts.
        var tail = await db.QuerySingleAsync<string?>("SELECT tail FROM uploads WHERE id = @id", new { id });
        string[] dropped = [.. unused.Where(key => key != tail)];
        await DropAsync(db, dropped);
        return dropped;
    });

    /// <summary>Notes what has come since; false when another request has the session.</summary>
    /// <param name="id">The session.</param>
    /// <param name="holder">Who has it.</param>
    /// <param name="from">What had come.</param>
    /// <param name="to">What has come.</param>
    /// <param name="part">The part that it is; null when it is none.</param>
    /// <param name="closing">The digest of the closing request; null while more may come.</param>
    /// <param name="superseded">An object that does not count any more and is queued for deletion; null for none.</param>
    /// <param name="isLeaving">Whether the holder's client has sent all.</param>
    public Task<bool> AdvanceAsync(
        string id, string holder, UploadProgress from, UploadProgress to, ObjectPart? part, string? closing, string? superseded,
        bool isLeaving) =>
        database.WriteAsync(async db =>
        {
            if (await MoveAsync(db, id, holder, from, to, closing, isLeaving) == 0) return false;
            if (superseded is not null) await DropAsync(db, [superseded]);
            if (part is not null)
            {
                await db.ExecuteAsync(
                    "INSERT INTO upload_parts (upload, number, etag, size) VALUES (@id, @Number, @ETag, @Size)",
                    new { id, part.Number, part.ETag, part.Size });
            }

            return true;
        });

    /// <summary>
    /// Goes back to what had come before, wherever the session stands: the holder need not know of a step whose answer was lost. The
    /// store's id for the parts stays. False when another request has the session, or it is closing.
    /// </summary>
    public Task<bool> RewindAsync(string id, string holder, UploadProgress to, bool isLeaving) => database.WriteAsync(async db =>
    {
        if (await MoveAsync(db, id, holder, null, to, null, isLeaving) == 0) return false;
        await db.ExecuteAsync("DELETE FROM upload_parts WHERE upload = @id AND number > @Parts", new { id, to.Parts });
        return true;
    });

    /// <summary>The parts of a session, in order.</summary>
    public async ValueTask<IReadOnlyList<ObjectPart>> PartsAsync(string id) => await database.ReadAsync(async db =>
        (await db.QueryAsync<ObjectPart>(
            "SELECT number, etag, size FROM upload_parts WHERE upload = @id ORDER BY number", new { id })).AsList());

    /// <summary>
    /// Makes the session's bytes, which are durable, a blob of its repository. Where sound bytes of the digest are there already, these
    /// are queued for deletion, and so are other objects that do not count any more.
    /// </summary>
    /// <returns>The objects that are queued; null when another request has the session, and then nothing was done.</returns>
    public Task<IReadOnlyList<string>?> FinishAsync(
        UploadRow row, string holder, RepositoryName repository, BlobRecord blob, IReadOnlyCollection<string> unused) =>
        database.WriteAsync<IReadOnlyList<string>?>(async db =>
    {
        var ended = await db.ExecuteAsync(
            row.IsTransient
                ? "DELETE FROM uploads WHERE id = @Id AND holder = @holder AND ended_at IS NULL"
                : """
                  UPDATE uploads SET digest = @digest, ended_at = @now, holder = NULL, held_until = NULL
                  WHERE id = @Id AND holder = @holder AND ended_at IS NULL
                  """,
            new { row.Id, holder, digest = blob.Digest.Value, now = Now });
        if (ended == 0) return null;
        var isNamed = await blobs.AddAsync(db, repository, blob);
        string[] dropped = isNamed ? [.. unused] : [.. unused, blob.Key];
        await DropAsync(db, dropped);
        return dropped;
    });

    /// <summary>Ends a session that one has; what it left is for <see cref="TakeEndedAsync"/>.</summary>
    /// <returns>False when another request has the session.</returns>
    public async Task<bool> EndAsync(string id, string holder) => await database.WriteAsync(db => db.ExecuteAsync(
        """
        UPDATE uploads SET ended_at = @now, held_until = clock_timestamp() + interval '10 min'
        WHERE id = @id AND holder = @holder AND ended_at IS NULL
        """,
        new { id, holder, now = Now })) > 0;

    /// <summary>
    /// Ends sessions that nobody has touched since a time, and takes those that have ended, for a while, to remove what they left. Those
    /// that became a blob are taken only once they are to be forgotten.
    /// </summary>
    /// <param name="untouchedSince">Unix seconds.</param>
    /// <param name="forgottenBefore">Unix seconds.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="except">Those that are left alone, because they were taken before in vain.</param>
    public Task<IReadOnlyList<UploadRow>> TakeEndedAsync(
        long untouchedSince, long forgottenBefore, int count, IReadOnlyCollection<string> except) =>
        database.WriteAsync<IReadOnlyList<UploadRow>>(async db =>
        {
            await db.ExecuteAsync(
                $"""
                UPDATE uploads SET ended_at = @now WHERE id IN
                    (SELECT id FROM uploads WHERE ended_at IS NULL AND touched_at < @untouchedSince AND {IsFree}
                     ORDER BY touched_at LIMIT @count FOR UPDATE SKIP LOCKED)
                """,
                new { now = Now, untouchedSince, count });
            var ids = (await db.QueryAsync<string>(
                $"""
                UPDATE uploads SET holder = NULL, held_until = clock_timestamp() + interval '10 min' WHERE id IN
                    (SELECT id FROM uploads WHERE ended_at IS NOT NULL AND (digest IS NULL OR ended_at < @forgottenBefore) AND {IsFree}
                     AND id <> ALL(@except) ORDER BY ended_at LIMIT @count FOR UPDATE SKIP LOCKED)
                RETURNING id
                """,
                new { forgottenBefore, count, except = except.ToArray() })).ToArray();
            return await ReadManyAsync(db, "WHERE id = ANY(@ids)", new { ids });
        });

    /// <summary>Forgets a session whose leavings are removed.</summary>
    public Task ForgetAsync(string id) => database.WriteAsync(db => db.ExecuteAsync("DELETE FROM uploads WHERE id = @id", new { id }));

    /// <summary>Notes that objects are gone that were queued for deletion.</summary>
    public Task NoteDeletedAsync(IReadOnlyCollection<string> keys) => database.WriteAsync(db => db.ExecuteAsync(
        "DELETE FROM deletions WHERE key = ANY(@keys)", new { keys = keys.ToArray() }));

    /// <summary>
    /// Queues those of these objects for deletion that no row names, and none ever will: one of a blob is named by the session that made
    /// it, in whose place the blob's row comes in the same transaction.
    /// </summary>
    /// <param name="objects">The key of each, and the session that it is of; null for none.</param>
    /// <param name="isDryRun">Whether none is queued.</param>
    /// <returns>The keys of those.</returns>
    public Task<IReadOnlyList<string>> DropUnnamedAsync(IReadOnlyList<(string Key, string? Upload)> objects, bool isDryRun) =>
        database.WriteAsync<IReadOnlyList<string>>(async db =>
        {
            var unnamed = (await db.QueryAsync<string>(
                """
                SELECT o.key FROM unnest(@keys, @uploads) AS o (key, upload)
                WHERE NOT EXISTS (SELECT 1 FROM uploads u WHERE u.id = o.upload)
                AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.key = o.key)
                AND NOT EXISTS (SELECT 1 FROM deletions d WHERE d.key = o.key)
                """,
                new { keys = objects.Select(o => o.Key).ToArray(), uploads = objects.Select(o => o.Upload).ToArray() })).AsList();
            if (!isDryRun) await DropAsync(db, unnamed);
            return unnamed;
        });

    /// <summary>Which of these keys the row of a blob names.</summary>
    public async ValueTask<IReadOnlyList<string>> KeysInUseAsync(IReadOnlyList<string> keys) => await database.ReadAsync(async db =>
        (await db.QueryAsync<string>("SELECT key FROM blobs WHERE key = ANY(@keys)", new { keys = keys.ToArray() })).AsList());

    /// <summary>Which of these are sessions.</summary>
    public async ValueTask<IReadOnlyList<string>> KnownAsync(IReadOnlyList<string> ids) => await database.ReadAsync(async db =>
        (await db.QueryAsync<string>("SELECT id FROM uploads WHERE id = ANY(@ids)", new { ids = ids.ToArray() })).AsList());

    private static Task<long> CountAsync(NpgsqlConnection db, string account) => db.ExecuteScalarAsync<long>(
        "SELECT count(*) FROM uploads WHERE account = @account AND ended_at IS NULL AND NOT is_transient", new { account });

    private static Task<int> MoveAsync(
        NpgsqlConnection db, string id, string holder, UploadProgress? from, UploadProgress to, string? closing, bool isLeaving) =>
        db.ExecuteAsync(
            $"""
            UPDATE uploads SET received = @Received, hash = @Hash, multipart = coalesce(@Multipart, multipart), tail = @Tail,
                closing = @closing, held_until = {LeaseEnd}, is_leaving = @isLeaving
            WHERE id = @id AND holder = @holder AND (@from::bigint IS NULL OR received = @from) AND ended_at IS NULL AND closing IS NULL
            """,
            new { id, holder, from = from?.Received, to.Received, to.Hash, to.Multipart, to.Tail, closing, isLeaving });

    // They never were a blob, and count in no figure: so their size is nothing.
    private Task<int> DropAsync(NpgsqlConnection db, IReadOnlyCollection<string> keys) => keys.Count == 0
        ? Task.FromResult(0)
        : db.ExecuteAsync(
            "INSERT INTO deletions (key, size, due) SELECT key, 0, @now FROM unnest(@keys) AS key",
            new { keys = keys.ToArray(), now = Now });

    private static async Task<UploadRow?> ReadAsync(NpgsqlConnection db, string where, object values) =>
        (await ReadManyAsync(db, where, values)) is [var row, ..] ? row : null;

    private static async Task<IReadOnlyList<UploadRow>> ReadManyAsync(NpgsqlConnection db, string where, object values)
    {
        await using var reader = await db.ExecuteReaderAsync($"SELECT {Columns} FROM uploads {where}", values);
        var rows = new List<UploadRow>();
        while (await reader.ReadAsync())
        {
            rows.Add(new UploadRow(
                reader.GetString(0),
                reader.GetString(1),
                reader.GetString(2),
                reader.GetString(3),
                reader.GetBoolean(4),
                new UploadProgress(
                    reader.GetInt64(5), reader.GetFieldValue<byte[]>(6), Text(7), reader.GetInt32(13), Text(8)),
                reader.IsDBNull(9) ? null : reader.GetDateTime(9),
                Text(10),
                Text(11),
                reader.GetBoolean(12)) { IsLeaving = reader.GetBoolean(14) });
        }

        return rows;

        string? Text(int column) => reader.IsDBNull(column) ? null : reader.GetString(column);
    }

    /// <summary>The advisory lock under which sessions of an account are counted.</summary>
    private static long LockOf(string account) =>
        BitConverter.ToInt64(System.Security.Cryptography.SHA256.HashData(System.Text.Encoding.UTF8.GetBytes($"uploads of {account}")));
}
