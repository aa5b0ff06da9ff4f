using System.Runtime.InteropServices;

namespace AuthIndex.TokenServer.Identity.Throttling;

/// <summary>A keyed hash of 32 bytes.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct UInt256(UInt128 Low, UInt128 High);

/// <summary>Outcomes that are kept for a time, at most so many: the oldest go first. Not safe for several threads at once.</summary>
/// <param name="capacity">The most that are kept.</param>
/// <param name="lifetime">How long each is kept; zero keeps none.</param>
/// <param name="time">The clock.</param>
internal sealed class ExpiringOutcomes(int capacity, TimeSpan lifetime, TimeProvider time)
{
    private readonly Dictionary<UInt256, Entry> entries = [];
    private readonly Queue<Entry> byAge = new();

    /// <summary>How many are kept, expired ones not yet swept among them.</summary>
    public int Count => entries.Count;

    /// <summary>The outcome kept under a key, or null.</summary>
    public SignInOutcome? Find(UInt256 key) =>
        entries.TryGetValue(key, out var entry) && !IsExpired(entry) ? entry.Outcome : null;

    /// <summary>Keeps an outcome from now on.</summary>
    /// <param name="key">The key.</param>
    /// <param name="outcome">The outcome.</param>
    /// <param name="atMost">A shorter time than the usual one; null for that.</param>
    public void Add(UInt256 key, SignInOutcome outcome, TimeSpan? atMost = null)
    {
        var keep = atMost < lifetime ? atMost.Value : lifetime;
        if (keep == TimeSpan.Zero) return;
        var entry = new Entry(key, outcome, time.GetTimestamp(), keep);
        entries[key] = entry;
        byAge.Enqueue(entry);
        while (byAge.TryPeek(out var oldest) && (byAge.Count > capacity || IsExpired(oldest)))
        {
            byAge.Dequeue();
            if (entries.TryGetValue(oldest.Key, out var current) && current == oldest) entries.Remove(oldest.Key);
        }
    }

    /// <summary>Forgets the outcome of a key.</summary>
    public void Remove(UInt256 key) => entries.Remove(key);

    /// <summary>Forgets the sign-ins of an account, however its name is spelt.</summary>
    public void RemoveAccount(string account)
    {
        foreach (var (key, _) in entries.Where(e => e.Value.Outcome is SignInOutcome.SignedIn who && who.Account.Equals(account, StringComparison.OrdinalIgnoreCase)).ToList()) entries.Remove(key);
    }

    /// <summary>Forgets everything.</summary>
    public void Clear()
    {
        entries.Clear();
        byAge.Clear();
    }

    private bool IsExpired(Entry entry) => time.GetElapsedTime(entry.Since) >= entry.Lifetime;

    private sealed class Entry(UInt256 key, SignInOutcome outcome, long since, TimeSpan lifetime)
    {
        public UInt256 Key => key;

        public SignInOutcome Outcome => outcome;

        public long Since => since;

        public TimeSpan Lifetime => lifetime;
    }
}
