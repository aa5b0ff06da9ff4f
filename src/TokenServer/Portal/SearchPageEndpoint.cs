using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Index;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Portal.Pages;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal;

/// <summary>GET <c>/</c>: the repositories that the visitor may pull, across all registries, by pages.</summary>
internal sealed class SearchPageEndpoint(
    PolicyStore policies, CatalogReader catalog, PageRenderer pages, PortalSite site, TimeProvider time)
{
    /// <summary>The root of the token server.</summary>
    public const string Path = "/";

    private const int PageSize = 50;
    private const int MaxQuery = 256; // no repository's name is longer

    /// <summary>Shows a page of what was found.</summary>
    public async Task<Answer> ShowAsync(RouteRequest request, Visitor visitor)
    {
        var query = (request.Http.Query["q"].FirstOrDefault() ?? "").Trim();
        if (query.Length > MaxQuery) query = query[..MaxQuery];
        var after = request.Http.Query["after"].FirstOrDefault() ?? "";
        var view = new CatalogView(policies.Current, visitor.Subject, time.GetUtcNow());
        var found = await catalog.SearchAsync(view, query, after, PageSize + 1);
        var model = new SearchModel(
            query,
            after.Length > 0 ? site.Link(Path + Query(query, "")) : null,
            [.. found.Take(PageSize).Select(r => new FoundRow(r.Name, r.Registries))],
            found.Count > PageSize ? site.Link(Path + Query(query, found[PageSize - 1].Name)) : null);
        return await pages.RenderAsync<SearchPage>(visitor, query.Length == 0 ? "Repositories" : $"Repositories: {query}", model);
    }

    private static string Query(string query, string after)
    {
        string[] parts = [query.Length == 0 ? "" : $"q={Uri.EscapeDataString(query)}",
            after.Length == 0 ? "" : $"after={Uri.EscapeDataString(after)}"];
        var text = string.Join('&', parts.Where(p => p.Length > 0));
        return text.Length == 0 ? "" : $"?{text}";
    }
}
