using System.Globalization;
using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.Hosting.Files;
using AuthIndex.Hosting.Sqlite;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Backups;
using AuthIndex.RegistryCore.Storage.Scrubbing;
using AuthIndex.RegistryCore.Storage.Sqlite;
using Dapper;
using Microsoft.Data.Sqlite;
using Npgsql;

namespace AuthIndex.RegistryCore.Storage.Copying;

/// <summary>
/// Copies the registry of a PostgreSQL database and an object store into a folder. A blob's file gets its name once its bytes are there
/// and right, so a run that was interrupted goes on with the others; each run makes a new SQLite file. A note in the folder keeps
/// registries away until everything is compared.
/// </summary>
internal sealed class SharedToFiles(SharedPlace source, string root, Action<string> tell, TimeProvider clock)
{
    private const int PageSize = 1000, ReadSize = 256 * 1024;
    private const string Partial = ".partial";

    private readonly string file = StorageDirectory.DatabaseIn(root);

    /// <summary>Copies what is missing. The caller holds the folder.</summary>
    /// <param name="request">How.</param>
    /// <param name="cancellationToken">Ends it; another run goes on.</param>
    /// <exception cref="OperatorException">There is something else in the folder.</exception>
    public async Task<CopyReport> RunAsync(CopyRequest request, CancellationToken cancellationToken)
    {
        await BeginAsync();
        foreach (var (folder, _) in StorageDirectory.BlobFoldersIn(root))
        {
            Directory.CreateDirectory(folder);
            foreach (var unfinished in Directory.EnumerateFiles(folder, $"*{Partial}")) File.Delete(unfinished);
        }

        var size = await source.State.SizeAsync();
        var progress = new CopyProgress(tell, clock, size.Blobs, size.BlobBytes);
        await Parallel.ForEachAsync(
            MissingAsync(progress, cancellationToken),
            new ParallelOptions { MaxDegreeOfParallelism = source.AtOnce, CancellationToken = cancellationToken },
            async (blob, stop) =>
            {
                if (await TryFetchAsync(blob, progress, stop)) progress.Has(blob, isNew: true);
                else if (await IsStillThereAsync(blob)) progress.NoteDamaged(blob.Digest);
                Fault.Pass(FaultPoint.CopiedBlob);
            });
        if (!request.BlobsOnly) await NoteDamagedManifestsAsync(progress, cancellationToken);
        if (request.BlobsOnly || (progress.Damaged.Count > 0 && !request.LeavesDamaged))
        {
            return progress.Report();
        }

        var rows = await CopyRowsAsync(progress.Damaged, cancellationToken);
        Fault.Pass(FaultPoint.CopyCommitted);
        CopyMarker.Remove(root);
        return progress.Report(rows);
    }

    private async Task BeginAsync()
    {
        RestoreMarker.DemandNone(root);
        if (await source.State.CopyOfAsync() is { } half)
        {
            throw new OperatorException($"the database is an unfinished copy of {half}, and no registry that could be copied");
        }

        var name = await source.RegistryNameAsync();
        var begun = CopyMarker.Read(root);
        if (await source.State.MovedToAsync() is { } moved && (begun is null || moved.Place != CopyMarker.PlaceOf(root)))
        {
            throw moved.Refusal(source.State.Name, CopyMarker.Command);
        }

        if (begun == name) return;
        if (begun is not null)
        {
            throw new OperatorException(
                $"{root} is an unfinished copy of {begun}, and this is {name}: two registries cannot be merged. Name another --data");
        }

        if (FileOwnership.Exists(file) || FileOwnership.Exists(Mark)
            || StorageDirectory.BlobFoldersIn(root).Any(f => Directory.Exists(f.Folder) && Directory.EnumerateFiles(f.Folder).Any()))
        {
            throw new OperatorException(
                $"{root} has a registry's content already: two registries cannot be merged. Move it away, or name another --data");
        }

        CopyMarker.Write(root, name);
    }

    private string Mark => DatabaseMark.PathFor(file);

