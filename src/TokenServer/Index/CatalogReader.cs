using AuthIndex.TokenContract;

namespace AuthIndex.TokenServer.Index;

/// <summary>A repository, and the registries that hold it.</summary>
internal sealed record FoundRepository(string Name, List<string> Registries);

/// <summary>Searches the catalog for what a caller may see.</summary>
internal sealed class CatalogReader(ICatalogStore store)
{
    private const int Candidates = 1000;

    // Greater than every text that a name or a service goes on with.
    private const string Greatest = "\U0010ffff";

    /// <summary>
    /// The repositories after a name whose own names hold a text, in byte order. Only the ranges of names that the caller may see
    /// anything of are read, in pages, so that whoever may see little costs little.
    /// </summary>
    public async ValueTask<IReadOnlyList<FoundRepository>> SearchAsync(CatalogView view, string text, string after, int count)
    {
        var found = new List<FoundRepository>();
        foreach (var prefix in view.Prefixes)
        {
            var end = prefix + Greatest;
            // after every registry that holds the last name
            var from = string.CompareOrdinal(after, prefix) < 0 ? (Name: prefix, Service: "") : (Name: after, Service: Greatest);
            if (string.CompareOrdinal(from.Name, end) < 0 && !await CollectAsync(view, text, from, end, count, found)) break;
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
    private async ValueTask<bool> CollectAsync(
        CatalogView view, string text, (string Name, string Service) from, string end, int count, List<FoundRepository> found)
    {
        while (true)
        {
            var candidates = await store.NamesAsync(text, from.Name, from.Service, end, Candidates);
            foreach (var (candidate, service) in candidates)
            {
                if (!RepositoryName.TryParse(candidate, out var name) || !view.Shows(service, name)) continue;
                if (found is [.., var last] && last.Name == candidate) last.Registries.Add(service);
                else if (found.Count == count) return false;
                else found.Add(new FoundRepository(candidate, [service]));
            }

            if (candidates.Count < Candidates) return true;
            from = candidates[^1];
        }
    }
}
