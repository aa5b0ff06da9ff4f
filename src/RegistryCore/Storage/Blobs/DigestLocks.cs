using AuthIndex.RegistryCore.Protocol;

namespace AuthIndex.RegistryCore.Storage.Blobs;

/// <summary>
/// One holder at a time for the file and the row of a digest. File system and database cannot change in one step; who changes
/// both holds the digest meanwhile: a push from before its rename until its commit, the collector from before it deletes the row
/// until the file is gone. Reading needs no lock.
/// </summary>
internal sealed class DigestLocks
{
    private readonly Dictionary<Digest, Waiters> held = [];

    /// <summary>Holds the digest until the answer is disposed, waiting for its turn.</summary>
    public async ValueTask<IDisposable> EnterAsync(Digest digest)
    {
        Waiters? waiters;
        lock (held)
        {
            if (!held.TryGetValue(digest, out waiters)) return Take(digest);
            waiters.Count++;
        }

        await waiters.Turn.WaitAsync();
        return new Hold(this, digest);
    }

    /// <summary>Holds the digest if nobody does; null otherwise.</summary>
    public IDisposable? TryEnter(Digest digest)
    {
        lock (held) return held.ContainsKey(digest) ? null : Take(digest);
    }

    private Hold Take(Digest digest)
    {
        held.Add(digest, new Waiters());
        return new Hold(this, digest);
    }

    private void Leave(Digest digest)
    {
        lock (held)
        {
            var waiters = held[digest];
            if (waiters.Count == 0)
            {
                held.Remove(digest);
                waiters.Turn.Dispose();
                return;
            }

            waiters.Count--;
            waiters.Turn.Release();
        }
    }

    private sealed class Waiters
    {
        public SemaphoreSlim Turn { get; } = new(0);

        public int Count { get; set; }
    }

    private sealed class Hold(DigestLocks locks, Digest digest) : IDisposable
    {
        private int left;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref left, 1) == 0) locks.Leave(digest);
        }
    }
}
