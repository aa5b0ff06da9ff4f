namespace AuthIndex.RegistryCore.Upstreams.Eviction;

/// <summary>
/// What is evicted of an upstream: what nobody used for long, and what was used least recently while all of it is too much.
/// </summary>
/// <param name="Copies">What is here.</param>
/// <param name="Held">The bytes of it and of what it needs, each blob counted once.</param>
/// <param name="Kept">The bytes of what stays.</param>
/// <param name="Evicted">What goes, the least recently used first.</param>
/// <param name="IsOverQuota">Whether what is here is more than the quota.</param>
internal sealed record EvictionPlan(StoredCopies Copies, long Held, long Kept, IReadOnlyList<StoredCopy> Evicted, bool IsOverQuota)
{
    // More goes than must, so that not every further download has something evicted.
    private const int Left = 9, Of = 10;

    /// <summary>Makes the plan.</summary>
    /// <param name="copies">What is here.</param>
    /// <param name="quota">The most bytes; null for any number.</param>
    /// <param name="unusedSince">What was last used before goes, in Unix seconds; null for nothing.</param>
    public static EvictionPlan Make(StoredCopies copies, long? quota, long? unusedSince)
    {
        var (held, pinned) = (copies.Sum(copies.Manifests), copies.Sum(copies.Manifests.Where(m => m.IsPinned)));
        var isOver = held > quota;
        var room = isOver ? Math.Max(0, (quota ?? 0) - pinned) / Of * Left : (long?)null; // for what is not pinned
        var (kept, isFull, isNeeded) = (0L, false, new bool[copies.BlobSizes.Count]);
        var evicted = new List<StoredCopy>();
        foreach (var manifest in copies.Manifests
            .OrderByDescending(m => m.IsPinned).ThenByDescending(m => m.UsedAt).ThenBy(m => m.Digest, StringComparer.Ordinal))
        {
            var more = manifest.Size + manifest.Blobs.Distinct().Where(b => !isNeeded[b]).Sum(b => copies.BlobSizes[b]);
            var isTooMuch = !manifest.IsPinned && kept + more > pinned + room;
            isFull |= isTooMuch && more <= room; // what no cache of that quota can hold goes by itself, and not all else in its place
            if (!manifest.IsPinned && (isTooMuch || isFull || manifest.UsedAt < unusedSince))
            {
                evicted.Add(manifest);
                continue;
            }

            kept += more;
            foreach (var blob in manifest.Blobs) isNeeded[blob] = true;
        }

        evicted.Reverse();
        return new EvictionPlan(copies, held, kept, evicted, isOver);
    }
}
