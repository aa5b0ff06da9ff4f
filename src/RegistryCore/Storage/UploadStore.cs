using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text.Json;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>
/// The upload sessions. Each has a small record beside its bytes, so that it survives a restart of the server; not power loss,
/// since nothing of it has been acknowledged as stored.
/// </summary>
internal sealed class UploadStore(StorageDirectory directory, BlobStore blobs, FreeSpace space, TimeProvider clock)
{
    private readonly ConcurrentDictionary<UploadId, UploadSession> sessions = new();

    /// <summary>Begins a session.</summary>
    public UploadSession Create(RepositoryName repository, string account, HashAlgorithmName algorithm)
    {
        space.Demand();
        var id = UploadId.Create();
        WriteRecord(id, new SessionRecord(repository.Value, account, algorithm.Name!));
        Fault.Pass(FaultPoint.UploadRecorded);
        return sessions[id] = new UploadSession(id, repository, account, algorithm, directory.UploadData(id), space);
    }

    /// <summary>A session that lasts one request and leaves no record: for a blob that comes whole.</summary>
    public UploadSession CreateTransient(RepositoryName repository, string account, HashAlgorithmName algorithm)
    {
        space.Demand();
        var id = UploadId.Create();
        return new UploadSession(id, repository, account, algorithm, directory.UploadData(id), space);
    }

    /// <summary>The session, if it is of this repository and this account; nobody else learns that it exists.</summary>
    public UploadSession? Find(string? text, RepositoryName repository, string account)
    {
        if (!UploadId.TryParse(text, out var id)) return null;
        if (!sessions.TryGetValue(id, out var session))
        {
            if (ReadRecord(id) is not { } record || !RepositoryName.TryParse(record.Repository, out var where)) return null;
            var reopened = new UploadSession(id, where, record.Account, new HashAlgorithmName(record.Algorithm), directory.UploadData(id), space);
            session = sessions.GetOrAdd(id, reopened);
        }

        return session.Repository == repository && session.Account == account ? session : null;
    }

    /// <summary>
    /// Ends a session: when its bytes have the digest they become a blob of the repository. In any case the session is over, also
    /// after a failure: a sync that failed cannot be tried again, the system may have forgotten the bytes by then.
    /// </summary>
    /// <returns>The digest that the bytes have.</returns>
    public async Task<Digest> FinishAsync(UploadSession session, Digest expected, CancellationToken cancellationToken)
    {
        var actual = await session.ComputeDigestAsync(expected.Algorithm, cancellationToken);
        try
        {
            if (actual == expected)
            {
                Fault.Pass(FaultPoint.BlobBeforeSync);
                session.Flush();
                Fault.Pass(FaultPoint.BlobSynced);
                await blobs.AddAsync(session.Repository, expected, session.DataFile, session.Offset);
            }
        }
        finally
        {
            Remove(session);
        }

        Fault.Pass(FaultPoint.UploadEnded);
        return actual;
    }

    /// <summary>Ends a session and gives its bytes back.</summary>
    public void Remove(UploadSession session)
    {
        sessions.TryRemove(session.Id, out _);
        File.Delete(directory.UploadRecord(session.Id));
        File.Delete(session.DataFile);
        session.Dispose();
    }

    /// <summary>Removes sessions that nobody has touched for so long, and bytes without a record. Returns how many files went.</summary>
    public int Sweep(TimeSpan untouchedFor)
    {
        var removed = 0;
        var before = clock.GetUtcNow() - untouchedFor;
        foreach (var group in Directory.EnumerateFiles(directory.Uploads).GroupBy(f => Path.GetFileNameWithoutExtension(f), StringComparer.Ordinal).ToList())
        {
            if (group.Any(f => File.GetLastWriteTimeUtc(f) >= before.UtcDateTime) || !UploadId.TryParse(group.Key, out var id)) continue;

            // A request that is writing to it at this moment has touched the file; one that has just entered keeps it.
            sessions.TryGetValue(id, out var session);
            using var turn = session?.TryEnter();
            if (session is not null && turn is null) continue;
            sessions.TryRemove(id, out _);
            session?.Dispose();
            foreach (var file in group)
            {
                File.Delete(file);
                removed++;
            }
        }

        return removed;
    }

    private void WriteRecord(UploadId id, SessionRecord record)
    {
        var path = directory.UploadRecord(id);
        try
        {
            File.WriteAllBytes(path, JsonSerializer.SerializeToUtf8Bytes(record));
        }
        catch
        {
            File.Delete(path); // a full disk leaves an empty file
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

    private sealed record SessionRecord(string Repository, string Account, string Algorithm);
}
