using AuthIndex.TokenContract.Wire;
using AuthIndex.TokenServer.Protocol;
using Microsoft.Net.Http.Headers;

namespace AuthIndex.TokenServer.Keys;

/// <summary>
/// GET /.well-known/jwks.json: the public keys. Served as <c>application/json</c>: RFC 7517 registers
/// <c>application/jwk-set+json</c>, but more verifiers take the former.
/// </summary>
internal sealed class JwksEndpoint(KeyStore keys, TimeProvider time)
{
    /// <summary>The path of the document.</summary>
    public const string Path = ServerPaths.Keys;

    private volatile JwksDocument last = new([]);

    /// <summary>The document, or 304 when the client already has it (RFC 9110 section 13.1.2).</summary>
    public Task<Answer> AnswerAsync(RouteRequest request)
    {
        var document = Current();
        var answer = IsKnownTo(request.Http, document.ETag)
            ? new JsonAnswer(StatusCodes.Status304NotModified, null)
            : JsonAnswer.Ok(document.Body);
        return Task.FromResult<Answer>(answer with { ETag = document.ETag, CacheControl = "public, max-age=60" });
    }

    private JwksDocument Current()
    {
        var document = last;
        var published = keys.Current.Published(time.GetUtcNow());
        if (!published.SequenceEqual(document.Keys)) last = document = new JwksDocument([.. published]);
        return document;
    }

    private static bool IsKnownTo(HttpRequest request, string tag)
    {
        if (request.Headers.IfNoneMatch.Count == 0) return false;
        if (!EntityTagHeaderValue.TryParseList(request.Headers.IfNoneMatch, out var known)) return false;
        var own = new EntityTagHeaderValue(tag);
        return known.Any(k => k.Equals(EntityTagHeaderValue.Any) || k.Compare(own, useStrongComparison: false));
    }
}
