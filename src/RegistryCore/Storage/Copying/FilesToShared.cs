using System.Globalization;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Objects;
using AuthIndex.RegistryCore.Storage.Sqlite;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Copying;

/// <summary>
/// Copies the registry of a folder into a PostgreSQL database and an object store. Each blob is stored as one that a client uploads, in a
/// repository that only the copy has: its row says that it is there, so a run that was interrupted goes on with the others. The rows of
/// everything else are copied and compared in one transaction, in which the copy becomes a registry; until then none starts on it.
/// </summary>
internal sealed class FilesToShared(SharedPlace target, string root, Action<string> tell, TimeProvider clock)
{
    private const string Copied = "copied_blobs";

    private const int PageSize = 1000, ReadSize = 256 * 1024;

    private static readonly RepositoryName Holder = RepositoryName.TryParse("copy", out var name)
        ? name
        : throw new InvalidOperationException("No name of a repository.");

    /// <summary>Copies blobs that are missing, alongside the registry.</summary>
    /// <param name="source">A connection to the folder's database.</param>
    /// <param name="cancellationToken">Ends it; another run goes on.</param>
    /// <exception cref="OperatorException">There is something else at the target.</exception>
    public async Task<CopyReport> CopyAheadAsync(SqliteConnection source, CancellationToken cancellationToken)
    {
        await target.BeginAsync(NameOf(source), moved: null, cancellationToken);
        return (await CopyBlobsAsync(source, cancellationToken)).Report();
    }

    /// <summary>Copies everything that is missing, after which the registry of the folder is not used any more.</summary>
    /// <param name="database">The folder's database, held.</param>
    /// <param name="leavesDamaged">Whether what is damaged is left behind.</param>
    /// <param name="cancellationToken">Ends it; another run goes on.</param>
    /// <exception cref="OperatorException">There is something else at the target, or the registry was moved elsewhere.</exception>
    public async Task<CopyReport> MoveAsync(RegistryDatabase database, bool leavesDamaged, CancellationToken cancellationToken)
    {
        using var snapshot = database.Database.OpenSnapshot();
        var source = snapshot.Connection;
        await target.BeginAsync(NameOf(source), RegistryDatabase.MoveOf(database.Database), cancellationToken);
        var progress = await CopyBlobsAsync(source, cancellationToken);
        NoteDamagedManifests(source, progress, cancellationToken);
        if (progress.Damaged.Count > 0 && !leavesDamaged) return progress.Report();

        await DemandStoredAsync(cancellationToken);
        var rows = await CopyRowsAsync(source, database, progress.Damaged, cancellationToken);
        Fault.Pass(FaultPoint.CopyCommitted);
        return progress.Report(rows);
    }

    private async Task<CopyProgress> CopyBlobsAsync(SqliteConnection source, CancellationToken cancellationToken)
    {
        var (blobs, bytes) = source.QuerySingle<(long, long)>("SELECT count(*), coalesce(sum(size), 0) FROM blobs");
        var progress = new CopyProgress(tell, clock, blobs, bytes);
        await Parallel.ForEachAsync(
            MissingAsync(source, progress, cancellationToken),
            new ParallelOptions { MaxDegreeOfParallelism = target.AtOnce, CancellationToken = cancellationToken },
            async (blob, stop) =>
            {
                if (await StoreAsync(blob, progress, stop)) progress.Has(blob, isNew: true);
                else if (IsStillThere(blob)) progress.NoteDamaged(blob.Digest);
                Fault.Pass(FaultPoint.CopiedBlob);
            });
        return progress;

        // A row that has gone since was collected beside a running registry.
        bool IsStillThere(BlobToCopy blob)
        {
            lock (source) return source.ExecuteScalar<bool>("SELECT EXISTS (SELECT 1 FROM blobs WHERE digest = @Key)", new { blob.Key });
        }
    }

