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

    /// <summary>The name at which a range is so many names long; null when it is shorter.</summary>
    /// <param name="name">The name after which the range begins.</param>
    /// <param name="end">The name before which it ends.</param>
    /// <param name="count">How many names, each counted once for every registry that holds it.</param>
    ValueTask<string?> NameAfterAsync(string name, string end, int count);

    /// <summary>
    /// All names that hold a text, with a registry that holds each, in any order, by an index of the names' parts; null where there is
    /// none, or when they are more. What the index cannot tell from them may be among them.
    /// </summary>
    /// <param name="text">The text, in which at least three letters or digits stand side by side.</param>
    /// <param name="prefix">What the names begin with.</param>
    /// <param name="most">How many at most.</param>
    ValueTask<IReadOnlyList<(string Name, string Service)>?> FindRareAsync(string text, string prefix, int most);

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

/// <summary>What the databases' catalogs do alike.</summary>
internal static class CatalogRows
{
    /// <summary>Names with the registries whose live copies have them; those of other copies, which have none, are left out.</summary>
    public static IEnumerable<(string Name, string Service)> OfLiveCopies(this IEnumerable<(string Name, string? Service)> rows)
    {
        foreach (var (name, service) in rows)
        {
            if (service is not null) yield return (name, service);
        }
    }
}
