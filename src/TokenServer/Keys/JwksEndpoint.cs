using AuthIndex.TokenServer.Protocol;
using Microsoft.Net.Http.Headers;

namespace AuthIndex.TokenServer.Keys;

/// <summary>
/// GET /.well-known/jwks.json: the public keys. Served as <c>application/json</c>: RFC 7517 registers
/// <c>application/jwk-set+json</c>, but more verifiers take the former.
/// </summary>
internal sealed class JwksEndpoint(JwksDocument document)
{
    /// <summary>Where the document is found.</summary>
    public const string Path = "/.well-known/jwks.json";

    /// <summary>Answers GET and HEAD, with 304 to whoever has the document already (RFC 9110 section 13.1.2).</summary>
    public Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method)) return ErrorAnswer.MethodNotAllowed("GET, HEAD").SendAsync(context.Response);

        var headers = context.Response.Headers;
        headers.ETag = document.ETag;
        headers.CacheControl = "public, max-age=60";
        if (IsKnownTo(request))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        return JsonBytes.SendAsync(context.Response, StatusCodes.Status200OK, document.Body);
    }

    private bool IsKnownTo(HttpRequest request)
    {
        if (request.Headers.IfNoneMatch.Count == 0) return false;
        if (!EntityTagHeaderValue.TryParseList(request.Headers.IfNoneMatch, out var known)) return false;
        var own = new EntityTagHeaderValue(document.ETag);
        return known.Any(tag => tag.Equals(EntityTagHeaderValue.Any) || tag.Compare(own, useStrongComparison: false));
    }
}
