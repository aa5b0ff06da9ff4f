using AuthIndex.Hosting.Postgres;
using AuthIndex.RegistryCore.Storage.Collection;

namespace AuthIndex.RegistryCore.Storage.Postgres.Collection;

/// <summary>
/// How long content is kept after a client was told that it exists. That time is not updated on every request, which would turn reads
/// into writes, and servers' clocks differ a little: the collector waits correspondingly longer.
/// </summary>
internal sealed class GracePeriod(GarbageCollectionOptions options)
{
    /// <summary>In seconds; a recorded time that is no older than this is not updated.</summary>
    public long Slack { get; } = (long)options.Grace.TotalSeconds / 8;

    /// <summary>Whether manifests without a tag go at some time.</summary>
    public bool RemovesUntagged => options.Untagged.RemoveAfter is not null;

    /// <summary>How long ago something must have been touched last to be garbage now.</summary>
    public GarbageAge AgeAt(long now) => GarbageAge.At(now - Kept, now - Late, options);

    /// <summary>When to review a blob that a client is told of now.</summary>
    public long ReviewOfLinks(long now) => now + Kept + 1;

    /// <summary>The earliest time to review a manifest that loses a tag, or that a client is told of, now.</summary>
    public long ReviewOfManifests(long now) =>
        now + Math.Max(Kept, (long)(options.Untagged.RemoveAfter ?? TimeSpan.Zero).TotalSeconds + Late) + 1;

    private long Late => Slack + Math.Min((long)PostgresDatabase.ClocksDiffer.TotalSeconds, Slack);

    private long Kept => (long)options.Grace.TotalSeconds + Late;
}
