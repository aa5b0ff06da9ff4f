using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal;

/// <summary>GET <c>/repositories/{name}</c>: the registries that hold a repository, and its tags by pages.</summary>
internal sealed class RepositoryPageEndpoint(
    PolicyStore policies, CatalogReader catalog, PageRenderer pages, PortalSite site, TimeProvider time)
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
        var model = new RepositoryModel(
            name.Value,
            [.. places.Select(p => new PlaceRow(
                p.Service, PortalSite.HostOf(view.UrlOf(p.Service)), p.Tags, p.Manifests, Time(p.PushedAt), Time(p.PulledAt)))],
            [.. tags.Take(PageSize).SelectMany(tag => tag.Select(Row))],
            after.Length > 0 ? site.Link(PathOf(name.Value)) : null,
            tags.Count > PageSize ? site.Link($"{PathOf(name.Value)}?after={Uri.EscapeDataString(tags[PageSize - 1].Key)}") : null);
        return await pages.RenderAsync<RepositoryPage>(visitor, name.Value, model);
    }

    private static TagRow Row(TagPlace tag) => new(
        tag.Name, tag.Service, tag.Digest, Kind(tag.MediaType), Time(tag.MovedAt), tag.MovedBy, Time(tag.PulledAt));

    private static string Kind(string mediaType) => mediaType switch
    {
        "application/vnd.oci.image.index.v1+json" or "application/vnd.docker.distribution.manifest.list.v2+json" => "several platforms",
        "application/vnd.oci.image.manifest.v1+json" or "application/vnd.docker.distribution.manifest.v2+json" => "one image",
        _ => mediaType,
    };

    private static DateTimeOffset Time(long seconds) => DateTimeOffset.FromUnixTimeSeconds(seconds);

    private static DateTimeOffset? Time(long? seconds) => seconds is { } s ? Time(s) : null;
}
