using System.Runtime.InteropServices;
using AuthIndex.TokenServer.Identity;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Grants;

/// <summary>
/// Caches grants for a while, so that the many requests of a push do not each read the database. An entry is valid only for the count of
/// endings at which it was read, so a revocation takes effect immediately when this server made it, and within <see cref="LookEvery"/> when
/// another process did.
/// </summary>
internal sealed class RememberedGrants(IGrantStore store, TimeProvider time)
{
    private const int Capacity = 10_000;

    /// <summary>How old the count of endings may be.</summary>
    public static readonly TimeSpan LookEvery = TimeSpan.FromMilliseconds(250);

    private static readonly TimeSpan For = TimeSpan.FromSeconds(30);

    private readonly Lock gate = new();
    private readonly Dictionary<UInt256, Entry> entries = [];
    private long endings = -1;
    private long lookedAt;

    private bool IsStale => endings < 0 || time.GetElapsedTime(lookedAt) >= LookEvery;

    /// <summary>How many grants were read from the database.</summary>
    public long Reads { get; private set; }

    /// <summary>The grant of a secret, or null.</summary>
    public ValueTask<Grant?> FindAsync(TokenSecret secret)
    {
        var key = MemoryMarshal.Read<UInt256>(secret.Hash);
        return Recall(key) is { } known ? new(known) : FindAnewAsync(secret, key);
    }

    private async ValueTask<Grant?> FindAnewAsync(TokenSecret secret, UInt256 key)
    {
        if (MustLook())
        {
            await LookAsync();
            if (Recall(key) is { } known) return known;
        }

        var since = time.GetTimestamp();
        var (grant, count) = await store.FindAsync(secret.Hash);
        lock (gate)
        {
            Reads++;
            endings = Math.Max(endings, count);
            if (grant is null) entries.Remove(key);
            else Remember(key, new Entry(grant, count, since));
        }

        return grant;
    }

    /// <summary>This server has ended a grant and committed it.</summary>
    public async ValueTask LookAsync()
    {
        // As old as its question: until the answer is here, nobody goes by what was known before.
        var asked = time.GetTimestamp();
        var count = await store.EndingsAsync();
        lock (gate)
        {
            // The answer to the latest question, also where it is less than before: a database that was put back counts again from there.
            if (asked >= lookedAt) (endings, lookedAt) = (count, asked);
        }
    }

    private bool MustLook()
    {
        lock (gate) return IsStale;
    }

    private Grant? Recall(UInt256 key)
    {
        lock (gate)
        {
            return !IsStale && entries.TryGetValue(key, out var entry) && entry.Endings == endings
                && time.GetElapsedTime(entry.Since) < For
                ? entry.Grant
                : null;
        }
    }

    private void Remember(UInt256 key, Entry entry)
    {
        // Filling it up costs one more read each, not memory.
        if (entries.Count >= Capacity) entries.Clear();
        entries[key] = entry;
    }

    private sealed record Entry(Grant Grant, long Endings, long Since);
}
