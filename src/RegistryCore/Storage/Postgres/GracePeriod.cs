using AuthIndex.RegistryCore.Storage.Collection;

namespace AuthIndex.RegistryCore.Storage.Postgres;

/// <summary>
/// How long what a client was told of is kept. The time of it is not written down anew at each question, which would make a write of a
/// read, and servers' clocks differ a little: the collector waits longer by as much.
/// </summary>
internal sealed class GracePeriod(GarbageCollectionOptions options)
{
    private static readonly TimeSpan ClocksDiffer = TimeSpan.FromMinutes(1);

    /// <summary>In seconds; a time that was written down no longer ago than this stands.</summary>
    public long Slack { get; } = (long)options.Grace.TotalSeconds / 8;

    /// <summary>Whether manifests without a tag go at some time.</summary>
    public bool RemovesUntagged => options.Untagged.RemoveAfter is not null;

    /// <summary>Until when something must have been touched last to be garbage now.</summary>
    public GarbageAge AgeAt(long now) => GarbageAge.At(now - Kept, now - Late, options);

    /// <summary>From when on a blob is to be looked at that is told of now.</summary>
    public long ReviewOfLinks(long now) => now + Kept + 1;

    /// <summary>From when on a manifest is to be looked at that loses a tag or is told of now, at the earliest.</summary>
    public long ReviewOfManifests(long now) =>
        now + Math.Max(Kept, (long)(options.Untagged.RemoveAfter ?? TimeSpan.Zero).TotalSeconds + Late) + 1;

    private long Late => Slack + Math.Min((long)ClocksDiffer.TotalSeconds, Slack);

    private long Kept => (long)options.Grace.TotalSeconds + Late;
}