    /// <summary>The blobs that the folder has no file of.</summary>
    private async IAsyncEnumerable<BlobToCopy> MissingAsync(
        CopyProgress progress, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        for (var after = ""; await PageAsync(after) is { Count: > 0 } page; after = page[^1].Digest.Value)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var blob in page)
            {
                if (new FileInfo(StorageDirectory.BlobIn(root, blob.Digest)) is { Exists: true } there && there.Length == blob.Size)
                {
                    progress.Has(blob, isNew: false);
                }
                else
                {
                    yield return blob;
                }
            }
        }

        async Task<List<BlobToCopy>> PageAsync(string after) =>
        [
            .. (await source.State.Database.ReadAsync(db => db.QueryAsync<(string Digest, long Size, string Key)>(
                "SELECT digest, size, key FROM blobs WHERE digest > @after ORDER BY digest LIMIT @PageSize", new { after, PageSize })))
            .Select(b => new BlobToCopy(Digest.ParseStored(b.Digest), b.Size, b.Key)),
        ];
    }

    /// <summary>Writes the file of a blob, durably; false when the object is missing or damaged, or the store does not give it.</summary>
    private async Task<bool> TryFetchAsync(BlobToCopy blob, CopyProgress progress, CancellationToken cancellationToken)
    {
        try
        {
            return await FetchAsync(blob, progress, cancellationToken);
        }
        catch (Exception e) when (source.Store.IsOfOneObject(e))
        {
            return false; // of this object alone: the others can be copied
        }
    }

    private async Task<bool> FetchAsync(BlobToCopy blob, CopyProgress progress, CancellationToken cancellationToken)
    {
        var path = StorageDirectory.BlobIn(root, blob.Digest);
        using var hash = IncrementalHash.CreateHash(blob.Digest.Algorithm);
        if (await source.Store.SizeAsync(blob.Key, cancellationToken) != blob.Size) return false;
        using (var to = GuardedFile.Recreate(path + Partial))
        {
            if (blob.Size > 0) // no store has a range of nothing
            {
                using var reader = await source.Store.OpenAsync(blob.Key, new ByteRange(0, blob.Size - 1), cancellationToken);
                if (reader is null) return false;
                var buffer = new byte[ReadSize];
                for (var at = 0L; await reader.ReadAsync(buffer, cancellationToken) is var read and > 0; at += read)
                {
                    hash.AppendData(buffer, 0, read);
                    RandomAccess.Write(to, buffer.AsSpan(0, read), at);
                    progress.Read(read);
                }
            }

            if (Digest.Of(blob.Digest.Algorithm, hash.GetCurrentHash()) != blob.Digest)
            {
                File.Delete(path + Partial);
                return false;
            }

            RandomAccess.FlushToDisk(to);
        }

        File.Move(path + Partial, path, overwrite: true);
        return true;
    }

    /// <summary>Whether a row still names the bytes: otherwise they were collected beside running registries.</summary>
    private ValueTask<bool> IsStillThereAsync(BlobToCopy blob) =>
        source.State.Checked.IsCurrentAsync(new BlobToCheck(blob.Digest, blob.Size, blob.Key, DamagedAt: null));

    private async Task NoteDamagedManifestsAsync(CopyProgress progress, CancellationToken cancellationToken)
    {
        for (var after = ""; await source.State.Checked.ManifestsAsync(after, 100) is { Count: > 0 } page; after = page[^1].Digest.Value)
        {
            cancellationToken.ThrowIfCancellationRequested();
            foreach (var manifest in page)
            {
                if (Digest.Compute(manifest.Digest.Algorithm, manifest.Bytes) != manifest.Digest) progress.NoteDamaged(manifest.Digest);
            }
        }
    }

    /// <summary>
    /// Makes the SQLite file, while nobody writes to the database, and compares both. At the end the database notes that its registry was
    /// moved: whatever happens then, at most one of both can be started.
    /// </summary>
    private async Task<IReadOnlyDictionary<string, long>> CopyRowsAsync(IReadOnlyList<string> damaged, CancellationToken cancellationToken)
    {
        _ = await source.State.Outbox.ReadAsync(1); // numbers what has no number yet
        return await source.State.Database.WriteAsync(
            async db =>
            {
                // First what a registry reads that starts: one that did so before is seen, and one that comes later waits and is refused.
                await db.ExecuteAsync("LOCK TABLE moves IN ACCESS EXCLUSIVE MODE");
                await SharedPlace.DemandNobodyAsync(db);
                await db.ExecuteAsync(
                    """
                    LOCK TABLE repositories, blobs, blob_links, manifest_contents, manifests, manifest_uses, manifest_references, tags,
                        tag_history, outbox, outbox_state, upstream_prefixes, recent_pulls IN SHARE MODE
                    """);
                foreach (var old in (string[])[file, file + "-wal", file + "-shm", Mark]) File.Delete(old);
                await Database.Open(file, typeof(RegistryDatabase).Assembly).DisposeAsync();
                using var sqlite = new SqliteConnection(
                    new SqliteConnectionStringBuilder { DataSource = file, Pooling = false }.ToString());
                sqlite.Open();
                sqlite.Execute("PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; BEGIN IMMEDIATE");
                var rows = new Dictionary<string, long>(StringComparer.Ordinal);
                foreach (var table in CopiedTable.All.Prepend(CopiedTable.Blobs)) // in this order, because of what refers to what
                {
                    await table.CopyAsync(db, sqlite, cancellationToken);
                    rows[table.Name] = await table.CompareAsync(db, sqlite, cancellationToken);
                }

                await CopyStateAsync(db, sqlite, damaged);
                Fault.Pass(FaultPoint.CopiedRows);
                sqlite.Execute("COMMIT; PRAGMA wal_checkpoint(TRUNCATE)");
                CompareFiles(sqlite, damaged);
                BackupFolder.Sync(root);
                await db.ExecuteAsync(Move.Note, new Move(Move.Away, CopyMarker.PlaceOf(root), clock.GetUtcNow().ToUnixTimeSeconds()));
                Fault.Pass(FaultPoint.CopyMarked);
                return rows;
            },
            isLong: true);
    }

    /// <summary>
    /// Copies what the database knows of itself. The next collection is as far away as after one: clients go on with what they began before
    /// the move.
    /// </summary>
    private async Task CopyStateAsync(NpgsqlConnection db, SqliteConnection sqlite, IReadOnlyList<string> damaged)
    {
        var outbox = await db.QuerySingleAsync<(bool Reporting, long Sequence, string Id, long Requested, long Done, long Numbered)>(
            "SELECT reporting, sequence, id, resync_requested, resync_done, numbered FROM outbox_state");
        var createdAt = await db.ExecuteScalarAsync<long>("SELECT created_at FROM storage_state");
        var now = clock.GetUtcNow().ToUnixTimeSeconds();
        sqlite.Execute(
            """
            UPDATE outbox_state SET reporting = @Reporting, sequence = @Sequence, id = @Id, resync_requested = @Requested,
                resync_done = @Done;
            DELETE FROM sqlite_sequence WHERE name = 'outbox';
            INSERT INTO sqlite_sequence (name, seq) VALUES ('outbox', @Numbered);
            INSERT INTO storage_state (one, created_at, collected_at) VALUES (1, @createdAt, @now);
            """,
            new
            {
                outbox.Reporting, outbox.Sequence, outbox.Id, outbox.Requested, outbox.Done, outbox.Numbered, createdAt, now,
            });
        foreach (var digest in damaged)
        {
            sqlite.Execute(
                """
                UPDATE blobs SET damaged_at = @now WHERE digest = @digest;
                UPDATE manifest_contents SET damaged_at = @now WHERE digest = @digest AND damaged_at IS NULL
                """,
                new { digest, now });
        }
    }

    /// <summary>Compares the rows of blobs with the files, and removes files whose rows have gone since they were copied.</summary>
    private void CompareFiles(SqliteConnection sqlite, IReadOnlyList<string> damaged)
    {
        var lost = damaged.ToHashSet(StringComparer.Ordinal);
        foreach (var (folder, prefix) in StorageDirectory.BlobFoldersIn(root))
        {
            var sizes = sqlite.Query<(string Digest, long Size)>(
                "SELECT digest, size FROM blobs WHERE digest >= @prefix AND digest < @end", new { prefix, end = prefix + "g" })
                .ToDictionary(b => b.Digest, b => b.Size, StringComparer.Ordinal);
            foreach (var found in new DirectoryInfo(folder).EnumerateFiles())
            {
                var digest = $"{prefix[..^2]}{found.Name}";
                if (!sizes.TryGetValue(digest, out var size)) found.Delete();
                else if (found.Length == size) sizes.Remove(digest);
            }

            if (sizes.Keys.FirstOrDefault(d => !lost.Contains(d)) is { } missing)
            {
                throw new OperatorException(string.Create(
                    CultureInfo.InvariantCulture, $"the blob {missing} was stored while this ran: stop all registries and run it again"));
            }
        }
    }
}