    private string NameOf(SqliteConnection source)
    {
        var made = DateTimeOffset.FromUnixTimeSeconds(source.ExecuteScalar<long>("SELECT created_at FROM storage_state"));
        return string.Create(CultureInfo.InvariantCulture, $"{RegistryDatabase.NameOf(root)} (made {made:u})");
    }

    /// <summary>The blobs that the target has no row of.</summary>
    private async IAsyncEnumerable<BlobToCopy> MissingAsync(
        SqliteConnection source, CopyProgress progress, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var after = ""; PageAfter(after) is { Count: > 0 } page; after = page[^1].Key)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var there = (await target.State.Database.ReadAsync(db => db.QueryAsync<string>(
                "SELECT digest FROM blobs WHERE digest = ANY(@digests) AND damaged_at IS NULL",
                new { digests = page.Select(b => b.Key).ToArray() }))).ToHashSet(StringComparer.Ordinal);
            foreach (var blob in page)
            {
                if (there.Contains(blob.Key)) progress.Has(blob, isNew: false);
                else yield return blob;
            }
        }

        List<BlobToCopy> PageAfter(string after)
        {
            lock (source)
            {
                return
                [
                    .. source.Query<(string Digest, long Size)>(
                        "SELECT digest, size FROM blobs WHERE digest > @after ORDER BY digest LIMIT @PageSize", new { after, PageSize })
                    .Select(b => new BlobToCopy(Digest.ParseStored(b.Digest), b.Size, b.Digest)),
                ];
            }
        }
    }

    /// <summary>Stores a blob; false when its file is missing, damaged or cannot be read.</summary>
    private async Task<bool> StoreAsync(BlobToCopy blob, CopyProgress progress, CancellationToken cancellationToken)
    {
        var path = StorageDirectory.BlobIn(root, blob.Digest);
        if (!FileOwnership.Exists(path)) return false;
        var session = await target.Uploads.CreateTransientAsync(Holder, "", blob.Digest.Algorithm);
        var pipe = new Pipe();
        var reading = ReadAsync(path, pipe.Writer, progress, cancellationToken);
        try
        {
            if (await session.AppendAsync(pipe.Reader, cancellationToken) is null)
            {
                throw new IOException($"the database gave the upload of {blob.Digest} to another process");
            }

            if (!await reading) return false;
            var stored = await session.FinishAsync(blob.Digest, cancellationToken)
                ?? throw new IOException($"the object store did not take {blob.Digest}, which is no fault of the blob");
            return stored == blob.Digest;
        }
        catch (BlobTooLargeException e)
        {
            throw new OperatorException($"the blob {blob.Digest} has {blob.Size} bytes: {e.Message}", e);
        }
        finally
        {
            await pipe.Reader.CompleteAsync();
            await reading;
            await session.RemoveAsync();
        }
    }

    /// <summary>Reads a file into a pipe; false when the disk does not give it.</summary>
    private static async Task<bool> ReadAsync(string path, PipeWriter into, CopyProgress progress, CancellationToken cancellationToken)
    {
        await Task.Yield();
        try
        {
            using var file = File.OpenHandle(
                path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, FileOptions.SequentialScan);
            for (var at = 0L; RandomAccess.Read(file, into.GetMemory(ReadSize).Span, at) is var read and > 0; at += read)
            {
                into.Advance(read);
                progress.Read(read);
                if ((await into.FlushAsync(cancellationToken)).IsCompleted) break;
            }

            return true;
        }
        catch (IOException e) when (e is FileNotFoundException || DurableFile.TellsDamage(e))
        {
            return false;
        }
        finally
        {
            await into.CompleteAsync();
        }
    }

    private static void NoteDamagedManifests(SqliteConnection source, CopyProgress progress, CancellationToken cancellationToken)
    {
        foreach (var (text, bytes) in source.Query<(string, byte[])>("SELECT digest, bytes FROM manifest_contents", buffered: false))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var digest = Digest.ParseStored(text);
            if (Digest.Compute(digest.Algorithm, bytes) != digest) progress.NoteDamaged(digest);
        }
    }

    /// <summary>Compares the rows of blobs with the objects; rows without an object go, so that another run stores it.</summary>
    private async Task DemandStoredAsync(CancellationToken cancellationToken)
    {
        var report = await target.VerifyAsync(cancellationToken);
        string[] lost = [.. report.Missing, .. report.WrongSize];
        if (lost.Length == 0) return;
        await target.State.Database.WriteAsync(db => db.ExecuteAsync(
            "DELETE FROM blob_links WHERE digest = ANY(@lost); DELETE FROM blobs WHERE digest = ANY(@lost)", new { lost }));
        throw new OperatorException(
            $"the object store has lost {lost.Length} blobs that were stored in it, such as {lost[0]}; run it again to store them again");
    }

    /// <summary>
    /// Copies and compares all rows, and makes the copy a registry, in one transaction. Just before it is committed, the folder notes that
    /// its registry was moved: whatever happens between, at most one of both can be started.
    /// </summary>
    private async Task<IReadOnlyDictionary<string, long>> CopyRowsAsync(
        SqliteConnection source, RegistryDatabase database, IReadOnlyList<string> damaged, CancellationToken cancellationToken) =>
        await target.State.Database.WriteAsync(
            async db =>
            {
                await SharedPlace.DemandNobodyAsync(db);
                if (await db.ExecuteScalarAsync<bool>(
                    "SELECT EXISTS (SELECT 1 FROM repositories WHERE name <> @Value) OR EXISTS (SELECT 1 FROM manifests)",
                    new { Holder.Value }))
                {
                    throw new OperatorException("the database has content that is not of this copy: name an empty database");
                }

                await ExecuteAsync(
                    db,
                    """
                    TRUNCATE repositories, blob_links, manifest_contents, manifests, manifest_uses, manifest_references, tags,
                        tag_history, outbox, upstream_prefixes, recent_pulls, reviews
                    """);
                var rows = new Dictionary<string, long>(StringComparer.Ordinal)
                {
                    [CopiedTable.Blobs.Name] = await CopyBlobRowsAsync(source, db, damaged, cancellationToken),
                };
                foreach (var table in CopiedTable.All)
                {
                    await table.CopyAsync(source, db, cancellationToken);
                    rows[table.Name] = await table.CompareAsync(source, db, cancellationToken);
                }

                await CopyStateAsync(source, db, damaged);
                await ReviewAllAsync(db);
                Fault.Pass(FaultPoint.CopiedRows);
                await database.WriteWithReserveAsync(file => file.Execute(Move.Note, new Move(Move.Away, target.Name, database.Now)));
                Fault.Pass(FaultPoint.CopyMarked);
                return rows;
            },
            PostgresLock.Outbox,
            isLong: true);

    /// <summary>Makes the rows of blobs those of the source: what it has no more goes; what is damaged there has no bytes here.</summary>
    /// <returns>How many there are.</returns>
    /// <exception cref="OperatorException">Some that are not damaged were not copied.</exception>
    private async Task<long> CopyBlobRowsAsync(
        SqliteConnection source, NpgsqlConnection db, IReadOnlyList<string> damaged, CancellationToken cancellationToken)
    {
        // No temporary one, for which the account would need a privilege of its own.
        await ExecuteAsync(
            db,
            $"""
            CREATE UNLOGGED TABLE {Copied} (
                digest text COLLATE "C" PRIMARY KEY, size bigint NOT NULL, stored_at bigint NOT NULL, verified_at bigint NOT NULL)
            """);
        await CopiedTable.Blobs.CopyAsync(source, db, cancellationToken, Copied);
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        await ExecuteAsync(
            db,
            $"""
            ANALYZE {Copied};
            WITH gone AS (
                DELETE FROM blobs b WHERE NOT EXISTS (SELECT 1 FROM {Copied} c WHERE c.digest = b.digest) RETURNING key, size)
            INSERT INTO deletions (key, size, due) SELECT key, size, @now FROM gone;
            UPDATE blobs b SET stored_at = c.stored_at FROM {Copied} c WHERE c.digest = b.digest;
            INSERT INTO blobs (digest, key, size, stored_at, verified_at, damaged_at)
            SELECT c.digest, 'lost/' || c.digest, c.size, c.stored_at, c.verified_at, @now FROM {Copied} c
            WHERE c.digest = ANY(@damaged) AND NOT EXISTS (SELECT 1 FROM blobs b WHERE b.digest = c.digest)
            """,
            new { now, damaged = damaged.ToArray() });
        var differing = await db.QueryFirstOrDefaultAsync<string?>(new CommandDefinition(
            $"SELECT c.digest FROM {Copied} c LEFT JOIN blobs b ON b.digest = c.digest AND b.size = c.size WHERE b.digest IS NULL LIMIT 1",
            commandTimeout: 0));
        if (differing is not null)
        {
            throw new OperatorException($"the blob {differing} was not copied, or has another size: run it again");
        }

        return await db.ExecuteScalarAsync<long>(new CommandDefinition(
            $"DROP TABLE {Copied}; SELECT count(*) FROM blobs", commandTimeout: 0));
    }

    /// <summary>
    /// Copies what the database knows of itself. Numbers go on after those that were given, so that the index goes on where it is. The next
    /// collection is as far away as after one: clients go on with what they began before the move.
    /// </summary>
    private async Task CopyStateAsync(SqliteConnection source, NpgsqlConnection db, IReadOnlyList<string> damaged)
    {
        var outbox = source.QuerySingle<(bool Reporting, long Sequence, string Id, long Requested, long Done)>(
            "SELECT reporting, sequence, id, resync_requested, resync_done FROM outbox_state");
        var createdAt = source.ExecuteScalar<long>("SELECT created_at FROM storage_state");
        await ExecuteAsync(
            db,
            """
            UPDATE outbox_state SET reporting = @Reporting, sequence = @Sequence, id = @Id, resync_requested = @Requested,
                resync_done = @Done, numbered = greatest(@Sequence, (SELECT max(sequence) FROM outbox));
            UPDATE storage_state SET created_at = @createdAt, collected_at = @now, copy_of = NULL;
            UPDATE manifest_contents SET damaged_at = @now WHERE digest = ANY(@damaged) AND damaged_at IS NULL;
            SELECT setval(pg_get_serial_sequence('repositories', 'id'), coalesce(max(id), 0) + 1, false) FROM repositories;
            SELECT setval(pg_get_serial_sequence('tag_history', 'id'), coalesce(max(id), 0) + 1, false) FROM tag_history
            """,
            new
            {
                outbox.Reporting, outbox.Sequence, outbox.Id, outbox.Requested, outbox.Done, createdAt,
                now = clock.GetUtcNow().ToUnixTimeSeconds(), damaged = damaged.ToArray(),
            });
    }

    /// <summary>Has everything looked at that nothing refers to: SQLite has no queue for it.</summary>
    private Task<int> ReviewAllAsync(NpgsqlConnection db) => ExecuteAsync(
        db,
        """
        ANALYZE repositories, blobs, blob_links, manifest_contents, manifests, manifest_references, tags, tag_history;
        INSERT INTO reviews (kind, repository, digest, due) VALUES ('untagged', 0, '', @now);
        INSERT INTO reviews (kind, repository, digest, due)
        SELECT 'link', l.repository, l.digest, @now FROM blob_links l
        WHERE NOT EXISTS (SELECT 1 FROM manifest_references x WHERE x.repository = l.repository AND x.target = l.digest);
        INSERT INTO reviews (kind, repository, digest, due)
        SELECT 'blob', NULL, b.digest, @now FROM blobs b WHERE NOT EXISTS (SELECT 1 FROM blob_links l WHERE l.digest = b.digest)
        """,
        new { now = clock.GetUtcNow().ToUnixTimeSeconds() });

    private static Task<int> ExecuteAsync(NpgsqlConnection db, string sql, object? values = null) =>
        db.ExecuteAsync(new CommandDefinition(sql, values, commandTimeout: 0));
}
