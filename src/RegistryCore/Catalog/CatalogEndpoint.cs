using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Access.IndexLink;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Storage;
using AuthIndex.TokenContract;
using AuthIndex.TokenContract.Wire;

namespace AuthIndex.RegistryCore.Catalog;

/// <summary>
/// The repositories (Docker Registry HTTP API V2, "Catalog"): all of them with <c>registry:catalog:*</c>, otherwise those that the
/// caller may pull, which only the index knows.
/// </summary>
internal sealed class CatalogEndpoint(IRepositoryStore repositories, IndexClient index, LimitOptions limits)
{
    /// <summary>GET and HEAD: sorted by bytes, paged by <c>n</c> and <c>last</c>.</summary>
    public async Task<OciError?> ListAsync(V2Request request)
    {
        if (!Page.TryParse(request.Query("n"), request.Query("last"), limits.PageSize, out var page, out var problem)) return problem;

        var names = request.Token.Grants(Scope.Catalog)
            ? await repositories.ListAsync(page.After, page.Count + 1)
            : await PullableAsync(request, page);
        if (names is null) return OciError.Unavailable("cannot ask the index which repositories you may see");

        if (names.Count > page.Count && page.Count > 0)
        {
            request.Http.Response.Headers.Link = page.NextLink($"{request.BasePath}/v2/_catalog", names[page.Count - 1]);
        }

        return await request.AnswerAsync(new RepositoryList(names.Take(page.Count)));
    }

    /// <summary>
    /// One more name than the page holds, if there is one; null when the index does not answer. The first question is no larger than
    /// the page, and after it only names are asked about that begin as the index says: a listing costs what it shows.
    /// </summary>
    private async Task<IReadOnlyList<string>?> PullableAsync(V2Request request, Page page)
    {
        var (found, after, count) = (new List<string>(), page.After, page.Count + 1);
        IReadOnlyList<string>? prefixes = null;
        while (found.Count <= page.Count)
        {
            var candidates = await CandidatesAsync(prefixes ?? [""], after, Math.Min(count, PullableQuestion.MaxRepositories));
            if (candidates.Count == 0) break;
            if (await index.PullableAsync(request.TokenText, request.Http.Connection.RemoteIpAddress, candidates, request.Aborted,
                wantsPrefixes: prefixes is null) is not { } pullable)
            {
                return null;
            }

            found.AddRange(candidates.Where(pullable.Repositories.Contains));
            prefixes ??= pullable.Prefixes ?? [""];
            after = candidates[^1];
            // few answers for many questions when most within the prefixes is denied
            count = Math.Min(count, PullableQuestion.MaxRepositories) * 4;
        }

        return found;
    }

    /// <summary>
    /// The next names that begin with one of the prefixes, which are in byte order and of which none begins with another.
    /// </summary>
    private async ValueTask<List<string>> CandidatesAsync(IReadOnlyList<string> prefixes, string after, int count)
    {
        var names = new List<string>();
        foreach (var prefix in prefixes)
        {
            if (names.Count == count) break;
            names.AddRange(await repositories.ListAsync(after, count - names.Count, prefix));
        }

        return names;
    }

    private sealed record RepositoryList(IEnumerable<string> Repositories);
}
