using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal;

/// <summary>Errors that no page handles itself: as HTML for browsers, as JSON for all other clients.</summary>
internal sealed class ErrorPages(PortalOptions options, PageRenderer pages)
{
    /// <summary>The answer to an error.</summary>
    /// <param name="request">The request: one that accepts HTML is a browser's.</param>
    /// <param name="isForPeople">Whether the path is one of the portal's, or none at all.</param>
    /// <param name="error">The error.</param>
    public async ValueTask<Answer> ForAsync(HttpRequest request, bool isForPeople, ErrorAnswer error) =>
        options.Enabled && isForPeople
        && request.Headers.Accept.Any(a => a?.Contains("text/html", StringComparison.OrdinalIgnoreCase) == true)
            ? await pages.ProblemAsync(null, error)
            : error;
}
