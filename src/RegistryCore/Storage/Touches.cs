using System.Collections.Concurrent;
using System.Collections.Frozen;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.TokenContract;
using Dapper;
using Microsoft.Data.Sqlite;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>A blob or a manifest in a repository.</summary>
internal readonly record struct Content(RepositoryName Repository, Digest Digest, bool IsManifest);

/// <summary>
/// When clients were last told that something exists. Whoever was told so may push a manifest that needs it, so the collector
/// leaves it alone for the grace period. Kept in memory, where it costs an existence check no SQL, and written to the database
/// in batches, so that it survives a restart.
/// </summary>
internal sealed class Touches(RegistryDatabase database)
{
    private const int BatchSize = 500;

    private readonly ConcurrentDictionary<Content, long> times = new();
    private Collection? collection;

    /// <summary>How many wait to be written.</summary>
    public int Count => times.Count;

    /// <summary>
    /// Call before the database or a cache is asked whether the content exists. Touch and collector each write first and look
    /// second, so that at least one sees the other: either the collector sees this touch and leaves the content, or the touch
    /// sees the collector at work and waits, and what is read afterwards is the state after it.
    /// </summary>
    public ValueTask TouchAsync(Content content)
    {
        var now = database.Now;
        if (!times.TryGetValue(content, out var last) || last < now) times[content] = now;
        Interlocked.MemoryBarrier();
        return Volatile.Read(ref collection) is { } running && running.Contents.Contains(content) ? new ValueTask(running.Done.Task) : ValueTask.CompletedTask;
    }

    /// <summary>Announces what the collector is about to remove, until the answer is disposed: after the commit, with the caches told.</summary>
    public IDisposable BeginCollection(IEnumerable<Content> contents)
    {
        var running = new Collection(this, contents.ToFrozenSet());
        Volatile.Write(ref collection, running);
        Interlocked.MemoryBarrier();
        return running;
    }

    /// <summary>Whether a touch at or after this time is in memory. What is not may be in the database.</summary>
    public bool IsTouchedSince(Content content, long time) => times.TryGetValue(content, out var at) && at >= time;

    /// <summary>Writes to the database what has gathered, and forgets it.</summary>
    public async Task WriteAsync()
    {
        foreach (var batch in times.ToArray().Chunk(BatchSize))
        {
            await database.WriteAsync(db =>
            {
                foreach (var (content, at) in batch) Write(db, content, at);
                return true;
            });
            Fault.Pass(FaultPoint.TouchesWritten);
            foreach (var entry in batch) times.TryRemove(entry); // not when it was touched again meanwhile
        }
    }

    private static void Write(SqliteConnection db, Content content, long at) => db.Execute(
        content.IsManifest
            ? "UPDATE manifests SET touched_at = @at WHERE repository = (SELECT id FROM repositories WHERE name = @name) AND digest = @digest AND touched_at < @at"
            : "UPDATE blob_links SET linked_at = @at WHERE repository = (SELECT id FROM repositories WHERE name = @name) AND digest = @digest AND linked_at < @at",
        new { at, name = content.Repository.Value, digest = content.Digest.Value });

    private sealed class Collection(Touches touches, FrozenSet<Content> contents) : IDisposable
    {
        public FrozenSet<Content> Contents => contents;

        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public void Dispose()
        {
            Volatile.Write(ref touches.collection, null);
            Done.SetResult();
        }
    }
}
