using System.Buffers;
using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Index;

/// <summary>A repository, and the registries that hold it.</summary>
internal sealed record FoundRepository(string Name, List<string> Registries);

/// <summary>Searches the catalog for what a caller may see.</summary>
internal sealed class CatalogReader(ICatalogStore store)
{
    private const int Candidates = 1000;

    // The beginning of a range is read name by name. What lies after it is asked of the index of parts, as long as it finds no more.
    private const int Walked = 1000, Rare = 1000;

    // What the index finds names by: so many letters or digits side by side.
    private const int IndexedPart = 3;

    private static readonly SearchValues<char> LettersAndDigits = SearchValues.Create("0123456789abcdefghijklmnopqrstuvwxyz");
    private static readonly SearchValues<char> InNames = SearchValues.Create("-./0123456789_abcdefghijklmnopqrstuvwxyz");

    // Greater than every text that a name or a service goes on with.
    private const string Greatest = "\U0010ffff";

    /// <summary>
    /// The repositories after a name whose own names hold a text, in byte order. Only the ranges of names that the caller may see
    /// anything of are read, in pages, so that whoever may see little costs little. Long ranges are searched by an index of the names'
    /// parts where there is one, which finds the same.
    /// </summary>
    public async ValueTask<IReadOnlyList<FoundRepository>> SearchAsync(CatalogView view, string text, string after, int count)
    {
        var found = new List<FoundRepository>();
        if (text.AsSpan().ContainsAnyExcept(InNames)) return found;
        var isIndexed = HasIndexedPart(text);
        foreach (var prefix in view.Prefixes)
        {
            var end = prefix + Greatest;
            // after every registry that holds the last name
            var from = string.CompareOrdinal(after, prefix) < 0 ? (Name: prefix, Service: "") : (Name: after, Service: Greatest);
            if (string.CompareOrdinal(from.Name, end) >= 0) continue;
            if (isIndexed && await store.NameAfterAsync(from.Name, end, Walked) is { } far)
            {
                if (!await WalkAsync(view, text, from, far, count, found)) break;
                from = (far, "");
                if (await store.FindRareAsync(text, prefix, Rare) is { } rest)
                {
                    var ordered = rest.Where(r => r.Name.StartsWith(prefix, StringComparison.Ordinal)
                            && r.Name.Contains(text, StringComparison.Ordinal) && string.CompareOrdinal(r.Name, far) >= 0)
                        .OrderBy(r => r.Name, StringComparer.Ordinal).ThenBy(r => r.Service, StringComparer.Ordinal);
                    if (!TryAdd(view, ordered, count, found)) break;
                    continue;
                }
            }

            if (!await WalkAsync(view, text, from, end, count, found)) break;
        }

        return found;
    }

    /// <inheritdoc cref="ICatalogStore.PlacesAsync"/>
    public ValueTask<IReadOnlyList<RepositoryPlace>> PlacesAsync(RepositoryName name, IReadOnlyList<string> services) =>
        store.PlacesAsync(name, services);

    /// <inheritdoc cref="ICatalogStore.TagsAsync"/>
    public ValueTask<IReadOnlyList<TagPlace>> TagsAsync(RepositoryName name, IReadOnlyList<string> services, string after, int count) =>
        store.TagsAsync(name, services, after, count);

    /// <inheritdoc cref="ICatalogStore.TagsNamedAsync"/>
    public ValueTask<IReadOnlyList<TagPlace>> TagsNamedAsync(
        RepositoryName name, IReadOnlyList<string> services, IReadOnlyList<string> tags) => store.TagsNamedAsync(name, services, tags);

    /// <inheritdoc cref="ICatalogStore.TagsOfAsync"/>
    public ValueTask<IReadOnlyList<string>> TagsOfAsync(RepositoryName name, string service, string digest, int count) =>
        store.TagsOfAsync(name, service, digest, count);

    /// <summary>Adds what the caller may see in a range; false when there would be more than the count.</summary>
    private async ValueTask<bool> WalkAsync(
        CatalogView view, string text, (string Name, string Service) from, string end, int count, List<FoundRepository> found)
    {
        while (true)
        {
            var candidates = await store.NamesAsync(text, from.Name, from.Service, end, Candidates);
            if (!TryAdd(view, candidates, count, found)) return false;
            if (candidates.Count < Candidates) return true;
            from = candidates[^1];
        }
    }

    /// <summary>Adds those that the caller may see; false when there would be more than the count.</summary>
    private static bool TryAdd(
        CatalogView view, IEnumerable<(string Name, string Service)> candidates, int count, List<FoundRepository> found)
    {
        foreach (var (candidate, service) in candidates)
        {
            if (!RepositoryName.TryParse(candidate, out var name) || !view.Shows(service, name)) continue;
            if (found is [.., var last] && last.Name == candidate) last.Registries.Add(service);
            else if (found.Count == count) return false;
            else found.Add(new FoundRepository(candidate, [service]));
        }

        return true;
    }

    private static bool HasIndexedPart(string text)
    {
        for (var rest = text.AsSpan(); rest.Length >= IndexedPart;)
        {
            var length = rest.IndexOfAnyExcept(LettersAndDigits);
            if (length < 0) length = rest.Length;
            if (length >= IndexedPart) return true;
            rest = rest[Math.Min(length + 1, rest.Length)..];
        }

        return false;
    }
}
