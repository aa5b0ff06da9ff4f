using System.Text.Json.Serialization;

namespace AuthIndex.TokenContract.Wire;

/// <summary>A point in a registry's history.</summary>
/// <param name="Sequence">The number of the last event before it; 0 for the beginning.</param>
/// <param name="Id">
/// That event's id; empty for the beginning. The same number with another id is another history: a restored backup's.
/// </param>
public sealed record EventPosition(long Sequence, string Id);

/// <summary>One change in a registry.</summary>
public sealed record RegistryEvent
{
    /// <summary>Its number; 0 in a snapshot, which has no order.</summary>
    public required long Sequence { get; init; }

    /// <summary>Its id; empty in a snapshot.</summary>
    public required string Id { get; init; }

    /// <summary>What happened: one of <see cref="EventKind"/>; unknown kinds are ignored.</summary>
    public required string Kind { get; init; }

    /// <summary>The name of the repository.</summary>
    public required string Repository { get; init; }

    /// <summary>The tag that was moved or deleted.</summary>
    public required string? Tag { get; init; }

    /// <summary>The digest of what was pushed, deleted or mounted, or of what the tag points at or did.</summary>
    public required string? Digest { get; init; }

    /// <summary>The media type of a pushed manifest.</summary>
    public required string? MediaType { get; init; }

    /// <summary>The size of a pushed manifest or a mounted blob, in bytes.</summary>
    public required long? Size { get; init; }

    /// <summary>The account that made the change; empty for an anonymous caller, and for what the registry did by itself.</summary>
    public required string Account { get; init; }

    /// <summary>The time of the change in Unix seconds.</summary>
    public required long Time { get; init; }
}

/// <summary>A manifest that was pulled.</summary>
/// <param name="Repository">The name of the repository.</param>
/// <param name="Digest">The manifest's digest.</param>
/// <param name="Time">The time of the last pull in Unix seconds.</param>
public sealed record PulledManifest(string Repository, string Digest, long Time);

/// <summary>The body of a POST to <see cref="ServerPaths.Events"/>.</summary>
/// <param name="After">The position that the events follow.</param>
/// <param name="Events">The events, without gaps; none to ask only whether the catalog has reached the position.</param>
/// <param name="Pulled">The manifests that were pulled since the last report.</param>
public sealed record EventReport(EventPosition After, IReadOnlyList<RegistryEvent> Events, IReadOnlyList<PulledManifest> Pulled)
{
    /// <summary>The position of the last event.</summary>
    [JsonIgnore]
    public EventPosition End => Events is [.., var last] ? new EventPosition(last.Sequence, last.Id) : After;
}

/// <summary>The body of a POST to <see cref="ServerPaths.Snapshot"/>: one page of everything that the registry holds.</summary>
/// <param name="Epoch">The id of the snapshot.</param>
/// <param name="Page">The number of the page, from 0.</param>
/// <param name="IsLast">Whether the snapshot is complete with this page.</param>
/// <param name="Position">The position in the registry's history at which the snapshot was taken.</param>
/// <param name="Events">The content, as if each manifest were pushed and each tag moved at that moment.</param>
public sealed record SnapshotReport(string Epoch, int Page, bool IsLast, EventPosition Position, IReadOnlyList<RegistryEvent> Events);
