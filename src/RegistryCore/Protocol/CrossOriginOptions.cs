using AuthIndex.Hosting;
using Microsoft.AspNetCore.Cors.Infrastructure;

namespace AuthIndex.RegistryCore.Protocol;

/// <summary>The section <c>registry.cors</c>: which other sites' pages may call the registry from a browser (WHATWG Fetch).</summary>
internal sealed class CrossOriginOptions
{
    private static readonly string[] Methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"];

    private static readonly string[] RequestHeaders = [
        "Authorization", "Accept", "Content-Type", "Content-Range", "Range", "If-Match", "If-None-Match"];

    private static readonly string[] ResponseHeaders = [
        "WWW-Authenticate", "Docker-Content-Digest", "Docker-Distribution-Api-Version", "Docker-Upload-UUID", "Link", "Location", "ETag",
        "Range", "Content-Range", "Accept-Ranges", "OCI-Subject", "OCI-Tag", "OCI-Filters-Applied", "OCI-Chunk-Min-Length", "Retry-After",
        "Warning", "X-Request-Id"];

    /// <summary>The origins, as browsers write them: <c>https://HOST</c>, with the port where it is not the default one.</summary>
    public List<string> Origins { get; set; } = [];

    /// <summary>Refuses anything that is not an origin, and wildcards: each origin must be named.</summary>
    /// <exception cref="OperatorException">One of them is not an origin.</exception>
    public void Check()
    {
        foreach (var origin in Origins)
        {
            if (Uri.TryCreate(origin, UriKind.Absolute, out var url)
                && (url.Scheme == Uri.UriSchemeHttps || url.Scheme == Uri.UriSchemeHttp)
                && url.GetLeftPart(UriPartial.Authority) == origin && url.UserInfo.Length == 0)
            {
                continue;
            }

            throw new OperatorException(
                $"registry.cors.origins: '{LogText.Clean(origin)}' is not an origin: write https://HOST or https://HOST:PORT, in lower "
                + "case, without a path; wildcards are not accepted");
        }
    }

    /// <summary>Sets the policy. Credentials of the browser (cookies) are never part of it: clients send a token by themselves.</summary>
    public void Configure(CorsPolicyBuilder policy) => policy.WithOrigins([.. Origins]).WithMethods(Methods).WithHeaders(RequestHeaders)
        .WithExposedHeaders(ResponseHeaders).SetPreflightMaxAge(TimeSpan.FromHours(1));
}
