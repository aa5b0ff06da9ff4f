namespace AuthIndex.TokenServer.Portal;

/// <summary>
/// Where the pages are for browsers. A path that a proxy adds comes from the configured public URL, never from what a request says.
/// </summary>
/// <param name="publicUrl">The configured URL; null when browsers reach the server directly.</param>
internal sealed class PortalSite(Uri? publicUrl)
{
    private const int MaxReturn = 1000;

    private readonly string prefix = publicUrl?.AbsolutePath.TrimEnd('/') ?? "";

    /// <summary>The reference to a page or asset of ours.</summary>
    /// <param name="path">Its path as the server sees it.</param>
    public string Link(string path) => prefix + path;

    /// <summary>The whole address of a page of ours.</summary>
    /// <exception cref="InvalidOperationException">There is no public URL.</exception>
    public string PublicLink(string path) =>
        (publicUrl?.AbsoluteUri.TrimEnd('/') ?? throw new InvalidOperationException("There is no public URL.")) + path;

    /// <summary>What the names of a registry's images begin with; null where its address is not configured.</summary>
    public static string? HostOf(Uri? registry) => registry is null ? null : registry.IsDefaultPort ? registry.Host : registry.Authority;

    /// <summary>
    /// Where to go after signing in: the path of a page of this server, or the first page for anything else. A browser would take
    /// <c>//host</c> and <c>/\host</c> for another server (WHATWG URL, "relative state").
    /// </summary>
    public static string ReturnPath(string? asked) =>
        asked is ['/', ..] && asked.Length <= MaxReturn && asked is not ['/', '/' or '\\', ..]
        && !asked.Contains('\\', StringComparison.Ordinal) && asked.All(c => c is > ' ' and < '\x7f')
            ? asked
            : SearchPageEndpoint.Path;
}
