using AuthIndex.RegistryCore.Access;
using AuthIndex.RegistryCore.Blobs;
using AuthIndex.RegistryCore.Catalog;
using AuthIndex.RegistryCore.Manifests;
using AuthIndex.RegistryCore.Protocol;
using AuthIndex.RegistryCore.Tags;
using AuthIndex.RegistryCore.Uploads;
using AuthIndex.RegistryCore.Upstreams;
using AuthIndex.TokenContract;

namespace AuthIndex.RegistryCore;

/// <summary>One operation of the registry, and the permission it needs: one row, so that no operation can be without.</summary>
/// <param name="Methods">The HTTP methods.</param>
/// <param name="Tail">
/// What follows the repository's name, or <c>/v2/</c> itself for an operation on the registry; <c>{}</c> stands for one variable
/// segment. A whole path, beginning with a slash, for what is outside of <c>/v2/</c>.
/// </param>
/// <param name="Needs">What the token must grant on the repository; nothing means that any good token will do.</param>
/// <param name="Asks">What the challenge asks for: as much or more, since clients push and pull with one token.</param>
/// <param name="Handler">Answers the request, or returns the error to answer with.</param>
/// <param name="FromUpstream">Answers it in the handler's place for a repository of an upstream; null where nothing is asked there.</param>
/// <param name="OnRegistry">What the token must grant in place of anything on a repository; null for an operation on one.</param>
internal sealed record V2Route(
    string[] Methods,
    string Tail,
    ActionSet Needs,
    ActionSet Asks,
    Func<V2Request, Task<OciError?>> Handler,
    Func<V2Request, UpstreamRepository, Task<OciError?>>? FromUpstream = null,
    Scope? OnRegistry = null)
{
    /// <summary>The tail split at its slashes.</summary>
    public string[] Segments { get; } = Tail.Split('/');

    /// <summary>
    /// Whether it answers whoever asks: a whole path, outside of <c>/v2/</c>, that shows nothing but what the caller may see by what they
    /// send along.
    /// </summary>
    public bool IsOpen { get; } = Tail.StartsWith('/');

    /// <summary>The name that metrics and logs know the route by.</summary>
    public string Name { get; } = Tail.StartsWith('/') ? Tail : IsOnRegistry(Tail, OnRegistry) ? $"/v2/{Tail}" : $"/v2/{{name}}/{Tail}";

    /// <summary>Whether the path begins with a repository's name.</summary>
    public bool HasRepository { get; } = !IsOnRegistry(Tail, OnRegistry) && !Tail.StartsWith('/');

    private static bool IsOnRegistry(string tail, Scope? onRegistry) => tail is "" or "_catalog" || onRegistry is not null;
}

/// <summary>
/// THE table of the registry: every operation with the permission it needs. <see cref="V2Endpoint"/> runs it;
/// nothing answers a request but a row of it.
/// </summary>
internal sealed class V2Routes(
    CatalogEndpoint catalog,
    SearchEndpoint search,
    TagsEndpoint tags,
    TagHistoryEndpoint history,
    ManifestEndpoint manifests,
    SizesEndpoint sizes,
    ReferrersEndpoint referrers,
    BlobEndpoint blobs,
    UploadEndpoint uploads,
    UpstreamEndpoint upstream,
    UpstreamListsEndpoint lists,
    UpstreamReportEndpoint figures)
{
    // Extensions of the registry's own: no component of a name begins with an underscore (OCI distribution-spec 1.1, "Extensions").
    private const string HistoryTail = "_authindex/history/{}";
    private const string SizesTail = "_authindex/sizes";
    private const string UpstreamsTail = "_authindex/upstreams";

    private static readonly ActionSet Any = ActionSet.None;
    private static readonly ActionSet Pull = ActionSet.Pull;
    private static readonly ActionSet Push = ActionSet.Push;
    private static readonly ActionSet Delete = ActionSet.Delete;
    private static readonly ActionSet PullPush = ActionSet.Pull.Union(ActionSet.Push);

    /// <summary>The rows. Cancelling an upload needs no more than push: it takes back what was never visible.</summary>
    public IReadOnlyList<V2Route> All { get; } =
    [
        //   methods          tail                 needs     asks      handler              of an upstream
        new(["GET", "HEAD"], "",                  Any,      Any,      PingEndpoint.GetAsync),
        new(["GET", "HEAD"], "_catalog",          Any,      Any,      catalog.ListAsync),
        new(["GET", "HEAD"], UpstreamsTail,       Any,      Any,      figures.ShowAsync, OnRegistry: Scope.IndexSystem),
        new(["GET", "HEAD"], "/v1/_ping",         Any,      Any,      SearchEndpoint.PingAsync),
        new(["GET", "HEAD"], "/v1/search",        Any,      Any,      search.SearchAsync),
        new(["GET", "HEAD"], "tags/list",         Pull,     Pull,     tags.ListAsync,      lists.TagsAsync),
        new(["GET", "HEAD"], "manifests/{}",      Pull,     Pull,     manifests.GetAsync,  upstream.ManifestAsync),
        new(["PUT"],         "manifests/{}",      Push,     PullPush, manifests.PutAsync),
        new(["DELETE"],      "manifests/{}",      Delete,   Delete,   manifests.DeleteAsync),
        new(["GET", "HEAD"], "referrers/{}",      Pull,     Pull,     referrers.GetAsync,  lists.ReferrersAsync),
        new(["GET", "HEAD"], HistoryTail,         Pull,     Pull,     history.ListAsync),
        new(["GET", "HEAD"], SizesTail,           Pull,     Pull,     sizes.ListAsync),
        new(["POST"],        "blobs/uploads",     Push,     PullPush, uploads.StartAsync),
        new(["POST"],        "blobs/uploads/",    Push,     PullPush, uploads.StartAsync),
        new(["GET", "HEAD"], "blobs/uploads/{}",  Push,     PullPush, uploads.StatusAsync),
        new(["PATCH"],       "blobs/uploads/{}",  Push,     PullPush, uploads.AppendAsync),
        new(["PUT"],         "blobs/uploads/{}",  Push,     PullPush, uploads.FinishAsync),
        new(["DELETE"],      "blobs/uploads/{}",  Push,     PullPush, uploads.CancelAsync),
        new(["GET", "HEAD"], "blobs/{}",          Pull,     Pull,     blobs.GetAsync,      upstream.BlobAsync),
        new(["DELETE"],      "blobs/{}",          Delete,   Delete,   blobs.DeleteAsync),
    ];
}
