using System.Globalization;
using System.Text;
using AuthIndex.TokenServer.Protocol;

namespace AuthIndex.TokenServer.Portal;

/// <summary>What every answer of the portal has: nothing of it is kept, framed, sniffed or told to other sites.</summary>
internal static class PageHeaders
{
    /// <summary>Scripts, styles and images from this server only, and none inside a page (W3C CSP3).</summary>
    public const string ContentSecurityPolicy =
        "default-src 'self'; base-uri 'none'; object-src 'none'; form-action 'self'; frame-ancestors 'none'";

    /// <summary>Adds the headers to an answer.</summary>
    public static void AddTo(IHeaderDictionary headers)
    {
        headers.ContentSecurityPolicy = ContentSecurityPolicy;
        headers.XContentTypeOptions = "nosniff";
        headers.XFrameOptions = "DENY";
        headers["Referrer-Policy"] = "no-referrer";
        headers["Cross-Origin-Opener-Policy"] = "same-origin";
        headers["Cross-Origin-Resource-Policy"] = "same-origin";
        headers.CacheControl = "no-store";
    }
}

/// <summary>An HTML page with the security headers of the portal.</summary>
/// <param name="Status">The HTTP status.</param>
/// <param name="Html">The whole document.</param>
internal sealed record PageAnswer(int Status, string Html) : Answer
{
    /// <summary>The <c>Set-Cookie</c> header; null for none.</summary>
    public string? Cookie { get; init; }

    /// <summary>The methods that the path has; null unless the method is wrong.</summary>
    public string? Allow { get; init; }

    /// <summary>After how long it is worth trying again; null to leave that open.</summary>
    public TimeSpan? RetryAfter { get; init; }

    /// <inheritdoc/>
    public override Task SendAsync(HttpResponse response)
    {
        var (headers, body) = (response.Headers, Encoding.UTF8.GetBytes(Html));
        PageHeaders.AddTo(headers);
        if (Cookie is not null) headers.Append("Set-Cookie", Cookie);
        if (RetryAfter is { } wait) headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        if (Allow is not null) headers.Allow = Allow;
        response.StatusCode = Status;
        response.ContentType = "text/html; charset=utf-8";
        response.ContentLength = body.Length;
        return response.BodyWriter.WriteAsync(body, CancellationToken.None).AsTask();
    }
}

/// <summary>The way to another page: 303, so that a browser asks for it by GET (RFC 9110 section 15.4.4).</summary>
/// <param name="Location">The reference.</param>
internal sealed record RedirectAnswer(string Location) : Answer
{
    /// <summary>The <c>Set-Cookie</c> header; null for none.</summary>
    public string? Cookie { get; init; }

    /// <inheritdoc/>
    public override Task SendAsync(HttpResponse response)
    {
        PageHeaders.AddTo(response.Headers);
        if (Cookie is not null) response.Headers.Append("Set-Cookie", Cookie);
        response.Headers.Location = Location;
        response.StatusCode = StatusCodes.Status303SeeOther;
        response.ContentLength = 0;
        return Task.CompletedTask;
    }
}
