using System.DirectoryServices.Protocols;
using System.Net.Sockets;
using System.Security.Authentication;
using AuthIndex.TokenServer.Identity.Ldap.Connections;
using AuthIndex.TokenServer.Identity.Ldap.Doctor;

namespace AuthIndex.TokenServer.Identity.Ldap.Native;

/// <summary>Opens connections with System.DirectoryServices.Protocols.</summary>
/// <param name="caFile">The CA certificates that servers must chain to; the system's when null.</param>
internal sealed class ProtocolsConnector(string? caFile) : IDirectoryConnector
{
    private static readonly string[] SystemCertificates =
        ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/ca-bundle.pem", "/etc/ssl/cert.pem"];

    // libldap reads its own configuration when the first handle is made, and does not guard that against others.
    private static readonly Lock Making = new();

    private readonly string trusted = caFile ?? Array.Find(SystemCertificates, File.Exists) ?? "";

    /// <inheritdoc/>
    public IDirectoryConnection Connect(DirectoryServer server, TimeSpan within)
    {
        if (server.Security != ServerSecurity.Plain && !File.Exists(trusted))
        {
            throw new ServerFailureException($"{server}: the CA file {trusted} is missing");
        }

        var connection = Make(server);
        try
        {
            var open = new ProtocolsConnection(server, connection);
            open.Begin(within);
            return open;
        }
        catch (ServerFailureException e) when (server.Security != ServerSecurity.Plain
            && !e.IsTimeout
            && TlsProblem(server, within) is { } problem)
        {
            connection.Dispose();
            throw new ServerFailureException($"{server}: TLS failed: {problem}; 'ldap doctor' shows the certificate", e, isUntrusted: true);
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }

    /// <summary>
    /// What is wrong with a server's TLS, which the library does not report; null when nothing is, or the server cannot be reached.
    /// </summary>
    private string? TlsProblem(DirectoryServer server, TimeSpan within)
    {
        using var deadline = new CancellationTokenSource(within);
        try
        {
            using var client = new TcpClient();
            // The directory's own threads wait here, as for every call into the library.
            client.ConnectAsync(server.Host, server.Port, deadline.Token).AsTask().GetAwaiter().GetResult();
            var report = new TlsProbe(caFile).LookAsync(client.GetStream(), server, deadline.Token).GetAwaiter().GetResult();
            return report.Problems.Count == 0
                ? null
                : $"{string.Join("; ", report.Problems)} (certificate of {report.Subject} by {report.Issuer})";
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            return e.Message;
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            return null;
        }
    }

    private LdapConnection Make(DirectoryServer server)
    {
        lock (Making)
        {
            var connection = new LdapConnection(
                new LdapDirectoryIdentifier(
                    server.Host.Contains(':', StringComparison.Ordinal)
                    ? $"[{server.Host}]"
                    : server.Host, server.Port), null, AuthType.Basic) { AutoBind = false };
            connection.SessionOptions.ProtocolVersion = 3;
            connection.SessionOptions.ReferralChasing = ReferralChasingOptions.None;
            if (server.Security != ServerSecurity.Plain)
            {
                LibLdap.TrustOnly(LibLdap.HandleOf(connection), trusted);
                connection.SessionOptions.StartNewTlsSessionContext();
                connection.SessionOptions.SecureSocketLayer = server.Security == ServerSecurity.Tls;
            }

            return connection;
        }
    }
}
