using System.Net;
using System.Security.Cryptography.X509Certificates;
using AuthIndex.Hosting.Web;

namespace AuthIndex.TokenServer.Protocol;

/// <summary>A request that has passed the check of its row in the route table.</summary>
/// <param name="Http">The request.</param>
/// <param name="Argument">The part of the path after the row's path, decoded; empty for a fixed path.</param>
internal sealed record RouteRequest(HttpRequest Http, string Argument)
{
    /// <summary>Where the request came from; null when unknown.</summary>
    public IPAddress? Address => ClientAddress.Of(Http.HttpContext.Connection);

    /// <summary>The client certificate of the connection; null when there is none.</summary>
    public X509Certificate2? Certificate => Http.HttpContext.Connection.ClientCertificate;

    /// <summary>Cancelled when the client disconnects.</summary>
    public CancellationToken Aborted => Http.HttpContext.RequestAborted;

    /// <summary>Reads the whole body into memory.</summary>
    /// <exception cref="BadHttpRequestException">It is larger than the row allows.</exception>
    public async Task<ReadOnlyMemory<byte>> ReadBodyAsync()
    {
        using var body = new MemoryStream();
        await Http.Body.CopyToAsync(body, Aborted);
        return body.GetBuffer().AsMemory(0, (int)body.Length);
    }
}
