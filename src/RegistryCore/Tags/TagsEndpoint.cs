using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage.Tags;

namespace AuthIndex.RegistryCore.Tags;

/// <summary>The tags of a repository (OCI distribution-spec 1.1, "Listing tags").</summary>
internal sealed class TagsEndpoint(ITagStore tags, LimitOptions limits)
{
    /// <summary>GET and HEAD: sorted by bytes, paged by <c>n</c> and <c>last</c>.</summary>
    public async Task<OciError?> ListAsync(V2Request request)
    {
        if (!Page.TryParse(request.Query("n"), request.Query("last"), limits.PageSize, out var page, out var problem)) return problem;
        var found = await tags.ListAsync(request.Repository, page.After, page.Count + 1);
        if (found is not { } names) return OciError.NameUnknown(request.Repository);

        if (names.Count > page.Count && page.Count > 0)
        {
            request.Http.Response.Headers.Link = page.NextLink(request.Location("tags/list"), names[page.Count - 1]);
        }

        return await request.AnswerAsync(new TagList(request.Repository.Value, names.Take(page.Count)));
    }

    private sealed record TagList(string Name, IEnumerable<string> Tags);
}
