using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore.Catalog;

/// <summary>
/// The repositories (Docker Registry HTTP API V2, "Catalog"): all of them with <c>registry:catalog:*</c>, otherwise those that the
/// caller may pull, which only the index knows.
/// </summary>
internal sealed class CatalogEndpoint(ManifestStore manifests, IndexClient index, RegistryOptions options)
{
    /// <summary>GET: sorted by bytes, paged by <c>n</c> and <c>last</c>.</summary>
    public async Task<OciError?> ListAsync(V2Request request)
    {
        if (Page.Parse(request.Query("n"), request.Query("last"), options.Limits.PageSize) is not { } page) return OciError.PageInvalid(request.Query("n")!);

        var names = request.Token.Grants(Scope.Catalog)
            ? manifests.Repositories(page.After, page.Count + 1)
            : await PullableAsync(request, page);
        if (names is null) return OciError.Unavailable("the index cannot be asked which repositories you may see");

        if (names.Count > page.Count && page.Count > 0) request.Http.Response.Headers.Link = page.NextLink($"{request.BasePath}/v2/_catalog", names[page.Count - 1]);
        await request.Http.Response.WriteAsJsonAsync(new RepositoryList(names.Take(page.Count)), request.Aborted);
        return null;
    }

    /// <summary>One more name than the page holds, if there is one; null when the index does not answer.</summary>
    private async Task<IReadOnlyList<string>?> PullableAsync(V2Request request, Page page)
    {
        var found = new List<string>();
        var after = page.After;
        while (found.Count <= page.Count)
        {
            var candidates = manifests.Repositories(after, IndexClient.MaxNames);
            if (candidates.Count == 0) break;
            if (await index.PullableAsync(request.Token, request.Http.Connection.RemoteIpAddress, candidates, request.Aborted) is not { } pullable) return null;
            found.AddRange(candidates.Where(pullable.Contains));
            after = candidates[^1];
        }

        return found;
    }

    private sealed record RepositoryList(IEnumerable<string> Repositories);
}
