namespace AuthIndex.Hosting;

/// <summary>A bounded map of values that expire: the oldest are evicted first. Thread-safe.</summary>
/// <param name="capacity">The most that are kept.</param>
/// <param name="lifetime">How long each is kept; zero keeps none.</param>
/// <param name="time">The clock.</param>
public sealed class TtlMap<TKey, TValue>(int capacity, TimeSpan lifetime, TimeProvider time)
    where TKey : notnull
    where TValue : class
{
    private readonly Lock gate = new();
    private readonly Dictionary<TKey, Entry> entries = [];
    private readonly Queue<Entry> byAge = new();

    /// <summary>How many are kept, expired ones not yet swept among them.</summary>
    public int Count
    {
        get
        {
            lock (gate) return entries.Count;
        }
    }

    /// <summary>The value under a key; null when there is none that is young enough.</summary>
    public TValue? Find(TKey key) => Find(key, out _);

    /// <summary>The value under a key and how old it is; null when there is none that is young enough.</summary>
    public TValue? Find(TKey key, out TimeSpan age)
    {
        lock (gate)
        {
            age = default;
            if (!entries.TryGetValue(key, out var entry)) return null;
            age = time.GetElapsedTime(entry.Since);
            return age < entry.Lifetime ? entry.Value : null;
        }
    }

    /// <summary>Keeps a value from now on.</summary>
    /// <param name="key">The key.</param>
    /// <param name="value">The value; it takes the place of an older one.</param>
    /// <param name="atMost">A shorter time than the usual one; null for that.</param>
    public void Set(TKey key, TValue value, TimeSpan? atMost = null)
    {
        var keep = atMost < lifetime ? atMost.Value : lifetime;
        if (keep == TimeSpan.Zero) return;
        lock (gate)
        {
            var entry = new Entry(key, value, time.GetTimestamp(), keep);
            entries[key] = entry;
            byAge.Enqueue(entry);
            while (byAge.TryPeek(out var oldest) && (byAge.Count > capacity || IsExpired(oldest)))
            {
                byAge.Dequeue();
                if (entries.TryGetValue(oldest.Key, out var current) && current == oldest) entries.Remove(oldest.Key);
            }
        }
    }

    /// <summary>Removes the value of a key.</summary>
    public void Remove(TKey key)
    {
        lock (gate) entries.Remove(key);
    }

    /// <summary>Removes the values that match.</summary>
    public void RemoveWhere(Func<TValue, bool> isMeant)
    {
        lock (gate)
        {
            foreach (var (key, _) in entries.Where(e => isMeant(e.Value.Value)).ToList()) entries.Remove(key);
        }
    }

    /// <summary>Removes every value, expired or not.</summary>
    public void Clear()
    {
        lock (gate)
        {
            entries.Clear();
            byAge.Clear();
        }
    }

    private bool IsExpired(Entry entry) => time.GetElapsedTime(entry.Since) >= entry.Lifetime;

    private sealed class Entry(TKey key, TValue value, long since, TimeSpan lifetime)
    {
        public TKey Key => key;

        public TValue Value => value;

        public long Since => since;

        public TimeSpan Lifetime => lifetime;
    }
}
