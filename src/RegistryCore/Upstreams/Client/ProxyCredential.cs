using System.Net;
using AuthIndex.Hosting;

namespace AuthIndex.RegistryCore.Upstreams.Client;

/// <summary>
/// The credential for a proxy, read from its file whenever the proxy asks (407). It is sent to nobody else: requests to an upstream go
/// through a tunnel in which the proxy has no part.
/// </summary>
internal sealed class ProxyCredential : ICredentials
{
    private readonly string file;

    private ProxyCredential(string file) => this.file = file;

    /// <summary>The credential of the configuration; null where there is none.</summary>
    public static ProxyCredential? Of(UpstreamOptions options) =>
        options.ProxyCredentialFile is { } configured ? new ProxyCredential(configured) : null;

    /// <inheritdoc/>
    /// <exception cref="HttpRequestException">The file cannot be used; clients do not learn why.</exception>
    public NetworkCredential? GetCredential(Uri uri, string authType)
    {
        if (!authType.Equals("Basic", StringComparison.OrdinalIgnoreCase)) return null;
        try
        {
            var text = UpstreamCredential.Read(file, "the credential for the proxy");
            var colon = text.IndexOf(':', StringComparison.Ordinal);
            return new NetworkCredential(text[..colon], text[(colon + 1)..]);
        }
        catch (OperatorException e)
        {
            throw new HttpRequestException(e.Message, e);
        }
    }
}
