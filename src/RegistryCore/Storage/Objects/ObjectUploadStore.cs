using System.Security.Cryptography;
using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Postgres.Uploads;
using AuthIndex.RegistryCore.Storage.Uploads;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Storage.Objects;

/// <summary>
/// The upload sessions of several registries that share a database and an object store: any of them goes on with any session. What a
/// session writes has keys that begin with its own, so whatever crashes leave is found by it.
/// </summary>
internal sealed partial class ObjectUploadStore(
    PostgresUploads rows, ObjectStore store, PartBuffers buffers, LimitOptions limits, TimeProvider clock, ILogger<ObjectUploadStore> log)
    : IUploadStore
{
    private const int SweptAtOnce = 100;

    private static readonly TimeSpan GivesWayAfter = TimeSpan.FromHours(1);

    // For so long a closing request may be sent again.
    private static readonly TimeSpan RememberedFor = TimeSpan.FromDays(1);

    private int held;

    /// <inheritdoc/>
    public int Count => Volatile.Read(ref held);

    internal PostgresUploads Rows => rows;

    internal ObjectStore Store => store;

    internal PartBuffers Buffers => buffers;

    internal TimeProvider Clock => clock;

    /// <inheritdoc/>
    public async Task<IUploadSession?> CreateAsync(RepositoryName repository, string account, HashAlgorithmName algorithm)
    {
        var row = NewRow(repository, account, algorithm, isTransient: false);
        var before = (clock.GetUtcNow() - GivesWayAfter).ToUnixTimeSeconds();
        return await rows.TryAddAsync(row, limits.UploadSessions, before, holder: null)
            ? new ObjectUploadSession(row, repository, this)
            : null;
    }

    /// <inheritdoc/>
    public async Task<IUploadSession> CreateTransientAsync(RepositoryName repository, string account, HashAlgorithmName algorithm)
    {
        var row = NewRow(repository, account, algorithm, isTransient: true);
        var holder = NewHolder();
        await rows.TryAddAsync(row, most: null, givesWayBefore: 0, holder);
        return new ObjectUploadSession(row, repository, this, Hold(row.Id, holder));
    }

    /// <inheritdoc/>
    public async ValueTask<IUploadSession?> FindAsync(string? text, RepositoryName repository, string account) =>
        await RowAsync(text, repository, account) is { HasEnded: false, IsTransient: false } row
            ? new ObjectUploadSession(row, repository, this)
            : null;

    /// <inheritdoc/>
    public async ValueTask<bool> HasFinishedAsync(string? text, RepositoryName repository, string account, Digest digest) =>
        await RowAsync(text, repository, account) is { HasEnded: true } row && row.Digest == digest.Value;

    /// <inheritdoc/>
    public async Task<int> SweepAsync(TimeSpan untouchedFor, CancellationToken cancellationToken)
    {
        var (now, removed) = (clock.GetUtcNow(), 0);
        var (untouchedSince, forgottenBefore) = (now - untouchedFor, now - RememberedFor);
        var failed = new List<string>(); // a round that lasts long takes none of them again
        while (await rows.TakeEndedAsync(
            untouchedSince.ToUnixTimeSeconds(), forgottenBefore.ToUnixTimeSeconds(), SweptAtOnce, failed) is { Count: > 0 } ended)
        {
            foreach (var row in ended)
            {
                if (!await TryAsync(row.Id, () => CleanAsync(row, cancellationToken))) failed.Add(row.Id);
                else if (row.Digest is null) removed++;
            }
        }

        return removed + await AbortUnknownAsync(untouchedSince, cancellationToken);
    }

    /// <summary>Removes what a session that has ended has left in the store, except a blob, and forgets it.</summary>
    /// <exception cref="ObjectStoreException">The store does not remove all of it.</exception>
    internal async Task CleanAsync(UploadRow row, CancellationToken cancellationToken)
    {
        var key = KeyOf(row.Id);
        if (row.Progress.Multipart is { } multipart) await store.AbortAsync(key, multipart, cancellationToken);
        var left = new List<string>();
        await foreach (var found in store.ListAsync(key, cancellationToken)) left.Add(found.Key);
        var unused = left.Except(await rows.KeysInUseAsync(left), StringComparer.Ordinal).ToList();
        if (unused.Count > 0 && await store.DeleteAsync(unused, cancellationToken) is [var first, ..])
        {
            throw new ObjectStoreException($"the object store does not delete {first.Key}: {first.Reason}");
        }

        await rows.ForgetAsync(row.Id);
    }

    /// <summary>
    /// Deletes objects that are queued for it at once: what small requests leave would pile up until the next collection. Those that
    /// cannot be deleted now stay in the queue.
    /// </summary>
    internal async Task DeleteQueuedAsync(IReadOnlyCollection<string> keys)
    {
        if (keys.Count == 0) return;
        try
        {
            var undeleted = (await store.DeleteAsync(keys, CancellationToken.None)).Select(u => u.Key);
            await rows.NoteDeletedAsync([.. keys.Except(undeleted, StringComparer.Ordinal)]);
        }
        catch (Exception e) when (e is ObjectStoreException or DatabaseUnavailableException)
        {
            // A collection deletes them.
        }
    }

    /// <summary>Tells of an upload that the store has lost, or will not have.</summary>
    internal void NoteRefused(UploadRow row, string reason) => LogRefused(log, row.Id, row.Repository, reason);

    /// <summary>The lease of a session that was taken.</summary>
    internal UploadLease Hold(string id, string holder)
    {
        Interlocked.Increment(ref held);
        return new UploadLease(rows, id, holder, clock);
    }

    /// <summary>Ends the renewal of a lease.</summary>
    internal async ValueTask LetGoAsync(UploadLease lease)
    {
        Interlocked.Decrement(ref held);
        await lease.DisposeAsync();
    }

    /// <summary>The name of a request that holds a session; no two are alike.</summary>
    internal static string NewHolder() => RandomNumberGenerator.GetHexString(16, lowercase: true);

    /// <summary>The key of the object that a session's parts become, and what its other objects' keys begin with.</summary>
    internal static string KeyOf(string id) => $"data/{id[..2]}/{id}";

    /// <summary>Parts whose upload id no row got to know, because a process died in between.</summary>
    private async Task<int> AbortUnknownAsync(DateTimeOffset before, CancellationToken cancellationToken)
    {
        var old = new List<(OpenMultipart Open, string Id)>();
        await foreach (var found in store.ListOpenAsync(cancellationToken))
        {
            if (found.BegunAt < before && UploadId.TryParse(found.Key.Split('/')[^1], out var id) && found.Key == KeyOf(id.Value))
            {
                old.Add((found, id.Value));
            }
        }

        var aborted = 0;
        foreach (var some in old.Chunk(SweptAtOnce))
        {
            var known = await rows.KnownAsync([.. some.Select(o => o.Id)]);
            foreach (var (open, _) in some.Where(o => !known.Contains(o.Id, StringComparer.Ordinal)))
            {
                if (await TryAsync(open.Key, () => store.AbortAsync(open.Key, open.UploadId, cancellationToken))) aborted++;
            }
        }

        return aborted;
    }

    /// <summary>
    /// Removes something; false, which is told, when the store does not do it although it works: it is tried again with a later round, and
    /// keeps nothing else from being removed.
    /// </summary>
    private async Task<bool> TryAsync(string what, Func<Task> remove)
    {
        try
        {
            await remove();
            return true;
        }
        catch (ObjectStoreException e) when (store.Problem is null)
        {
            LogNotCleaned(log, what, e.Message);
            return false;
        }
    }

    private async ValueTask<UploadRow?> RowAsync(string? text, RepositoryName repository, string account) =>
        UploadId.TryParse(text, out var id) && await rows.FindAsync(id.Value) is { } row
        && string.Equals(row.Repository, repository.Value, StringComparison.Ordinal)
        && string.Equals(row.Account, account, StringComparison.Ordinal)
            ? row
            : null;

    private static UploadRow NewRow(RepositoryName repository, string account, HashAlgorithmName algorithm, bool isTransient) => new(
        UploadId.Create().Value,
        repository.Value,
        account,
        algorithm.ToString(),
        isTransient,
        new UploadProgress(0, new ResumableHash(algorithm).Export(), null, 0, null),
        HeldUntil: null,
        Closing: null,
        Digest: null,
        HasEnded: false);

    [LoggerMessage(
        EventId = LogEvents.UploadRefused, EventName = nameof(LogEvents.UploadRefused), Level = LogLevel.Error,
        Message = "The upload {Id} to {Repository} has ended, and its client begins again: the object store has lost what had come, or "
            + "refuses it: {Reason}")]
    private static partial void LogRefused(ILogger log, string id, string repository, string reason);

    [LoggerMessage(
        EventId = LogEvents.UploadCleanupFailed, EventName = nameof(LogEvents.UploadCleanupFailed), Level = LogLevel.Warning,
        Message = "What the upload {Upload} has left in the object store cannot be removed now and is tried again later: {Reason}")]
    private static partial void LogNotCleaned(ILogger log, string upload, string reason);
}
