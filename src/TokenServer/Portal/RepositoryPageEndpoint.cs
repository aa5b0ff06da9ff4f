using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Portal.Images;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;
using AuthIndex.TokenServer.Registries;

namespace AuthIndex.TokenServer.Portal;

/// <summary>GET <c>/repositories/{name}</c>: the registries that hold a repository, and its tags by pages.</summary>
internal sealed class RepositoryPageEndpoint(
    PolicyStore policies, CatalogReader catalog, RegistryTokens tokens, RegistryClients registries, RepositoryDetails details,
    PageRenderer pages, PortalSite site, TimeProvider time)
{
    /// <summary>Where repositories are.</summary>
    public const string Path = "/repositories";

    private const int PageSize = 50;

    /// <summary>The path of a repository's page.</summary>
    public static string PathOf(string name) => $"{Path}/{name}"; // a name has no character that would have to be escaped

    /// <summary>Shows a page of a repository's tags. One that the visitor may pull nowhere is not looked for.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, Visitor visitor)
    {
        var view = new CatalogView(policies.Current, visitor.Subject, time.GetUtcNow());
        if (!RepositoryName.TryParse(request.Argument, out var name) || view.ServicesFor(name) is not { Count: > 0 } services
            || await catalog.PlacesAsync(name, services) is not { Count: > 0 } places)
        {
            return await pages.ProblemAsync(visitor, StatusCodes.Status404NotFound, "Not found", ErrorAnswer.RepositoryUnknown.Message);
        }

        var after = request.Http.Query["after"].FirstOrDefault() ?? "";
        var tags = (await catalog.TagsAsync(name, services, after, PageSize + 1)).GroupBy(t => t.Name, StringComparer.Ordinal)
            .Take(PageSize + 1).ToList();
        var shown = tags.Take(PageSize).SelectMany(tag => tag).ToList();
        var detail = await details.ReadAsync(visitor.Subject, name, services, shown, isFirst: after.Length == 0, request.Aborted);
        var deletable = visitor is not SessionCaller ? [] : places.Select(p => p.Service)
            .Where(s => tokens.May(visitor.Subject, registries[s].Service, name, ActionSet.Delete)).ToHashSet(StringComparer.Ordinal);
        var model = new RepositoryModel(
            name.Value,
            [.. places.Select(p => new PlaceRow(
                p.Service, PortalSite.HostOf(view.UrlOf(p.Service)), p.Tags, p.Manifests, Time(p.PushedAt), Time(p.PulledAt)))],
            [.. shown.Select(t => Row(
                name.Value, t, detail.Sizes.TryGetValue((t.Service, t.Digest), out var size) ? size : null,
                deletable.Contains(t.Service)))],
            after.Length > 0 ? site.Link(PathOf(name.Value)) : null,
            tags.Count > PageSize ? site.Link($"{PathOf(name.Value)}?after={Uri.EscapeDataString(tags[PageSize - 1].Key)}") : null,
            detail.Readme);
        return await pages.RenderAsync<RepositoryPage>(visitor, name.Value, model);
    }

    private TagRow Row(string name, TagPlace tag, long? size, bool mayDelete) => new(
        tag.Name, site.Link(ImagePageEndpoint.PathOf(name, tag.Name, tag.Service)), tag.Service, tag.Digest,
        ManifestTypes.All.Contains(tag.MediaType) ? ArtifactKinds.Name(tag.MediaType, null) : UntrustedJson.Shown(tag.MediaType),
        size, Time(tag.MovedAt), tag.MovedBy, Time(tag.PulledAt), mayDelete);

    private static DateTimeOffset Time(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds);

    private static DateTimeOffset? Time(long? seconds) => seconds is { } s ? Time(s) : null;
}
