using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using AuthIndex.Hosting.Web;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Index;

/// <summary>
/// The catalogue for people and programs: GET <c>/index/v1/repositories</c> searches, <c>…/{name}</c> tells where a repository is,
/// <c>…/{name}/tags</c> its tags. Everyone sees what they may pull; the rest is not there.
/// </summary>
internal sealed class CatalogEndpoint(CatalogSignIn signIn, CatalogReader catalogue)
{
    /// <summary>Where it is.</summary>
    public const string Path = "/index/v1/repositories";
    private const string TagsTail = "/tags";

    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull };

    /// <summary>Whether a path is one of these.</summary>
    public static bool Answers(string path) => path == Path || path.StartsWith(Path + "/", StringComparison.Ordinal);

    /// <summary>Answers one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method))
        {
            await ErrorAnswer.MethodNotAllowed("GET, HEAD").SendAsync(context.Response);
            return;
        }

        var (view, error) = await signIn.ReadAsync(request.Headers.Authorization, ClientAddress.Of(context.Connection), context.RequestAborted);
        var wrongPage = CatalogPage.Read(request.Query, out var page);
        if ((error ?? wrongPage) is { } wrong)
        {
            await wrong.SendAsync(context.Response);
            return;
        }

        var tail = request.Path.Value![Path.Length..];
        if (tail.Length == 0) await SearchAsync(context, view!, page);
        else if (tail.EndsWith(TagsTail, StringComparison.Ordinal)) await TagsAsync(context, view!, NameIn(tail[..^TagsTail.Length]), page);
        else await PlacesAsync(context, view!, NameIn(tail));
    }

    /// <summary>The name in a path. Its slashes may be escaped, and must be in a name that itself ends in <c>/tags</c>.</summary>
    private static RepositoryName? NameIn(string tail) =>
        RepositoryName.TryParse(tail.TrimStart('/').Replace("%2F", "/", StringComparison.OrdinalIgnoreCase), out var name) ? name : null;

    private Task SearchAsync(HttpContext context, CatalogView view, CatalogPage page)
    {
        var text = context.Request.Query["q"].FirstOrDefault() ?? "";
        var found = catalogue.Search(view, text, page.After, page.Count + 1);
        if (found.Count > page.Count && page.Count > 0)
        {
            context.Response.Headers.Link = page.NextLink(Path, found[page.Count - 1].Name, text.Length == 0 ? "" : $"&q={Uri.EscapeDataString(text)}");
        }

        return AnswerAsync(context, new { repositories = found.Take(page.Count) });
    }

    private Task PlacesAsync(HttpContext context, CatalogView view, RepositoryName? asked)
    {
        if (asked is not { } name || PlacesOf(name, view.ServicesFor(name)) is not { Count: > 0 } places) return ErrorAnswer.RepositoryUnknown.SendAsync(context.Response);
        return AnswerAsync(context, new
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
    }

    private Task TagsAsync(HttpContext context, CatalogView view, RepositoryName? asked, CatalogPage page)
    {
        if (asked is not { } name) return ErrorAnswer.RepositoryUnknown.SendAsync(context.Response);
        var services = view.ServicesFor(name);
        if (PlacesOf(name, services).Count == 0) return ErrorAnswer.RepositoryUnknown.SendAsync(context.Response);

        var tags = catalogue.Tags(name, services, page.After, page.Count + 1).GroupBy(t => t.Name, StringComparer.Ordinal).Take(page.Count + 1).ToList();
        if (tags.Count > page.Count && page.Count > 0) context.Response.Headers.Link = page.NextLink($"{Path}/{name.Value.Replace("/", "%2F", StringComparison.Ordinal)}{TagsTail}", tags[page.Count - 1].Key);
        return AnswerAsync(context, new
        {
            name = name.Value,
            tags = tags.Take(page.Count).Select(tag => new
            {
                name = tag.Key,
                registries = tag.Select(t => new { t.Service, t.Digest, t.MediaType, t.Size, pushed = Time(t.MovedAt), pushedBy = t.MovedBy, pulled = Time(t.PulledAt) }),
            }),
        });
    }

    /// <summary>Where the caller may find a repository. One that they may pull nowhere is not looked for: the time of the answer would tell that it exists.</summary>
    private IReadOnlyList<RepositoryPlace> PlacesOf(RepositoryName name, IReadOnlyList<string> services) => services.Count == 0 ? [] : catalogue.Places(name, services);

    private static string? Time(long? seconds) =>
        seconds is { } s ? DateTimeOffset.FromUnixTimeSeconds(s).ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture) : null;

    private static Task AnswerAsync<T>(HttpContext context, T answer)
    {
        context.Response.Headers.CacheControl = "no-store";
        return JsonBytes.SendAsync(context.Response, StatusCodes.Status200OK, JsonSerializer.SerializeToUtf8Bytes(answer, Json));
    }
}
