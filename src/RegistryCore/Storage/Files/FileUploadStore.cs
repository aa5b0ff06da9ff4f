using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Files;

/// <summary>
/// The upload sessions. Each has a small record beside its bytes, so that it survives a restart of the server; not power loss,
/// since nothing of it has been acknowledged as stored.
/// </summary>
internal sealed class FileUploadStore : IUploadStore
{
    private const int MaxFinished = 10_000;

    private static readonly TimeSpan GivesWayAfter = TimeSpan.FromHours(1);

    private readonly StorageDirectory directory;
    private readonly IBlobContents blobs;
    private readonly FreeSpace space;
    private readonly TimeProvider clock;
    private readonly int maxPerAccount;
    private readonly ConcurrentDictionary<UploadId, FileUploadSession> sessions = new();
    private readonly Dictionary<string, HashSet<UploadId>> owned = new(StringComparer.Ordinal); // by account
    private readonly Lock counting = new();
    private readonly Dictionary<UploadId, Finished> finished = []; // the newest; this and the next under a lock of their own
    private readonly Queue<UploadId> finishedInOrder = new();

    /// <summary>Finds the sessions that an earlier server left.</summary>
    public FileUploadStore(StorageDirectory directory, IBlobContents blobs, FreeSpace space, LimitOptions limits, TimeProvider clock)
    {
        (this.directory, this.blobs, this.space, this.clock) = (directory, blobs, space, clock);
        maxPerAccount = limits.UploadSessions;
        foreach (var file in Directory.EnumerateFiles(directory.Uploads, "*.json"))
        {
            if (!UploadId.TryParse(Path.GetFileNameWithoutExtension(file), out var id)) continue;
            if (!File.Exists(directory.UploadData(id)))
            {
                File.Delete(file); // its bytes have become a blob, or are gone: the session was ending when the server died
                continue;
            }

            if (ReadRecord(id) is not { } record || !RepositoryName.TryParse(record.Repository, out var repository)) continue;
            sessions[id] = new FileUploadSession(
                id, repository, record.Account, new HashAlgorithmName(record.Algorithm), directory.UploadData(id), this, space, clock);
            Owned(record.Account).Add(id);
        }
    }

    /// <inheritdoc/>
    public int Count => sessions.Count;

    /// <inheritdoc/>
    public Task<IUploadSession?> CreateAsync(RepositoryName repository, string account, HashAlgorithmName algorithm) =>
        Task.FromResult<IUploadSession?>(Create(repository, account, algorithm));

    /// <inheritdoc cref="CreateAsync"/>
    public FileUploadSession? Create(RepositoryName repository, string account, HashAlgorithmName algorithm)
    {
        space.Demand();
        var id = UploadId.Create();
        if (!TryCount(id, account)) return null;
        WriteRecord(id, new SessionRecord(repository.Value, account, algorithm.ToString()));
        Fault.Pass(FaultPoint.UploadRecorded);
        return sessions[id] = new FileUploadSession(id, repository, account, algorithm, directory.UploadData(id), this, space, clock);
    }

    /// <inheritdoc/>
    public Task<IUploadSession> CreateTransientAsync(RepositoryName repository, string account, HashAlgorithmName algorithm)
    {
        space.Demand();
        var id = UploadId.Create();
        return Task.FromResult<IUploadSession>(
            new FileUploadSession(id, repository, account, algorithm, directory.UploadData(id), this, space, clock));
    }

    /// <inheritdoc/>
    public ValueTask<IUploadSession?> FindAsync(string? text, RepositoryName repository, string account) =>
        new(Find(text, repository, account));

    private FileUploadSession? Find(string? text, RepositoryName repository, string account)
    {
        if (!UploadId.TryParse(text, out var id)) return null;
        return sessions.TryGetValue(id, out var session) && session.Repository == repository && session.Account == account ? session : null;
    }

    /// <summary>
    /// Ends a session: when its bytes have the digest they become a blob of the repository. In any case the session is over, also
    /// after a failure: a sync that failed cannot be tried again, the system may have forgotten the bytes by then.
    /// </summary>
    /// <returns>The digest that the bytes have.</returns>
    public async Task<Digest> FinishAsync(FileUploadSession session, Digest expected, CancellationToken cancellationToken)
    {
        var actual = await session.ComputeDigestAsync(expected.Algorithm, cancellationToken);
        try
        {
            if (actual == expected)
            {
                Fault.Pass(FaultPoint.BlobBeforeSync);
                session.Flush();
                Fault.Pass(FaultPoint.BlobSynced);
                await blobs.AddAsync(session.Repository, expected, session.DataFile, session.Offset, cancellationToken);
                Remember(session, expected);
            }
        }
        finally
        {
            Remove(session);
        }

        Fault.Pass(FaultPoint.UploadEnded);
        return actual;
    }

