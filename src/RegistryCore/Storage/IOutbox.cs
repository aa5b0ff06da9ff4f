using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Storage;

/// <summary>The events that the index has not acknowledged yet.</summary>
internal interface IOutbox
{
    /// <summary>Begins or ends reporting. What happened while nothing was written down takes a full resync.</summary>
    Task SetReportingAsync(bool reporting);

    /// <summary>How the outbox stands.</summary>
    ValueTask<OutboxState> StateAsync();

    /// <summary>How it stands as far as that is known without waiting, for probes and metrics.</summary>
    OutboxState LastState();

    /// <summary>The oldest events that wait, at most <paramref name="count"/>; none is skipped that is committed later.</summary>
    ValueTask<OutboxBatch> ReadAsync(int count);

    /// <summary>Removes the events up to a position.</summary>
    Task AcknowledgeAsync(EventPosition position);

    /// <summary>Asks for a full resync.</summary>
    /// <returns>The request's number.</returns>
    Task<long> RequestResyncAsync();

    /// <summary>Removes the oldest events unsent, and asks for the resync that makes up for them.</summary>
    Task GiveUpAsync(EventPosition position);

    /// <summary>Everything that the index should know, as of now.</summary>
    Task<IContentSnapshot> OpenSnapshotAsync();

    /// <summary>The index has this snapshot: the events that it holds already go, and the requests from before it are met.</summary>
    Task CompleteResyncAsync(IContentSnapshot snapshot);
}

/// <summary>Every manifest and tag of the registry at one point of its history, as if each were pushed or moved at that moment.</summary>
internal interface IContentSnapshot : IAsyncDisposable
{
    /// <summary>The last event that the snapshot includes.</summary>
    EventPosition Position { get; }

    /// <summary>The last request for a resync that this meets.</summary>
    long ResyncRequested { get; }

    /// <summary>The content, read while it is enumerated: manifests before the tags that point at them.</summary>
    IAsyncEnumerable<RegistryEvent> ContentAsync();
}

/// <summary>The oldest events that wait.</summary>
/// <param name="After">Where they begin.</param>
/// <param name="Events">The events, without gaps.</param>
internal sealed record OutboxBatch(EventPosition After, IReadOnlyList<RegistryEvent> Events)
{
    /// <summary>The position of the last event of the batch.</summary>
    public EventPosition End => Events is [.., var last] ? new EventPosition(last.Sequence, last.Id) : After;
}

/// <summary>How the outbox stands.</summary>
internal sealed record OutboxState
{
    /// <summary>The number of events that the index has not acknowledged.</summary>
    public long Depth { get; init; }

    /// <summary>Since when the oldest does, in Unix seconds; null when none waits.</summary>
    public long? OldestAt { get; init; }

    /// <summary>The number of the last request for a full resync.</summary>
    public long ResyncRequested { get; init; }

    /// <summary>The number of the last request that was met.</summary>
    public long ResyncDone { get; init; }

    /// <summary>Whether a full resync with the index is due.</summary>
    public bool NeedsResync => ResyncRequested > ResyncDone;
}
