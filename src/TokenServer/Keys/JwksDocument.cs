using System.Buffers.Text;
using System.Security.Cryptography;
using AuthIndex.TokenContract;
using AuthIndex.TokenServer.Protocol;
using Microsoft.Net.Http.Headers;

namespace AuthIndex.TokenServer.Keys;

/// <summary>
/// The public keys as a JWK set (RFC 7517 section 5), made once. Served as <c>application/json</c>: RFC 7517 registers
/// <c>application/jwk-set+json</c>, but more verifiers take the former.
/// </summary>
internal sealed class JwksDocument
{
    /// <summary>Where the document is found.</summary>
    public const string Path = "/.well-known/jwks.json";

    private readonly byte[] body;
    private readonly string etag;

    public JwksDocument(KeyRing keys)
    {
        body = JsonBytes.Write(keys, static (json, keys) =>
        {
            json.WriteStartObject();
            json.WriteStartArray("keys"u8);
            foreach (var key in keys.All)
            {
                json.WriteStartObject();
                json.WriteString("kty"u8, "EC"u8);
                json.WriteString("crv"u8, "P-256"u8);
                json.WriteString("x"u8, Base64Url.EncodeToString(key.X));
                json.WriteString("y"u8, Base64Url.EncodeToString(key.Y));
                json.WriteString("use"u8, "sig"u8);
                json.WriteString("alg"u8, TokenProfile.Es256);
                json.WriteString("kid"u8, key.Id);
                json.WriteEndObject();
            }

            json.WriteEndArray();
            json.WriteEndObject();
        });
        etag = $"\"{Convert.ToHexStringLower(SHA256.HashData(body).AsSpan(0, 16))}\"";
    }

    /// <summary>Answers GET and HEAD, with 304 to whoever has the document already (RFC 9110 section 13.1.2).</summary>
    public Task HandleAsync(HttpContext context)
    {
        var request = context.Request;
        if (!HttpMethods.IsGet(request.Method) && !HttpMethods.IsHead(request.Method)) return ErrorAnswer.MethodNotAllowed("GET, HEAD").WriteAsync(context);

        var headers = context.Response.Headers;
        headers.ETag = etag;
        headers.CacheControl = "public, max-age=60";
        if (IsKnownTo(request))
        {
            context.Response.StatusCode = StatusCodes.Status304NotModified;
            return Task.CompletedTask;
        }

        return JsonBytes.WriteAsync(context, StatusCodes.Status200OK, body);
    }

    private bool IsKnownTo(HttpRequest request)
    {
        if (request.Headers.IfNoneMatch.Count == 0) return false;
        if (!EntityTagHeaderValue.TryParseList(request.Headers.IfNoneMatch, out var known)) return false;
        var own = new EntityTagHeaderValue(etag);
        return known.Any(tag => tag.Equals(EntityTagHeaderValue.Any) || tag.Compare(own, useStrongComparison: false));
    }
}
