using System.Security.Cryptography;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Upstreams.Client;
using AuthIndex.TokenContract;
using Microsoft.Win32.SafeHandles;

namespace AuthIndex.RegistryCore.Upstreams.Filling;

/// <summary>What is known of a blob once its download has begun.</summary>
/// <param name="Size">Its size in bytes; null when the upstream does not say.</param>
internal sealed record FillHead(long? Size);

/// <summary>
/// A blob on its way: a file that grows while it is hashed, and who reads it meanwhile. The last byte is held back until the digest has
/// been found right, so that nobody takes other bytes for a whole blob, and as a rule until the blob is stored.
/// </summary>
internal sealed class BlobFill : IDisposable
{
    private readonly Lock gate = new();
    private readonly string file;
    private readonly CancellationTokenSource abandoned = new();
    private readonly IncrementalHash hash;
    private readonly TaskCompletionSource<FillHead> head = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private TaskCompletionSource grown = new(TaskCreationOptions.RunContinuationsAsynchronously); // under the gate, as the next
    private readonly List<RepositoryName> shared = []; // likewise
    private SafeFileHandle? handle; // of him who has the turn
    private int waiting; // under the gate, as the next four
    private bool hasTurn;
    private bool isMoving;
    private bool isVerified;
    private bool isReleased;
    private volatile bool isNeededStored;

    /// <summary>Makes one that waits for its turn.</summary>
    public BlobFill(UpstreamRepository source, Digest digest, string file)
    {
        (Source, Digest, this.file) = (source, digest, file);
        Abandoned = abandoned.Token;
        hash = IncrementalHash.CreateHash(digest.Algorithm);
        _ = ended.Task.ContinueWith(t => t.Exception, TaskContinuationOptions.OnlyOnFaulted); // seen, also when nobody waits
        _ = head.Task.ContinueWith(t => t.Exception, TaskContinuationOptions.OnlyOnFaulted);
    }

    /// <summary>From which repository it is downloaded.</summary>
    public UpstreamRepository Source { get; }

    /// <summary>What it is.</summary>
    public Digest Digest { get; }

    /// <summary>The file.</summary>
    public string DataFile => file;

    /// <summary>Ends when the upstream has begun to send; fails with <see cref="UpstreamException"/> or an I/O error.</summary>
    public Task<FillHead> Head => head.Task;

    /// <summary>Ends when the blob is stored; fails likewise.</summary>
    public Task Ended => ended.Task;

    /// <summary>Whether a client waits until it is stored, since it cannot be served what comes.</summary>
    public bool IsNeededStored => isNeededStored;

    /// <summary>Waits until the blob is stored, which is not left to others then.</summary>
    /// <exception cref="UpstreamException">The download failed.</exception>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public Task StoredAsync(CancellationToken cancellationToken)
    {
        isNeededStored = true;
        return ended.Task.WaitAsync(cancellationToken);
    }

    /// <summary>Ends when nobody waits any more for one that has not had its turn.</summary>
    public CancellationToken Abandoned { get; }

    /// <summary>Counts somebody who waits for the head; false when it has just been given up.</summary>
    public bool TryEnter()
    {
        lock (gate)
        {
            if (abandoned.IsCancellationRequested) return false;
            waiting++;
            return true;
        }
    }

    /// <summary>Somebody waits no more. One that has not had its turn is given up with the last; a download under way goes on.</summary>
    public void Exit()
    {
        lock (gate)
        {
            if (--waiting == 0 && !hasTurn && !isMoving) _ = abandoned.CancelAsync();
        }
    }

    /// <summary>Makes the file, since its turn has come; false when it has been given up.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public bool TryOpenFile()
    {
        lock (gate)
        {
            if (abandoned.IsCancellationRequested) return false;
            hasTurn = true;
        }

        handle = File.OpenHandle(file, FileMode.CreateNew, FileAccess.ReadWrite, FileShare.ReadWrite | FileShare.Delete);
        return true;
    }

