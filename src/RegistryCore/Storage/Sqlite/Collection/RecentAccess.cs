using System.Collections.Concurrent;
using System.Collections.Frozen;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage.Sqlite.Collection;

/// <summary>A blob or a manifest in a repository.</summary>
internal readonly record struct ContentKey(RepositoryName Repository, Digest Digest, bool IsManifest);

/// <summary>
/// When clients were last told that something exists. Whoever was told so may push a manifest that needs it, so the collector
/// leaves it alone for the grace period. Kept in memory, where it costs an existence check no SQL, and written to the database
/// in batches, so that it survives a restart.
/// </summary>
internal sealed class RecentAccess(RegistryDatabase database)
{
    private const int BatchSize = 500;

    private readonly ConcurrentDictionary<ContentKey, Touch> times = new();
    private Collection? collection;

    /// <summary>How many wait to be written.</summary>
    public int Count => times.Count;

    /// <summary>
    /// Touches content and then looks for it. Touch and collector each write first and look second, so that at least one sees the
    /// other: either the collector sees this touch and leaves the content, or the touch sees the collector at work and waits, and
    /// what is read afterwards is the state after it. The touch of what is not there is dropped again.
    /// </summary>
    /// <param name="content">The content.</param>
    /// <param name="find">Asks the database or a cache whether it exists; null when it does not.</param>
    public async ValueTask<T?> FindAsync<T>(ContentKey content, Func<T?> find) where T : class
    {
        var touch = new Touch(database.Now); // one of its own each time, so that none but this one is dropped
        times[content] = touch;
        Interlocked.MemoryBarrier();
        if (Volatile.Read(ref collection) is { } running && running.Contents.Contains(content)) await running.Done.Task;
        var found = find();
        if (found is null) times.TryRemove(KeyValuePair.Create(content, touch));
        return found;
    }

    /// <summary>
    /// Announces what the collector is about to remove, until the answer is disposed: after the commit, with the caches told.
    /// </summary>
    public IDisposable BeginCollection(IEnumerable<ContentKey> contents)
    {
        var running = new Collection(this, contents.ToFrozenSet());
        Volatile.Write(ref collection, running);
        Interlocked.MemoryBarrier();
        return running;
    }

    /// <summary>Whether a touch at or after this time is in memory. What is not may be in the database.</summary>
    public bool IsTouchedSince(ContentKey content, long time) => times.TryGetValue(content, out var touch) && touch.At >= time;

    /// <summary>Writes to the database what has gathered, and forgets it.</summary>
    public async Task WriteAsync()
    {
        foreach (var batch in times.ToArray().Chunk(BatchSize))
        {
            await database.WriteAsync(db =>
            {
                foreach (var (content, touch) in batch) Write(db, content, touch.At);
                return true;
            });
            Fault.Pass(FaultPoint.TouchesWritten);
            foreach (var entry in batch) times.TryRemove(entry); // not when it was touched again meanwhile
        }
    }

    private static void Write(SqliteConnection db, ContentKey content, long at) => db.Execute(
        content.IsManifest
            ? "UPDATE manifests SET touched_at = @at WHERE repository = (SELECT id FROM repositories WHERE name = @name) AND digest = "
                + "@digest AND touched_at < @at"
            : "UPDATE blob_links SET linked_at = @at WHERE repository = (SELECT id FROM repositories WHERE name = @name) AND digest = "
                + "@digest AND linked_at < @at",
        new { at, name = content.Repository.Value, digest = content.Digest.Value });

    /// <summary>A touch, equal to no other.</summary>
    private sealed class Touch(long at)
    {
        public long At => at;
    }

    private sealed class Collection(RecentAccess touches, FrozenSet<ContentKey> contents) : IDisposable
    {
        public FrozenSet<ContentKey> Contents => contents;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Dispose()
        {
            Volatile.Write(ref touches.collection, null);
            Done.SetResult();
        }
    }
}
