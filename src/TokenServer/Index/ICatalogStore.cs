using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.TokenServer.Index;

/// <summary>A repository as one registry holds it. Times are Unix seconds.</summary>
internal sealed record RepositoryPlace
{
    public string Service { get; init; } = "";

    public long Tags { get; init; }

    public long Manifests { get; init; }

    public long PushedAt { get; init; }

    public long? PulledAt { get; init; }
}

/// <summary>A tag as one registry holds it. Size and media type are those of the manifest that it points at.</summary>
internal sealed record TagPlace
{
    public string Name { get; init; } = "";

    public string Service { get; init; } = "";

    public string Digest { get; init; } = "";

    public string MediaType { get; init; } = "";

    public long Size { get; init; }

    public long MovedAt { get; init; }

    public string MovedBy { get; init; } = "";

    public long? PulledAt { get; init; }
}

/// <summary>What became of a report.</summary>
internal abstract record ReportOutcome
{
    /// <summary>It is in the catalog, or was already.</summary>
    internal sealed record Taken : ReportOutcome;

    /// <summary>It does not begin at the catalog's position; nothing was changed, and only a full resync helps.</summary>
    internal sealed record OutOfStep(string Reason) : ReportOutcome;

    private ReportOutcome()
    {
    }
}

/// <summary>
/// What registries hold, as they have reported it. A copy remembers the number and id of the last event in it, in the commit that
/// brought it, so that an event counts once however often it comes.
/// </summary>
internal interface ICatalogStore
{
    /// <summary>
    /// Names of repositories that hold a text, with a registry that holds each, in byte order of both: those after a name and a
    /// registry, and before a name.
    /// </summary>
    /// <param name="text">The text; "" is in every name.</param>
    /// <param name="name">The first name; of it only the registries after <paramref name="service"/>.</param>
    /// <param name="service">The registry.</param>
    /// <param name="end">The name before which they lie.</param>
    /// <param name="count">How many at most.</param>
    ValueTask<IReadOnlyList<(string Name, string Service)>> NamesAsync(string text, string name, string service, string end, int count);

    /// <summary>The registries among the given ones that hold a repository.</summary>
    ValueTask<IReadOnlyList<RepositoryPlace>> PlacesAsync(RepositoryName name, IReadOnlyList<string> services);

    /// <summary>The tags after one, as the given registries hold them, in byte order.</summary>
    ValueTask<IReadOnlyList<TagPlace>> TagsAsync(RepositoryName name, IReadOnlyList<string> services, string after, int count);

    /// <summary>Those of some tags that the given registries hold, in byte order.</summary>
    ValueTask<IReadOnlyList<TagPlace>> TagsNamedAsync(RepositoryName name, IReadOnlyList<string> services, IReadOnlyList<string> tags);

    /// <summary>The first tags, in byte order, that point at a digest in one registry.</summary>
    ValueTask<IReadOnlyList<string>> TagsOfAsync(RepositoryName name, string service, string digest, int count);

    /// <summary>Applies the events of a report that the catalog does not have yet, in one transaction.</summary>
    Task<ReportOutcome> TakeAsync(string service, EventReport report);

    /// <summary>Takes a part of a snapshot; the last one puts it in the place of what was known before.</summary>
    Task<ReportOutcome> TakeAsync(string service, SnapshotReport report);

    /// <summary>
    /// Clears away a little of what was dropped; false when nothing is left. Little by little, because everyone waits for a write.
    /// </summary>
    Task<bool> SweepAsync();
}
