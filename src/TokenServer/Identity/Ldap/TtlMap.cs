namespace AuthIndex.TokenServer.Identity.Ldap;

/// <summary>Values that are kept for a time, at most so many: the oldest go first. Safe for several threads.</summary>
/// <param name="capacity">The most that are kept.</param>
/// <param name="lifetime">How long each is kept.</param>
/// <param name="time">The clock.</param>
internal sealed class TtlMap<TKey, TValue>(int capacity, TimeSpan lifetime, TimeProvider time)
    where TKey : notnull
    where TValue : class
{
    private readonly Lock gate = new();
    private readonly Dictionary<TKey, Entry> entries = [];
    private readonly Queue<Entry> byAge = new();

    /// <summary>The value under a key and how old it is; null when there is none that is young enough.</summary>
    public TValue? Find(TKey key, out TimeSpan age)
    {
        lock (gate)
        {
            age = default;
            if (!entries.TryGetValue(key, out var entry)) return null;
            age = time.GetElapsedTime(entry.Since);
            return age < lifetime ? entry.Value : null;
        }
    }

    /// <summary>Keeps a value from now on.</summary>
    public void Set(TKey key, TValue value)
    {
        if (lifetime == TimeSpan.Zero) return;
        lock (gate)
        {
            var entry = new Entry(key, value, time.GetTimestamp());
            entries[key] = entry;
            byAge.Enqueue(entry);
            while (byAge.TryPeek(out var oldest) && (byAge.Count > capacity || time.GetElapsedTime(oldest.Since) >= lifetime))
            {
                byAge.Dequeue();
                if (entries.TryGetValue(oldest.Key, out var current) && current == oldest) entries.Remove(oldest.Key);
            }
        }
    }

    /// <summary>Forgets a value.</summary>
    public void Remove(TKey key)
    {
        lock (gate) entries.Remove(key);
    }

    /// <summary>Forgets the values of which something is true.</summary>
    public void RemoveWhere(Func<TValue, bool> isMeant)
    {
        lock (gate)
        {
            foreach (var (key, _) in entries.Where(e => isMeant(e.Value.Value)).ToList()) entries.Remove(key);
        }
    }

    private sealed class Entry(TKey key, TValue value, long since)
    {
        public TKey Key => key;

        public TValue Value => value;

        public long Since => since;
    }
}
