using System.Data.Common;
using System.Security.Cryptography;
using AuthIndex.Hosting;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.RegistryCore.Storage.Blobs;
using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Upstreams.Filling;

/// <summary>
/// The downloads under way: one for each digest and upstream, however many clients and repositories want it. It belongs to no client, so
/// that one that disconnects does not end it.
/// </summary>
internal sealed partial class BlobFills(
    BlobStore blobs,
    IBlobIndex index,
    ILeases leases,
    StorageDirectory directory,
    FreeSpace space,
    UpstreamMetrics metrics,
    TimeProvider clock,
    IHostApplicationLifetime lifetime,
    ILogger<BlobFills> log)
{
    private const int MaxAtOnce = 32; // of one upstream; the others wait
    private const int MaxWaiting = 1_000; // for one upstream
    private const int MaxRemembered = 10_000;
    private const int MaxLeft = 8; // files that wait for another process to store the blob

    private static readonly TimeSpan RetryWhenBusy = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan LongestWaitForStore = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWaitForOthers = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan LookAtOthersEvery = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan RememberFailure = TimeSpan.FromMinutes(1);

    /// <summary>
    /// How long a download that another process of the registry makes is waited for before this one begins its own: most blobs are there
    /// by then, and neither a client nor a proxy gives up for want of a first byte.
    /// </summary>
    public static readonly TimeSpan PatienceWithOthers = TimeSpan.FromSeconds(5);

    private readonly Dictionary<(string Upstream, Digest Digest), BlobFill> running = []; // under the gate
    private readonly Dictionary<string, Turns> turns = new(StringComparer.Ordinal); // likewise
    private readonly TtlMap<(string Upstream, string Remote, Digest Digest), UpstreamFailure> failed = new(
        MaxRemembered, RememberFailure, clock);
    private readonly Lock gate = new();
    private int left;

    /// <summary>How many downloads are under way, those that wait for their turn included.</summary>
    public int Count
    {
        get
        {
            lock (gate) return running.Count;
        }
    }

    /// <summary>
    /// The download of a blob for a repository, begun where it is not under way; null when the repository holds the blob now. The caller
    /// calls <see cref="BlobFill.Exit"/> when it waits no more for the head.
    /// </summary>
    /// <exception cref="UpstreamException">The upstream does not let the repository have it.</exception>
    public async Task<BlobFill?> GetAsync(
        UpstreamRepository repository, Digest digest, UpstreamClient client, CancellationToken cancellationToken)
    {
        for (var isGranted = false; ;)
        {
            DemandNotFailed(repository, digest);
            if (Running(repository, digest) is { } fill)
            {
                var isOwn = fill.Source.Local == repository.Local;
                if (!isOwn && !isGranted)
                {
                    await DemandAsync(repository, digest, client, cancellationToken);
                    isGranted = true;
                }

                if (fill.TryEnter())
                {
                    if (isOwn || fill.TryShare(repository.Local)) return fill;
                    fill.Exit();
                }

                await Task.WhenAny(fill.Ended).WaitAsync(cancellationToken); // how it ended is not this repository's affair
            }

            // Bytes that this upstream gave are taken for another of its repositories, if it says that they are there too.
            if (await index.FindHolderAsync(repository.Upstream.Prefix, digest) is { } holder)
            {
                if (holder == repository.Local) return null;
                if (!isGranted)
                {
                    await DemandAsync(repository, digest, client, cancellationToken);
                    isGranted = true;
                }

                if (await blobs.MountAsync(holder, repository.Local, digest, repository.Upstream.Account)) return null;
            }

            if (TryStart(repository, digest, client) is { } started) return started;
        }
    }

    /// <summary>Spares the upstream a question that it has just answered with no.</summary>
    /// <exception cref="UpstreamException">It has.</exception>
    public void DemandNotFailed(UpstreamRepository repository, Digest digest)
    {
        if (failed.Find((repository.Upstream.Name, repository.Remote.Value, digest)) is { } before) throw new UpstreamException(before);
    }

    private BlobFill? Running(UpstreamRepository repository, Digest digest)
    {
        lock (gate) return running.GetValueOrDefault((repository.Upstream.Name, digest));
    }

    /// <summary>Asks whether the upstream's repository holds the blob.</summary>
    private static async Task DemandAsync(
        UpstreamRepository repository, Digest digest, UpstreamClient client, CancellationToken cancellationToken)
    {
        using var answer = await client.SendAsync(
            HttpMethod.Head, repository.Remote.Value, $"blobs/{digest}", null, cancellationToken);
    }

    private BlobFill? TryStart(UpstreamRepository repository, Digest digest, UpstreamClient client)
    {
        lock (gate)
        {
            var name = repository.Upstream.Name;
            if (running.ContainsKey((name, digest))) return null;
            space.Demand();
            if (!turns.TryGetValue(name, out var turn)) turns[name] = turn = new Turns();
            if (turn.Count >= MaxAtOnce + MaxWaiting)
            {
                throw new UpstreamException(new UpstreamFailure(
                    FailureKind.Unavailable, "too many downloads wait for it already", RetryWhenBusy));
            }

            turn.Count++;
            var fill = running[(name, digest)] = new BlobFill(
                repository, digest, Path.Combine(directory.Downloads, RandomNumberGenerator.GetHexString(32, lowercase: true)));
            fill.TryEnter();
            _ = RunAsync(fill, client, turn, lifetime.ApplicationStopping);
            return fill;
        }
    }

    /// <summary>One download from beginning to end. Whatever happens is told to those who wait for it.</summary>
    private async Task RunAsync(BlobFill fill, UpstreamClient client, Turns turn, CancellationToken cancellationToken)
    {
        await Task.Yield();
        try
        {
            await using var lease = await TakeTurnAsync(fill, turn, cancellationToken);
            var isTurn = true;
            try
            {
                if (await FromOthersAsync(fill, client, cancellationToken) is false)
                {
                    if (!fill.TryOpenFile()) throw new OperationCanceledException(fill.Abandoned);
                    await new BlobDownload(client, space, metrics, clock).RunAsync(fill, cancellationToken);
                    turn.Free.Release(); // storing takes its time too
                    isTurn = false;
                    fill.Verify();
                    if (lease is null) await LeaveToOthersAsync(fill, cancellationToken);
                    else await StoreAsync(fill);
                }
            }
            finally
            {
                if (isTurn) turn.Free.Release();
            }

            Leave(fill, turn);
            fill.Succeed(); // nobody waits until the lease has been given up
        }
        catch (Exception e)
        {
            Remember(fill, e);
            Leave(fill, turn);
            var isOver = e is OperationCanceledException;
            fill.Fail(isOver ? new UpstreamException(FailureKind.Unavailable, "this registry no longer waits for it") : e);
        }
        finally
        {
            fill.Dispose();
            File.Delete(fill.DataFile); // gone already where it became the blob
        }
    }

    /// <summary>
    /// Waits for a turn, and for a while until no other process of the registry downloads the blob, for which it keeps no turn; null where
    /// one does so still.
    /// </summary>
    private async Task<FillLease?> TakeTurnAsync(BlobFill fill, Turns turn, CancellationToken cancellationToken)
    {
        using var wait = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, fill.Abandoned);
        for (var since = clock.GetTimestamp(); ;)
        {
            await turn.Free.WaitAsync(wait.Token);
            var isTaken = false;
            try
            {
                var lease = await FillLease.TryTakeAsync(leases, fill.Source.Upstream.Name, fill.Digest);
                isTaken = lease is not null || clock.GetElapsedTime(since) >= PatienceWithOthers;
                if (isTaken) return lease;
            }
            finally
            {
                if (!isTaken) turn.Free.Release();
            }

            await Task.Delay(LookAtOthersEvery, wait.Token);
        }
    }

    /// <summary>Takes the blob from what another process has stored meanwhile; false when it is not here.</summary>
    private async Task<bool> FromOthersAsync(BlobFill fill, UpstreamClient client, CancellationToken cancellationToken)
    {
        var source = fill.Source;
        if (await index.FindHolderAsync(source.Upstream.Prefix, fill.Digest) is not { } holder) return false;
        if (await index.FindAsync(source.Local, fill.Digest) is null) await DemandAsync(source, fill.Digest, client, cancellationToken);
        return await TrySupersedeAsync(fill, holder);
    }

    /// <summary>Links what another process has stored to the repositories of a download; false when it is gone meanwhile.</summary>
    private async Task<bool> TrySupersedeAsync(BlobFill fill, RepositoryName holder)
    {
        var (local, account) = (fill.Source.Local, fill.Source.Upstream.Account);
        if (holder != local && !await blobs.MountAsync(holder, local, fill.Digest, account)) return false;
        fill.Supersede(out var others);
        foreach (var other in others) await blobs.MountAsync(local, other, fill.Digest, account);
        return true;
    }

    private void Leave(BlobFill fill, Turns turn)
    {
        lock (gate)
        {
            if (running.Remove((fill.Source.Upstream.Name, fill.Digest))) turn.Count--;
        }
    }

    /// <summary>
    /// Keeps what came for the clients alone while another process downloads the blob still: that one stores it, so that there is one copy.
    /// It is stored here where the other gives up or takes very long, where a client waits for it to be stored, and where many wait so
    /// already.
    /// </summary>
    private async Task LeaveToOthersAsync(BlobFill fill, CancellationToken cancellationToken)
    {
        fill.Release();
        var isOneTooMany = Interlocked.Increment(ref left) > MaxLeft;
        try
        {
            for (var since = clock.GetTimestamp(); ; await Task.Delay(LookAtOthersEvery, cancellationToken))
            {
                var isTime = isOneTooMany || fill.IsNeededStored || clock.GetElapsedTime(since) >= LongestWaitForOthers;
                await using var lease = await FillLease.TryTakeAsync(leases, fill.Source.Upstream.Name, fill.Digest);
                if (await IsStoredByOthersAsync(fill)) return;
                if (lease is null && !isTime) continue;
                await StoreAsync(fill);
                return;
            }
        }
        finally
        {
            Interlocked.Decrement(ref left);
        }
    }

    /// <summary>Whether another process has stored the blob, which is then taken from there; false too when that cannot be asked.</summary>
    private async Task<bool> IsStoredByOthersAsync(BlobFill fill)
    {
        try
        {
            return await index.FindHolderAsync(fill.Source.Upstream.Prefix, fill.Digest) is { } holder
                && await TrySupersedeAsync(fill, holder);
        }
        catch (DbException)
        {
            return false;
        }
    }

    /// <summary>Stores the blob. Clients do not wait long for it: a proxy would take the silence before the last byte for an end.</summary>
    private async Task StoreAsync(BlobFill fill)
    {
        var storing = Task.Run(() => StoreNowAsync(fill)); // to make a large file durable takes long, and holds a thread
        await Task.WhenAny(storing, Task.Delay(LongestWaitForStore, CancellationToken.None));
        if (!storing.IsFaulted) fill.Release();
        await storing;
    }

    private async Task StoreNowAsync(BlobFill fill)
    {
        Fault.Pass(FaultPoint.BlobBeforeSync);
        fill.Close(out var others);
        Fault.Pass(FaultPoint.BlobSynced);
        await blobs.AddAsync(fill.Source.Local, fill.Digest, fill.DataFile, fill.Written, lifetime.ApplicationStopping);
        foreach (var other in others) await blobs.MountAsync(fill.Source.Local, other, fill.Digest, fill.Source.Upstream.Account);
    }

    private void Remember(BlobFill fill, Exception e)
    {
        var (source, failure) = (fill.Source, (e as UpstreamException)?.Failure);
        if (failure is { Kind: FailureKind.NotFound or FailureKind.Unusable or FailureKind.Refused })
        {
            failed.Set((source.Upstream.Name, source.Remote.Value, fill.Digest), failure);
        }

        if (failure is { Kind: FailureKind.NotFound } || e is OperationCanceledException) return;
        LogFailed(log, source.Upstream.Name, source.Local.Value, fill.Digest.Value, e.Message);
    }

    /// <summary>The turns of an upstream, and how many download or wait; the count under the gate.</summary>
    private sealed class Turns
    {
        public SemaphoreSlim Free { get; } = new(MaxAtOnce);

        public int Count { get; set; }
    }

    [LoggerMessage(
        EventId = LogEvents.UpstreamDownloadFailed, EventName = nameof(LogEvents.UpstreamDownloadFailed), Level = LogLevel.Warning,
        Message = "Could not download from the upstream {Upstream}: {Repository}@{Digest}: {Reason}")]
    private static partial void LogFailed(ILogger log, string upstream, string repository, string digest, string reason);
}