    /// <summary>How many bytes have been written.</summary>
    public long Written { get; private set; }

    /// <summary>Says how large it will be.</summary>
    public void Begin(FillHead found) => head.TrySetResult(found);

    /// <summary>Appends bytes.</summary>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public void Append(ReadOnlySpan<byte> bytes)
    {
        RandomAccess.Write(handle!, bytes, Written);
        hash.AppendData(bytes);
        Wake(bytes.Length, isWhole: false);
    }

    /// <summary>Takes another repository of the upstream along, which may have the blob too; false when it is too late for that.</summary>
    public bool TryShare(RepositoryName repository)
    {
        lock (gate)
        {
            if (isMoving) return false;
            if (!shared.Contains(repository)) shared.Add(repository);
            return true;
        }
    }

    /// <summary>All bytes have come; from now on it may be read to its end, as soon as the last byte is let go.</summary>
    /// <exception cref="UpstreamException">They have another digest.</exception>
    public void Verify()
    {
        var actual = Digest.Of(Digest.Algorithm, hash.GetCurrentHash());
        if (actual != Digest) throw new UpstreamException(FailureKind.Unusable, $"what it sent as {Digest} has the digest {actual}");
        lock (gate) isVerified = true;
    }

    /// <summary>Lets the last byte go, though the blob is not stored yet.</summary>
    public void Release() => Wake(0, isWhole: true);

    /// <summary>Makes all bytes durable; from now on no repository joins.</summary>
    /// <param name="others">The repositories that joined.</param>
    public void Close(out IReadOnlyList<RepositoryName> others)
    {
        lock (gate) (isMoving, others) = (true, shared);
        RandomAccess.FlushToDisk(handle!);
    }

    /// <summary>Ends it well: the blob is stored.</summary>
    public void Succeed() => ended.TrySetResult();

    /// <summary>Ends it well without storing it: the blob came here by another way. No repository joins any more.</summary>
    /// <param name="others">The repositories that joined.</param>
    public void Supersede(out IReadOnlyList<RepositoryName> others)
    {
        lock (gate) (isMoving, others) = (true, shared);
        head.TrySetResult(new FillHead(null));
    }

    /// <summary>Ends it: who waits learns why.</summary>
    public void Fail(Exception reason)
    {
        lock (gate) isMoving = true;
        head.TrySetException(reason);
        ended.TrySetException(reason);
    }

    /// <summary>Opens the file; null once it is about to go, or has become the blob.</summary>
    public SafeFileHandle? TryOpen()
    {
        lock (gate)
        {
            if (isMoving && !isVerified) return null;
        }

        try
        {
            return File.OpenHandle(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
        }
        catch (FileNotFoundException)
        {
            return null; // it went between the two
        }
    }

    /// <summary>
    /// Waits until the byte at the position may be sent, and says up to where bytes may; null when all of them may.
    /// </summary>
    /// <exception cref="UpstreamException">The download failed.</exception>
    /// <exception cref="IOException">The disk is full or broken.</exception>
    public async ValueTask<long?> WaitAsync(long at, CancellationToken cancellationToken)
    {
        while (true)
        {
            Task next;
            lock (gate)
            {
                if (isReleased) return null;
                if (at < Written - 1 && !ended.Task.IsFaulted) return Written - 1;
                next = grown.Task;
            }

            if (ended.Task.IsCompleted)
            {
                await ended.Task;
                return null;
            }

            await Task.WhenAny(next, ended.Task).WaitAsync(cancellationToken);
        }
    }

    /// <summary>Closes the file.</summary>
    public void Dispose()
    {
        handle?.Dispose();
        hash.Dispose();
        abandoned.Dispose();
    }

    private void Wake(int more, bool isWhole)
    {
        TaskCompletionSource before;
        lock (gate)
        {
            Written += more;
            isReleased |= isWhole;
            (before, grown) = (grown, new(TaskCreationOptions.RunContinuationsAsynchronously));
        }

        before.SetResult();
    }
}