    /// <inheritdoc/>
    /// <remarks>Of the newest, and until the server is restarted.</remarks>
    public ValueTask<bool> HasFinishedAsync(string? text, RepositoryName repository, string account, Digest digest)
    {
        lock (finished)
        {
            return new(UploadId.TryParse(text, out var id) && finished.TryGetValue(id, out var known)
                && known == new Finished(repository, account, digest));
        }
    }

    /// <summary>Ends a session and gives its bytes back.</summary>
    public void Remove(FileUploadSession session)
    {
        Forget(session);
        File.Delete(directory.UploadRecord(session.Id));
        File.Delete(session.DataFile);
        session.Dispose();
    }

    /// <inheritdoc/>
    public Task<int> SweepAsync(TimeSpan untouchedFor, CancellationToken cancellationToken) => Task.FromResult(Sweep(untouchedFor));

    /// <inheritdoc cref="SweepAsync"/>
    public int Sweep(TimeSpan untouchedFor)
    {
        var removed = 0;
        var before = clock.GetUtcNow() - untouchedFor;
        foreach (var group in Directory.EnumerateFiles(directory.Uploads).GroupBy(f => Path.GetFileNameWithoutExtension(f),
            StringComparer.Ordinal).ToList())
        {
            if (group.Any(f => File.GetLastWriteTimeUtc(f) >= before.UtcDateTime) || !UploadId.TryParse(group.Key, out var id)) continue;

            // A request that is writing to it at this moment has touched the file; one that has just entered keeps it.
            sessions.TryGetValue(id, out var session);
            using var turn = session?.TryEnter();
            if (session is not null && turn is null) continue;
            if (session is not null) Forget(session);
            session?.Dispose();
            foreach (var file in group)
            {
                File.Delete(file);
                removed++;
            }
        }

        return removed;
    }

    private void Remember(FileUploadSession session, Digest digest)
    {
        lock (finished)
        {
            if (finishedInOrder.Count == MaxFinished) finished.Remove(finishedInOrder.Dequeue());
            if (finished.TryAdd(session.Id, new Finished(session.Repository, session.Account, digest))) finishedInOrder.Enqueue(session.Id);
        }
    }

    private bool TryCount(UploadId id, string account)
    {
        lock (counting)
        {
            if (Owned(account).Count >= maxPerAccount && Abandoned(account) is { } abandoned)
            {
                using var turn = abandoned.TryEnter();
                if (turn is not null) Remove(abandoned);
            }

            return Owned(account).Count < maxPerAccount && Owned(account).Add(id);
        }
    }

    /// <summary>The account's session that was touched least recently, if that is long ago.</summary>
    private FileUploadSession? Abandoned(string account)
    {
        var (found, touched) = ((FileUploadSession?)null, (clock.GetUtcNow() - GivesWayAfter).UtcDateTime);
        foreach (var id in Owned(account))
        {
            var last = ((string[])[directory.UploadRecord(id), directory.UploadData(id)]).Max(File.GetLastWriteTimeUtc);
            if (last < touched && sessions.TryGetValue(id, out var session)) (found, touched) = (session, last);
        }

        return found;
    }

    private void Forget(FileUploadSession session)
    {
        sessions.TryRemove(session.Id, out _);
        Discount(session.Id, session.Account);
    }

    private void Discount(UploadId id, string account)
    {
        lock (counting)
        {
            if (owned.TryGetValue(account, out var ids) && ids.Remove(id) && ids.Count == 0) owned.Remove(account);
        }
    }

    private HashSet<UploadId> Owned(string account) => owned.TryGetValue(account, out var ids) ? ids : owned[account] = [];

    private void WriteRecord(UploadId id, SessionRecord record)
    {
        var path = directory.UploadRecord(id);
        try
        {
            File.WriteAllBytes(directory.UploadData(id), []); // first, since a record without bytes is of a session that has ended
            File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(record));
        }
        catch
        {
            Discount(id, record.Account);
            File.Delete(path); // a full disk leaves an empty file
            File.Delete(directory.UploadData(id));
            throw;
        }
    }

    private SessionRecord? ReadRecord(UploadId id)
    {
        try
        {
            return JsonSerializer.Deserialize<SessionRecord>(File.ReadAllBytes(directory.UploadRecord(id)));
        }
        catch (Exception e) when (e is FileNotFoundException or JsonException)
        {
            return null; // no such session, or one whose beginning was cut off by a crash
        }
    }

    private readonly record struct Finished(RepositoryName Repository, string Account, Digest Digest);

    private sealed record SessionRecord(string Repository, string Account, string Algorithm);
}
