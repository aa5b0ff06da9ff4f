using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Access;
using AuthIndex.TokenServer.Policies;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// The catalog for people and programs: GET <c>/index/v1/repositories</c> searches, <c>…/{name}</c> tells where a repository is,
/// <c>…/{name}/tags</c> its tags. Everyone sees what they may pull; the rest is not there.
/// </summary>
internal sealed class CatalogEndpoint(PolicyStore policies, CatalogReader catalog, TimeProvider time)
{
    /// <summary>The path of the search; a repository's is below it.</summary>
    public const string Path = "/index/v1/repositories";
    private const string TagsTail = "/tags";

    private static readonly JsonSerializerOptions Json = new(
        JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>Searches for repositories by a part of their names; only those that the caller may pull are found.</summary>
    public async Task<Answer> SearchAsync(RouteRequest request, SubjectCaller caller) =>
        CatalogPage.TryRead(request.Http.Query, out var page, out var problem)
            ? await SearchAsync(ViewOf(caller), request.Http.Query["q"].FirstOrDefault() ?? "", page)
            : problem;

    /// <summary>Tells where a repository is, or its tags.</summary>
    public async Task<Answer> DescribeAsync(RouteRequest request, SubjectCaller caller) =>
        CatalogPage.TryRead(request.Http.Query, out var page, out var problem)
            ? await DescribeAsync($"/{request.Argument}", ViewOf(caller), page)
            : problem;

    private CatalogView ViewOf(SubjectCaller caller) => new(policies.Current, caller, time.GetUtcNow());

    private async Task<Answer> DescribeAsync(string tail, CatalogView view, CatalogPage page)
    {
        var asksForTags = tail.EndsWith(TagsTail, StringComparison.Ordinal);
        if (NameIn(asksForTags ? tail[..^TagsTail.Length] : tail) is not { } name) return ErrorAnswer.RepositoryUnknown;
        var services = view.ServicesFor(name);
        if (await PlacesOfAsync(name, services) is not { Count: > 0 } places) return ErrorAnswer.RepositoryUnknown;
        return asksForTags ? await TagsAsync(name, services, page) : Places(name, places, view);
    }

    /// <summary>The name in a path. Its slashes may be escaped, and must be in a name that itself ends in <c>/tags</c>.</summary>
    private static RepositoryName? NameIn(string tail) =>
        RepositoryName.TryParse(tail.TrimStart('/').Replace("%2F", "/", StringComparison.OrdinalIgnoreCase), out var name) ? name : null;

    private async Task<Answer> SearchAsync(CatalogView view, string text, CatalogPage page)
    {
        var found = await catalog.SearchAsync(view, text, page.After, page.Count + 1);
        return Ok(new { repositories = found.Take(page.Count) }) with
        {
            Link = found.Count > page.Count && page.Count > 0
                ? page.NextLink(Path, found[page.Count - 1].Name, text.Length == 0 ? "" : $"&q={Uri.EscapeDataString(text)}")
                : null,
        };
    }

    private static JsonAnswer Places(RepositoryName name, IReadOnlyList<RepositoryPlace> places, CatalogView view) => Ok(new
    {
        name = name.Value,
        registries = places.Select(p => new
        {
            p.Service,
            url = view.UrlOf(p.Service)?.AbsoluteUri.TrimEnd('/'),
            p.Tags,
            p.Manifests,
            pushed = Time(p.PushedAt),
            pulled = Time(p.PulledAt),
        }),
    });

    private async Task<Answer> TagsAsync(RepositoryName name, IReadOnlyList<string> services, CatalogPage page)
    {
        var rows = await catalog.TagsAsync(name, services, page.After, page.Count + 1);
        var tags = rows.GroupBy(t => t.Name, StringComparer.Ordinal).Take(page.Count + 1).ToList();
        return Ok(new
        {
            name = name.Value,
            tags = tags.Take(page.Count).Select(tag => new
            {
                name = tag.Key,
                registries = tag.Select(
                    t =>
                        new { t.Service, t.Digest, t.MediaType, t.Size, pushed = Time(t.MovedAt), pushedBy = t.MovedBy,
                            pulled = Time(t.PulledAt) }),
            }),
        }) with
        {
            Link = tags.Count > page.Count && page.Count > 0
                ? page.NextLink($"{Path}/{name.Value.Replace("/", "%2F", StringComparison.Ordinal)}{TagsTail}", tags[page.Count - 1].Key)
                : null,
        };
    }

    /// <summary>
    /// Where the caller may find a repository. One that they may pull nowhere is not looked for: the time of the answer would tell that
    /// it exists.
    /// </summary>
    private async ValueTask<IReadOnlyList<RepositoryPlace>> PlacesOfAsync(RepositoryName name, IReadOnlyList<string> services) =>
        services.Count == 0 ? [] : await catalog.PlacesAsync(name, services);

    private static string? Time(long? seconds) =>
        seconds is { } s ? DateTimeOffset.FromUnixTimeSeconds(s).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) : null;

    private static JsonAnswer Ok<T>(T body) => JsonAnswer.Ok(JsonSerializer.SerializeToUtf8Bytes(body, Json));
}
