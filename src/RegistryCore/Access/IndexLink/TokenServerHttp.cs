using AuthIndex.Hosting;
using AuthIndex.Hosting.Tls;

namespace AuthIndex.RegistryCore.Access.IndexLink;

/// <summary>Makes the HTTP clients for the token server.</summary>
internal static class TokenServerHttp
{
    /// <summary>How long an ordinary request may take.</summary>
    public static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    // The longest answer of the token server that is read.
    private const int MaxAnswerBytes = 64 * 1024 * 1024;

    /// <summary>
    /// A client that trusts the token server's private CA where one is configured, and then no other, and shows a certificate where one
    /// is configured.
    /// </summary>
    /// <exception cref="OperatorException">Of the certificate and its key, only one is configured.</exception>
    public static HttpClient Create(TokenServerLinkOptions link, TimeSpan timeout, ILogger<CertificateFiles> log)
    {
        if (link.ClientCertificateFile is null != link.ClientKeyFile is null)
        {
            throw new OperatorException("registry.tokenServer needs both clientCertificateFile and clientKeyFile, or neither");
        }

        var handler = new SocketsHttpHandler { PooledConnectionLifetime = TimeSpan.FromMinutes(5), AllowAutoRedirect = false };
        if (link.CaFile is not null) handler.SslOptions.Trust(link.CaFile, "registry.tokenServer.caFile");
        if (link is { ClientCertificateFile: { } certificate, ClientKeyFile: { } key })
        {
            var shown = new CertificateFiles(certificate, key, null, log);
            handler.SslOptions.LocalCertificateSelectionCallback = (_, _, _, _, _) => shown.Current.Certificate;
        }

        return new HttpClient(handler) { Timeout = timeout, MaxResponseContentBufferSize = MaxAnswerBytes };
    }
}
