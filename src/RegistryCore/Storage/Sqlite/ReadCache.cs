using Microsoft.Extensions.Caching.Memory;

namespace AuthIndex.RegistryCore.Storage.Sqlite;

/// <summary>
/// What was read from the database, kept at hand in bounded memory until somebody writes to the same repository. A value is
/// stamped with the repository's generation from before it was read, and counts only while the generation is the same: a reader
/// that was overtaken by a writer cannot leave a stale value behind.
/// </summary>
internal sealed class ReadCache(long sizeLimit) : IDisposable
{
    private readonly MemoryCache cache = new(new MemoryCacheOptions { SizeLimit = sizeLimit });

    // Repositories share counters: a collision costs a read, nothing else.
    private readonly long[] generations = new long[4096];

    /// <summary>The value under a key of a repository: from memory, or by <paramref name="read"/>. Null is not kept.</summary>
    public T? GetOrRead<T>(string repository, string key, Func<T?> read, Func<T, long> size) where T : class
    {
        var generation = Volatile.Read(ref Generation(repository));
        var name = (typeof(T), repository, key);
        if (cache.TryGetValue(name, out Entry? entry) && entry?.Generation == generation) return (T)entry.Value;

        var value = read();
        if (value is not null) cache.Set(name, new Entry(generation, value), new MemoryCacheEntryOptions { Size = size(value) + 200 });
        return value;
    }

    /// <summary>Forgets what was read of a repository. Call after the commit and before the answer.</summary>
    public void Invalidate(string repository) => Interlocked.Increment(ref Generation(repository));

    /// <summary>Forgets everything that was read.</summary>
    public void InvalidateAll()
    {
        foreach (ref var generation in generations.AsSpan()) Interlocked.Increment(ref generation);
    }

    /// <summary>
    /// Waits for a write to a repository and forgets what was read of it, also when the write fails: a failure of the commit does
    /// not say what is on the disk.
    /// </summary>
    public async Task<T> InvalidateAfterAsync<T>(string repository, Task<T> write)
    {
        try
        {
            return await write;
        }
        finally
        {
            Invalidate(repository);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => cache.Dispose();

    private ref long Generation(string repository) =>
        ref generations[(uint)string.GetHashCode(repository, StringComparison.Ordinal) % (uint)generations.Length];

    private sealed record Entry(long Generation, object Value);
}
